//! Scenario files: TOML to a checked scenario, all problems at once with line and column.

mod read;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::ids::Drivers;
use crate::input::Problems;

/// First and last horizon a scenario may ask for.
pub const HORIZONS: (i32, i32) = (2024, 2050);
/// Horizon where a scenario names none.
pub const DEFAULT_HORIZON: i32 = 2035;

/// A value that a scenario gives a parameter: constant, or a path over years.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// The same in every year.
    Constant(f64),
    /// Linear between the years given, constant outside them; sorted by year, never empty.
    Path(Vec<(i32, f64)>),
}

impl Setting {
    /// Value in a year.
    pub fn at(&self, year: i32) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Path(points) => {
                let after = points.partition_point(|point| point.0 < year);
                match (
                    after.checked_sub(1).map(|before| points[before]),
                    points.get(after),
                ) {
                    (_, Some(&(exact, value))) if exact == year => value,
                    (Some((from, low)), Some(&(to, high))) => {
                        low + (high - low) * f64::from(year - from) / f64::from(to - from)
                    }
                    (Some((_, value)), None) | (None, Some(&(_, value))) => value,
                    (None, None) => f64::NAN,
                }
            }
        }
    }
}

/// A path that a scenario may set.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterInfo {
    /// Path, without the country code where there is one.
    pub path: String,
    /// Unit.
    pub unit: String,
    /// Least value allowed.
    pub low: f64,
    /// Greatest value allowed.
    pub high: f64,
    /// True if a country code follows (`fuel_price.gasoline.THA`).
    pub by_country: bool,
}

/// What scenario files are checked against.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// Paths that may be set.
    pub parameters: Vec<ParameterInfo>,
    /// Country codes.
    pub countries: Vec<String>,
    /// Last year of history: a scenario changes nothing up to it.
    pub base_year: i32,
}

/// A checked scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Short name, for folders and tables.
    pub name: String,
    /// One paragraph.
    pub description: String,
    /// Last year of the projection.
    pub horizon: i32,
    /// Path of population and income.
    pub drivers: Drivers,
    /// Rules announced after this year are unknown to the run.
    pub policy_as_of: Option<i32>,
    /// Parameters set, later settings last.
    pub set: Vec<(String, Setting)>,
    /// The texts it was read from, the outermost ancestor first.
    pub texts: Vec<(String, String)>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "baseline".to_owned(),
            description: String::new(),
            horizon: DEFAULT_HORIZON,
            drivers: Drivers::Ssp2,
            policy_as_of: None,
            set: Vec::new(),
            texts: Vec::new(),
        }
    }
}

/// Where scenario files are found by name.
pub trait Library {
    /// Text of a scenario and the name to show for it.
    fn find(&self, name: &str) -> Option<(String, Cow<'_, str>)>;
    /// Names that can be found, for suggestions.
    fn names(&self) -> Vec<String>;
}

/// Scenarios in memory, by name.
#[derive(Debug, Clone, Default)]
pub struct Shelf(pub BTreeMap<String, String>);

impl Library for Shelf {
    fn find(&self, name: &str) -> Option<(String, Cow<'_, str>)> {
        self.0
            .get(name)
            .map(|text| (format!("{name}.toml"), Cow::Borrowed(text.as_str())))
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

impl Scenario {
    /// Reads a scenario and its ancestors.
    pub fn load(
        name: &str,
        library: &dyn Library,
        vocabulary: &Vocabulary,
    ) -> Result<Self, Problems> {
        read::load(name, library, vocabulary)
    }
}

/// JSON Schema of a scenario file, for completion in editors.
pub fn json_schema() -> serde_json::Value {
    let years = serde_json::json!({"type": "object", "patternProperties": {"^20[0-9]{2}$": {"type": "number"}}, "additionalProperties": false});
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Kyoso scenario",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "description": "short name, for folders and tables"},
            "description": {"type": "string"},
            "extends": {"type": "string", "description": "name of a shipped scenario, or path of a file"},
            "horizon": {"type": "integer", "minimum": HORIZONS.0, "maximum": HORIZONS.1},
            "drivers": {"enum": Drivers::ALL.iter().map(|drivers| drivers.code()).collect::<Vec<_>>()},
            "policy_as_of": {"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}$", "description": "rules announced after the year of this date are unknown"},
            "set": {"type": "object", "description": "parameters by path: a number, or a table of years", "additionalProperties": {"anyOf": [{"type": "number"}, years]}}
        }
    })
}

#[cfg(test)]
mod tests;
