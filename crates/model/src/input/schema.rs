//! The schema of the pack, as `datapackage.json` gives it (Frictionless Data Package, a subset).

use serde::Deserialize;

use super::{Problem, Problems, Source};

/// Path of the schema in a pack.
pub const SCHEMA_PATH: &str = "datapackage.json";

/// The data package: all tables a pack must hold.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// Machine name.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub description: String,
    /// Path of the bibliography.
    pub sources: String,
    /// Tables.
    pub resources: Vec<Resource>,
}

/// One table.
#[derive(Debug, Clone, Deserialize)]
pub struct Resource {
    /// Machine name (`sales`).
    pub name: String,
    /// Path in the pack (`record/sales.csv`).
    pub path: String,
    /// One sentence.
    #[serde(default)]
    pub description: String,
    /// Columns and keys.
    pub schema: TableSchema,
    /// How the table stands to runs from an earlier year.
    #[serde(default)]
    pub vintage: Vintage,
}

/// Which rows a run from an earlier year may know.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Vintage {
    /// Why rows known later may be used all the same; none if they may not.
    #[serde(default)]
    pub waived: Option<String>,
}

/// Columns and keys of a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSchema {
    /// Columns in order.
    pub fields: Vec<Field>,
    /// Columns that together name a row.
    #[serde(default)]
    pub primary_key: Vec<String>,
    /// References to other tables.
    #[serde(default)]
    pub foreign_keys: Vec<ForeignKey>,
}

/// A reference of a column to the codes of countries.
#[derive(Debug, Clone, Deserialize)]
pub struct ForeignKey {
    /// The column.
    pub fields: String,
    /// Further codes allowed: aggregates.
    #[serde(default)]
    pub aggregates: Vec<String>,
}

/// Kind of values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Words.
    String,
    /// Whole numbers.
    Integer,
    /// Real numbers.
    Number,
}

/// One column.
#[derive(Debug, Clone, Deserialize)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Kind of values.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Unit.
    #[serde(default)]
    pub unit: String,
    /// What is allowed.
    #[serde(default)]
    pub constraints: Constraints,
}

/// What a column allows.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Constraints {
    /// No empty cell.
    #[serde(default)]
    pub required: bool,
    /// Least value.
    pub minimum: Option<f64>,
    /// Greatest value.
    pub maximum: Option<f64>,
    /// The words allowed.
    #[serde(rename = "enum")]
    pub words: Option<Vec<String>>,
}

impl Package {
    /// Reads the schema of a pack.
    pub fn load(source: &dyn Source) -> Result<Self, Problems> {
        let problem = |line, column, message: String| {
            Problems(vec![Problem {
                file: SCHEMA_PATH.to_owned(),
                line,
                column,
                key: String::new(),
                message,
                help: "`kyoso data init DIR` writes a fresh copy of the pack".to_owned(),
            }])
        };
        let Some(bytes) = source.read(SCHEMA_PATH) else {
            return Err(problem(0, 0, "the pack has no schema".to_owned()));
        };
        serde_json::from_slice(&bytes)
            .map_err(|error| problem(error.line(), error.column(), error.to_string()))
    }
}
