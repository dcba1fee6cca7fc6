//! `datapackage.json` beside the tables of a run.

use kyoso_model::tables::{Table, Values};
use serde_json::{Value, json};

/// Describes tables written with this extension.
pub fn datapackage(tables: &[Table], extension: &str) -> Value {
    let resources: Vec<Value> = tables
        .iter()
        .map(|table| {
            let fields: Vec<Value> = table
                .columns
                .iter()
                .map(|column| {
                    let kind = match column.values {
                        Values::Words { .. } => "string",
                        Values::Integers(_) => "integer",
                        Values::Reals(_) => "number",
                    };
                    json!({"name": column.name, "type": kind, "unit": column.unit, "description": column.description})
                })
                .collect();
            json!({
                "name": table.name,
                "path": format!("{}.{extension}", table.name),
                "description": table.description,
                "schema": {"fields": fields},
            })
        })
        .collect();
    json!({"name": "kyoso-run", "resources": resources})
}
