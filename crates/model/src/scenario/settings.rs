//! The `[set]` table: parameters by path, checked for name, range and years.

use toml_edit::{Item, TableLike, Value};

use super::read::{Walk, kind, start};
use super::{HORIZONS, ParameterInfo, Reach, Scenario, Setting};
use crate::input::{nearest, position};

/// Settings of one file, with the byte where each stands.
type Settings = Vec<(String, usize, Setting)>;

impl Walk<'_> {
    /// Reads `[set]` over the settings that a scenario has from its ancestors.
    pub fn settings(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let Some(table) = item.as_table_like() else {
            let message = format!("`set` is {}", kind(item));
            self.problem(at, "set", message, "expected a table [set]".to_owned());
            return;
        };
        let mut settings = Settings::new();
        self.table("", table, &mut settings);
        for (path, _, setting) in settings {
            scenario.set.retain(|(earlier, _)| *earlier != path);
            scenario.set.push((path, setting));
        }
    }

    /// Paths may be quoted whole or written as nested tables; both come to the same.
    fn table(&mut self, prefix: &str, table: &dyn TableLike, settings: &mut Settings) {
        for (key, item) in table.iter() {
            let path = if prefix.is_empty() {
                key.to_owned()
            } else {
                format!("{prefix}.{key}")
            };
            let at = start(item);
            let Some(inner) = item.as_table_like() else {
                if let Some(info) = self.info(&path, at)
                    && let Some(value) = self.number(&path, at, item, &info)
                {
                    self.put(path, at, Setting::Constant(value), settings);
                }
                continue;
            };
            if inner.is_empty() {
                let help = "expected a number, or a table of years".to_owned();
                self.problem(at, &path, format!("`{path}` is given no value"), help);
            } else if inner.iter().any(|(year, _)| looks_like_year(year)) {
                self.over_years(&path, at, inner, settings);
            } else {
                self.table(&path, inner, settings);
            }
        }
    }

    fn over_years(
        &mut self,
        path: &str,
        at: usize,
        table: &dyn TableLike,
        settings: &mut Settings,
    ) {
        let Some(info) = self.info(path, at) else {
            return;
        };
        if info.reach == Reach::Run {
            let message = format!("`{path}` is read once a run and cannot change over years");
            self.problem(at, path, message, "give it one number".to_owned());
            return;
        }
        let (first, last) = (self.vocabulary.base_year + 1, HORIZONS.1);
        let mut points: Vec<(i32, f64)> = Vec::new();
        for (key, item) in table.iter() {
            let at = item.span().map_or(at, |span| span.start);
            let Some(year) = year(key).filter(|year| (first..=last).contains(year)) else {
                let help = format!("expected years from {first} to {last}: history never moves");
                self.problem(at, path, format!("year `{key}` is out of range"), help);
                continue;
            };
            if let Some(value) = self.number(path, at, item, &info) {
                points.push((year, value));
            }
        }
        points.sort_by_key(|point| point.0);
        if !points.is_empty() {
            self.put(path.to_owned(), at, Setting::Path(points), settings);
        }
    }

    /// One file sets a path once, however it is written.
    fn put(&mut self, path: String, at: usize, setting: Setting, settings: &mut Settings) {
        if let Some((_, first, _)) = settings.iter().find(|(earlier, _, _)| *earlier == path) {
            let (line, column) = position(self.text, *first);
            let help = format!("line {line}, column {column} sets it too");
            self.problem(at, &path, format!("`{path}` is set twice"), help);
        } else {
            settings.push((path, at, setting));
        }
    }

    /// A finite number within the range of its parameter.
    fn number(&mut self, path: &str, at: usize, item: &Item, info: &ParameterInfo) -> Option<f64> {
        let value = match item.as_value() {
            Some(Value::Float(value)) => *value.value(),
            Some(Value::Integer(value)) => *value.value() as f64,
            _ => {
                let help = "expected a number, or a table of years".to_owned();
                self.problem(at, path, format!("`{path}` is {}", kind(item)), help);
                return None;
            }
        };
        // A bound that is NaN binds nothing.
        if value.is_finite() && !(value < info.low || value > info.high) {
            return Some(value);
        }
        let message = format!("{value} is out of range");
        self.problem(at, path, message, format!("expected {}", expectation(info)));
        None
    }

    /// What is known of a path; a problem where nothing is, or where no scenario may set it.
    fn info(&mut self, path: &str, at: usize) -> Option<ParameterInfo> {
        let vocabulary = self.vocabulary;
        let parameters = &vocabulary.parameters;
        if let Some(info) = parameters
            .iter()
            .find(|info| !info.by_country && info.path == path)
        {
            if info.reach == Reach::Calibration {
                let message =
                    format!("`{path}` is used in fitting the base year, before a scenario begins");
                let help =
                    "change it in record/parameters.csv of a copy of the data and give --data"
                        .to_owned();
                self.problem(at, path, message, help);
                return None;
            }
            return Some(info.clone());
        }
        let find = |head: &str| {
            parameters
                .iter()
                .find(|info| info.by_country && info.path == head)
        };
        if find(path).is_some() {
            let help = format!("add a country: `{path}.THA`");
            self.problem(at, path, format!("`{path}` is a figure of a country"), help);
            return None;
        }
        if let Some((info, code)) = path
            .rsplit_once('.')
            .and_then(|(head, code)| find(head).map(|info| (info, code)))
        {
            if vocabulary.countries.iter().any(|known| known == code) {
                return Some(info.clone());
            }
            let help = nearest(code, vocabulary.countries.iter().map(String::as_str)).map_or_else(
                || "codes are ISO 3166-1 alpha-3".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            self.problem(at, path, format!("unknown country `{code}`"), help);
            return None;
        }
        let help = suggestion(path, parameters);
        self.problem(at, path, format!("unknown parameter `{path}`"), help);
        None
    }
}

/// The range of a parameter in words.
fn expectation(info: &ParameterInfo) -> String {
    let unit = if info.unit.is_empty() {
        String::new()
    } else {
        format!(" ({})", info.unit)
    };
    match (info.low.is_nan(), info.high.is_nan()) {
        (false, false) => format!("a number from {} to {}{unit}", info.low, info.high),
        (false, true) => format!("a number of at least {}{unit}", info.low),
        (true, false) => format!("a number of at most {}{unit}", info.high),
        (true, true) => format!("a finite number{unit}"),
    }
}

/// The settable path nearest to an unknown one.
fn suggestion(path: &str, parameters: &[ParameterInfo]) -> String {
    let settable = || {
        parameters
            .iter()
            .filter(|info| info.reach != Reach::Calibration)
    };
    let plain = settable()
        .filter(|info| !info.by_country)
        .map(|info| info.path.as_str());
    if let Some(near) = nearest(path, plain) {
        return format!("did you mean `{near}`?");
    }
    let by_country = settable()
        .filter(|info| info.by_country)
        .map(|info| info.path.as_str());
    if let Some((head, code)) = path.rsplit_once('.')
        && let Some(near) = nearest(head, by_country)
    {
        return format!("did you mean `{near}.{code}`?");
    }
    "`kyoso schema --parameters` lists them".to_owned()
}

fn looks_like_year(key: &str) -> bool {
    key.parse::<i64>().is_ok()
}

/// A year is four digits and nothing else, so that no two keys mean the same one.
fn year(key: &str) -> Option<i32> {
    (key.len() == 4 && key.bytes().all(|byte| byte.is_ascii_digit())).then(|| key.parse().ok())?
}
