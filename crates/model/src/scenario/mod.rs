//! Scenario files: TOML to a checked scenario, all problems at once with line and column.

mod chain;
mod change;
pub mod lever;
mod lever_read;
mod read;
mod rule;
mod schema;
mod settings;
mod target;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use crate::ids::Drivers;
use crate::input::Problems;
use crate::rules::{RuleChange, Rules};
pub use change::{Change, ChangeGroup, group};
pub use schema::json_schema;
pub use target::{Direction, Target};

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

impl Setting {
    /// As it stands in a file.
    fn written(&self) -> String {
        match self {
            Self::Constant(value) => format!("{value:?}"),
            Self::Path(points) => {
                let points: Vec<String> = points
                    .iter()
                    .map(|(year, value)| format!("{year} = {value:?}"))
                    .collect();
                format!("{{ {} }}", points.join(", "))
            }
        }
    }
}

/// When a parameter is read, and so what a scenario can do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// While the base year is fitted, before any scenario begins: a scenario cannot set it.
    Calibration,
    /// Once a run: a scenario gives it one number.
    Run,
    /// Every year: a scenario gives it a number or a path over years.
    Year,
}

/// A path that a scenario may set.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterInfo {
    /// Path, without the country code where there is one.
    pub path: String,
    /// Unit.
    pub unit: String,
    /// Least value allowed; NaN where there is no bound.
    pub low: f64,
    /// Greatest value allowed; NaN where there is no bound.
    pub high: f64,
    /// True if a country code follows (`fuel_price.gasoline.THA`).
    pub by_country: bool,
    /// When it is read.
    pub reach: Reach,
    /// What it is.
    pub description: String,
}

/// What scenario files are checked against.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// Paths of parameters.
    pub parameters: Vec<ParameterInfo>,
    /// Country codes.
    pub countries: Vec<String>,
    /// Variables of the indicators.
    pub variables: Vec<String>,
    /// Regions of the indicators: World, groups, countries.
    pub regions: Vec<String>,
    /// Codes of the members of each group.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Last year of history: a scenario changes nothing up to it.
    pub base_year: i32,
    /// Rules of the pack, which a scenario may change; none where it may not.
    pub rules: Option<Rules>,
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
    /// Rules announced after this year are unknown to the run. The pack dates a rule by its year, which
    /// counts as the year's last day: a date within a year leaves that year's rules out.
    pub policy_as_of: Option<i32>,
    /// Parameters set, later settings last.
    pub set: Vec<(String, Setting)>,
    /// What its author wants to reach; moves nothing.
    pub targets: Vec<Target>,
    /// Changes of rules, in the order in which they are made.
    pub rules: Vec<RuleChange>,
    /// Levers, in the order of the files.
    pub levers: Vec<lever::Lever>,
    /// Money of payers.
    pub budgets: Vec<lever::Budget>,
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
            targets: Vec::new(),
            rules: Vec::new(),
            levers: Vec::new(),
            budgets: Vec::new(),
            texts: Vec::new(),
        }
    }
}

/// A scenario's text as a library holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// Name to show; two names of the same text are equal.
    pub file: String,
    /// Content, UTF-8 if it is sound.
    pub bytes: Cow<'a, [u8]>,
}

/// Why a library has no text for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Nothing has this name.
    Unknown,
    /// There is something, but it cannot be read; what the system says.
    Unreadable(String),
}

/// Where scenario files are found by name.
pub trait Library {
    /// Text of a scenario. `asked_by` is the file that extends it: relative paths start there.
    fn find(&self, name: &str, asked_by: Option<&str>) -> Result<Found<'_>, Missing>;
    /// Names that can be found, for suggestions.
    fn names(&self) -> Vec<String>;
}

/// Scenarios in memory, by name.
#[derive(Debug, Clone, Default)]
pub struct Shelf(pub BTreeMap<String, String>);

impl Library for Shelf {
    fn find(&self, name: &str, _asked_by: Option<&str>) -> Result<Found<'_>, Missing> {
        let text = self.0.get(name).ok_or(Missing::Unknown)?;
        Ok(Found {
            file: format!("{name}.toml"),
            bytes: Cow::Borrowed(text.as_bytes()),
        })
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

impl Scenario {
    /// Reads a scenario and its ancestors; gives all problems of all of them at once.
    pub fn load(
        name: &str,
        library: &dyn Library,
        vocabulary: &Vocabulary,
    ) -> Result<Self, Problems> {
        chain::load(name, library, vocabulary)
    }

    /// The scenario as one file that extends nothing: what its hash is taken of, and what runs it again.
    pub fn canonical(&self) -> String {
        let mut text = format!(
            "name = {}\ndescription = {}\ndrivers = \"{}\"\nhorizon = {}\n",
            quoted(&self.name),
            quoted(&self.description),
            self.drivers.code(),
            self.horizon
        );
        if let Some(year) = self.policy_as_of {
            text += &format!("policy_as_of = \"{year}-12-31\"\n");
        }
        if !self.set.is_empty() {
            text.push_str("\n[set]\n");
        }
        let sorted: BTreeMap<&str, &Setting> = self
            .set
            .iter()
            .map(|(path, setting)| (path.as_str(), setting))
            .collect();
        for (path, setting) in sorted {
            let _ = writeln!(text, "{} = {}", quoted(path), setting.written());
        }
        for lever in &self.levers {
            text += &lever.written();
        }
        for budget in &self.budgets {
            text += &budget.written();
        }
        text.extend(self.targets.iter().map(Target::canonical));
        for change in &self.rules {
            text.push_str("\n[[rule]]\n");
            for (column, cell) in &change.raw.cells {
                let _ = writeln!(text, "{column} = {}", quoted(&cell.text));
            }
            if change.remove {
                text.push_str("remove = true\n");
            }
        }
        text
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
