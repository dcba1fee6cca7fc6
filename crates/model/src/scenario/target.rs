//! `[[target]]`: what the author of a scenario wants to reach. A target moves nothing; results say how far off it is.

use toml_edit::{Item, TableLike};

use super::read::{Walk, kind, start};
use super::{HORIZONS, Scenario};
use crate::input::nearest;

const KEYS: [&str; 6] = ["name", "variable", "region", "year", "value", "direction"];

/// Which side of the value is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The value or more.
    AtLeast,
    /// The value or less.
    AtMost,
}

impl Direction {
    /// Words of the scenario file.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AtLeast => "at least",
            Self::AtMost => "at most",
        }
    }

    /// By how much a value is on the good side; negative on the other.
    pub fn margin(self, value: f64, target: f64) -> f64 {
        match self {
            Self::AtLeast => value - target,
            Self::AtMost => target - value,
        }
    }
}

/// A target of the user's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Name.
    pub name: String,
    /// Variable of the indicators.
    pub variable: String,
    /// ISO code, group or World.
    pub region: String,
    /// Which side is good.
    pub direction: Direction,
    /// Years with their values, sorted, never empty.
    pub values: Vec<(i32, f64)>,
}

impl Target {
    /// The value wanted in a year: linear between the years given, nothing before the first; the last value holds on.
    pub fn at(&self, year: i32) -> Option<f64> {
        let after = self.values.partition_point(|point| point.0 < year);
        let (next, before) = (
            self.values.get(after),
            after.checked_sub(1).map(|i| self.values[i]),
        );
        match (before, next) {
            (_, Some(&(exact, value))) if exact == year => Some(value),
            (Some((from, low)), Some(&(to, high))) => {
                Some(low + (high - low) * f64::from(year - from) / f64::from(to - from))
            }
            (Some((_, value)), None) => Some(value),
            (None, _) => None,
        }
    }

    /// The target as a scenario file says it.
    pub(super) fn canonical(&self) -> String {
        let values: Vec<String> = self
            .values
            .iter()
            .map(|(year, value)| format!("{year} = {value:?}"))
            .collect();
        format!(
            "\n[[target]]\nname = {}\nvariable = {}\nregion = {}\nvalue = {{ {} }}\ndirection = \"{}\"\n",
            super::quoted(&self.name),
            super::quoted(&self.variable),
            super::quoted(&self.region),
            values.join(", "),
            self.direction.code()
        )
    }
}

impl Walk<'_> {
    /// Reads every `[[target]]`; one of the same name as an ancestor's takes its place.
    pub fn targets(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let Some(tables) = item.as_array_of_tables() else {
            let message = format!("`target` is {}", kind(item));
            self.problem(
                at,
                "target",
                message,
                "expected a list [[target]]".to_owned(),
            );
            return;
        };
        let mut names: Vec<String> = Vec::new();
        for (i, table) in tables.iter().enumerate() {
            let key = format!("target[{}]", i + 1);
            let at = table.span().map_or(at, |span| span.start);
            if let Some(target) = self.target(&key, at, table) {
                if names.contains(&target.name) {
                    let message = format!("two targets are called `{}`", target.name);
                    self.problem(at, &key, message, "give each a name of its own".to_owned());
                }
                names.push(target.name.clone());
                scenario.targets.retain(|other| other.name != target.name);
                scenario.targets.push(target);
            }
        }
    }

    fn target(&mut self, key: &str, at: usize, table: &dyn TableLike) -> Option<Target> {
        for (name, item) in table.iter().filter(|(name, _)| !KEYS.contains(name)) {
            let help = nearest(name, KEYS).map_or_else(
                || format!("the keys are {}", KEYS.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("unknown key `{name}`");
            self.problem(start(item), &format!("{key}.{name}"), message, help);
        }
        let vocabulary = self.vocabulary;
        let name = self.text_of(key, at, table, "name");
        let variable = self.text_of(key, at, table, "variable");
        let variable = variable
            .and_then(|(word, at)| self.known(key, "variable", &word, at, &vocabulary.variables));
        let region = self.text_of(key, at, table, "region");
        let region =
            region.and_then(|(word, at)| self.known(key, "region", &word, at, &vocabulary.regions));
        let direction = self.direction(key, at, table);
        let values = self.wanted(key, at, table);
        Some(Target {
            name: name?.0,
            variable: variable?,
            region: region?,
            direction: direction?,
            values: values?,
        })
    }

    /// A text that must be there, with its place.
    fn text_of(
        &mut self,
        key: &str,
        at: usize,
        table: &dyn TableLike,
        name: &str,
    ) -> Option<(String, usize)> {
        let key = format!("{key}.{name}");
        let Some(item) = table.get(name) else {
            self.problem(at, &key, format!("`{name}` is missing"), String::new());
            return None;
        };
        let place = start(item);
        match item.as_str() {
            Some(word) if !word.trim().is_empty() => Some((word.to_owned(), place)),
            _ => {
                let message = format!("`{name}` is {}", kind(item));
                self.problem(place, &key, message, "expected text in quotes".to_owned());
                None
            }
        }
    }

    fn known(
        &mut self,
        key: &str,
        what: &str,
        word: &str,
        at: usize,
        list: &[String],
    ) -> Option<String> {
        if list.iter().any(|known| known == word) {
            return Some(word.to_owned());
        }
        let help = nearest(word, list.iter().map(String::as_str)).map_or_else(
            || match what {
                "region" => "expected an ISO code, a group or World".to_owned(),
                _ => "data/codelist/variables.csv lists them".to_owned(),
            },
            |near| format!("did you mean `{near}`?"),
        );
        self.problem(
            at,
            &format!("{key}.{what}"),
            format!("unknown {what} `{word}`"),
            help,
        );
        None
    }

    fn direction(&mut self, key: &str, at: usize, table: &dyn TableLike) -> Option<Direction> {
        let (word, at) = self.text_of(key, at, table, "direction")?;
        let directions = [Direction::AtLeast, Direction::AtMost];
        let found = directions
            .into_iter()
            .find(|direction| direction.code() == word);
        if found.is_none() {
            let help = "expected \"at least\" or \"at most\"".to_owned();
            self.problem(
                at,
                &format!("{key}.direction"),
                format!("unknown direction `{word}`"),
                help,
            );
        }
        found
    }

    /// `value` with `year`, or `value` as a table of years.
    fn wanted(&mut self, key: &str, at: usize, table: &dyn TableLike) -> Option<Vec<(i32, f64)>> {
        let (first, last) = (self.vocabulary.base_year + 1, HORIZONS.1);
        let expected = format!("expected a year from {first} to {last}");
        let Some(item) = table.get("value") else {
            let help =
                "give `value` and `year`, or a table of years: value = { 2030 = 30 }".to_owned();
            self.problem(
                at,
                &format!("{key}.value"),
                "`value` is missing".to_owned(),
                help,
            );
            return None;
        };
        let mut points: Vec<(i32, f64)> = Vec::new();
        if let Some(years) = item.as_table_like() {
            if let Some(year) = table.get("year") {
                let help = "remove `year`: the years stand in `value`".to_owned();
                let message = "`year` beside a table of years".to_owned();
                self.problem(start(year), &format!("{key}.year"), message, help);
            }
            for (word, item) in years.iter() {
                let place = item.span().map_or(at, |span| span.start);
                let year = word.parse().ok().filter(|_| word.len() == 4);
                match year.filter(|year| (first..=last).contains(year)) {
                    Some(year) => points.extend(self.amount(key, place, item).map(|v| (year, v))),
                    None => self.problem(
                        place,
                        &format!("{key}.value"),
                        format!("year `{word}` is out of range"),
                        expected.clone(),
                    ),
                }
            }
            if years.is_empty() {
                let message = "`value` has no year".to_owned();
                self.problem(start(item), &format!("{key}.value"), message, expected);
            }
        } else {
            let value = self.amount(key, start(item), item);
            let year = table.get("year").and_then(Item::as_integer);
            let place = table.get("year").map_or(at, start);
            match year.filter(|year| (i64::from(first)..=i64::from(last)).contains(year)) {
                Some(year) => points.extend(value.map(|value| (year as i32, value))),
                None => self.problem(
                    place,
                    &format!("{key}.year"),
                    "`year` is missing or out of range".to_owned(),
                    expected,
                ),
            }
        }
        points.sort_by_key(|point| point.0);
        (!points.is_empty()).then_some(points)
    }

    fn amount(&mut self, key: &str, at: usize, item: &Item) -> Option<f64> {
        let value = item
            .as_float()
            .or_else(|| item.as_integer().map(|value| value as f64));
        let value = value.filter(|value| value.is_finite());
        if value.is_none() {
            let message = format!("`value` is {}", kind(item));
            let help = "expected a finite number, or a table of years".to_owned();
            self.problem(at, &format!("{key}.value"), message, help);
        }
        value
    }
}
