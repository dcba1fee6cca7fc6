//! The walk over a scenario's TOML tree.

use toml_edit::{Document, Item, TableLike, Value};

use super::{HORIZONS, Library, Scenario, Setting, Vocabulary};
use crate::ids::Drivers;
use crate::input::{Problem, Problems, nearest};

const KEYS: [&str; 8] = [
    "name",
    "description",
    "extends",
    "horizon",
    "drivers",
    "policy_as_of",
    "set",
    "lever",
];
/// Deeper than any sensible family of scenarios; a cycle is found earlier, by name.
const DEEPEST: usize = 32;

pub fn load(
    name: &str,
    library: &dyn Library,
    vocabulary: &Vocabulary,
) -> Result<Scenario, Problems> {
    let mut problems = Problems::default();
    let mut chain: Vec<(String, String)> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut next = Some((name.to_owned(), None::<Problem>));
    while let Some((wanted, asked_by)) = next.take() {
        if names.contains(&wanted) || names.len() >= DEEPEST {
            names.push(wanted);
            let mut problem = asked_by.unwrap_or_else(|| whole_file(name, String::new()));
            problem.message = format!("`extends` goes in a circle: {}", names.join(" -> "));
            problem.help = "remove one `extends`".to_owned();
            problems.push(problem);
            break;
        }
        let Some((file, text)) = library.find(&wanted) else {
            let known = library.names();
            let mut problem = asked_by.unwrap_or_else(|| whole_file(&wanted, String::new()));
            problem.message = format!("no scenario `{wanted}`");
            problem.help = nearest(&wanted, known.iter().map(String::as_str)).map_or_else(
                || {
                    format!(
                        "shipped are {}; a path to a .toml file works too",
                        known.join(", ")
                    )
                },
                |near| format!("did you mean `{near}`?"),
            );
            problems.push(problem);
            break;
        };
        names.push(wanted);
        let text = text.into_owned();
        next = parent(&file, &text);
        chain.push((file, text));
    }
    let mut scenario = Scenario::default();
    for (file, text) in chain.iter().rev() {
        Walk {
            file,
            text,
            vocabulary,
            problems: &mut problems,
        }
        .apply(&mut scenario);
    }
    if name != "baseline" && !chain.first().is_some_and(|(_, text)| text.contains("name")) {
        scenario.name = chain
            .first()
            .map_or_else(|| name.to_owned(), |(file, _)| stem(file));
    }
    scenario.texts = chain.into_iter().rev().collect();
    problems.or_ok(scenario)
}

fn stem(file: &str) -> String {
    std::path::Path::new(file).file_stem().map_or_else(
        || file.to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

fn whole_file(file: &str, message: String) -> Problem {
    Problem {
        file: file.to_owned(),
        line: 0,
        column: 0,
        key: String::new(),
        message,
        help: String::new(),
    }
}

/// What a text extends, with the place where it says so.
fn parent(file: &str, text: &str) -> Option<(String, Option<Problem>)> {
    let document = Document::parse(text).ok()?;
    let item = document.get("extends")?;
    let name = item.as_str()?.to_owned();
    let (line, column) = position(text, item.span().map_or(0, |span| span.start));
    Some((
        name,
        Some(Problem {
            file: file.to_owned(),
            line,
            column,
            key: "extends".to_owned(),
            message: String::new(),
            help: String::new(),
        }),
    ))
}

/// Line and column, from 1, of a byte.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..byte.min(text.len())];
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |newline| newline + 1);
    (
        line,
        String::from_utf8_lossy(&before[start..]).chars().count() + 1,
    )
}

struct Walk<'a> {
    file: &'a str,
    text: &'a str,
    vocabulary: &'a Vocabulary,
    problems: &'a mut Problems,
}

impl Walk<'_> {
    fn problem(&mut self, byte: usize, key: &str, message: String, help: String) {
        let (line, column) = position(self.text, byte);
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line,
            column,
            key: key.to_owned(),
            message,
            help,
        });
    }

    fn apply(mut self, scenario: &mut Scenario) {
        let text = self.text;
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                self.problem(
                    at,
                    "",
                    error.message().to_owned(),
                    "the file is TOML".to_owned(),
                );
                return;
            }
        };
        let table = document.as_table();
        for (key, item) in table {
            let at = table
                .get_key_value(key)
                .and_then(|(key, _)| key.span())
                .or(item.span())
                .map_or(0, |span| span.start);
            match key {
                "name" => self
                    .word(at, key, item)
                    .into_iter()
                    .for_each(|word| scenario.name = slug(&word)),
                "description" => self
                    .word(at, key, item)
                    .into_iter()
                    .for_each(|word| scenario.description = word),
                "extends" => drop(self.word(at, key, item)),
                "horizon" => self.horizon(at, item, scenario),
                "drivers" => self.drivers(at, item, scenario),
                "policy_as_of" => self.date(at, item, scenario),
                "set" => self.settings(at, item, scenario),
                "lever" => self.levers(at, item),
                _ => {
                    let help = nearest(key, KEYS).map_or_else(
                        || format!("the keys are {}", KEYS.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    self.problem(at, key, format!("unknown key `{key}`"), help);
                }
            }
        }
    }

    fn word(&mut self, at: usize, key: &str, item: &Item) -> Option<String> {
        let word = item.as_str().map(str::to_owned);
        if word.is_none() {
            self.problem(
                at,
                key,
                format!("`{key}` is {}", item.type_name()),
                "expected text in quotes".to_owned(),
            );
        }
        word
    }

    fn horizon(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let (first, last) = (HORIZONS.0.max(self.vocabulary.base_year + 1), HORIZONS.1);
        match item.as_integer() {
            Some(year) if (i64::from(first)..=i64::from(last)).contains(&year) => {
                scenario.horizon = year as i32;
            }
            Some(year) => self.problem(
                at,
                "horizon",
                format!("horizon {year} is out of range"),
                format!("expected a year from {first} to {last}"),
            ),
            None => self.problem(
                at,
                "horizon",
                format!("`horizon` is {}", item.type_name()),
                format!("expected a year from {first} to {last}"),
            ),
        }
    }

    fn drivers(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let Some(word) = self.word(at, "drivers", item) else {
            return;
        };
        if let Some(drivers) = Drivers::from_code(&word) {
            scenario.drivers = drivers;
        } else {
            let codes: Vec<&str> = Drivers::ALL.iter().map(|drivers| drivers.code()).collect();
            let near = nearest(&word, codes.iter().copied())
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            self.problem(
                at,
                "drivers",
                format!("unknown drivers `{word}`"),
                format!("expected one of {}{near}", codes.join(", ")),
            );
        }
    }

    fn date(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let text = item
            .as_str()
            .map(str::to_owned)
            .or_else(|| item.as_datetime().map(ToString::to_string));
        let year = text.as_deref().and_then(|text| {
            let parts: Vec<&str> = text.split('-').collect();
            let [year, month, day] = parts[..] else {
                return None;
            };
            let (year, month, day): (i32, u32, u32) =
                (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
            ((1990..=2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day))
                .then_some(year)
        });
        match year {
            Some(year) => scenario.policy_as_of = Some(year),
            None => self.problem(
                at,
                "policy_as_of",
                "`policy_as_of` is no date".to_owned(),
                "expected a date such as \"2023-12-31\"".to_owned(),
            ),
        }
    }

    fn levers(&mut self, at: usize, item: &Item) {
        let kinds: Vec<String> = item.as_array_of_tables().map_or_else(Vec::new, |tables| {
            tables
                .iter()
                .map(|table| {
                    table
                        .get("kind")
                        .and_then(Item::as_str)
                        .unwrap_or("without kind")
                        .to_owned()
                })
                .collect()
        });
        let message = format!("levers are not in this version ({})", kinds.join(", "));
        self.problem(
            at,
            "lever",
            message,
            "change parameters under [set] instead".to_owned(),
        );
    }

    fn settings(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let Some(table) = item.as_table_like() else {
            self.problem(
                at,
                "set",
                format!("`set` is {}", item.type_name()),
                "expected a table [set]".to_owned(),
            );
            return;
        };
        self.setting_table("", table, scenario);
    }

    /// Settings may be quoted paths or nested tables; both come to the same.
    fn setting_table(&mut self, prefix: &str, table: &dyn TableLike, scenario: &mut Scenario) {
        for (key, item) in table.iter() {
            let path = if prefix.is_empty() {
                key.to_owned()
            } else {
                format!("{prefix}.{key}")
            };
            let at = item.span().map_or(0, |span| span.start);
            match item.as_table_like() {
                Some(inner)
                    if !inner.is_empty()
                        && inner.iter().all(|(year, _)| year.parse::<i32>().is_ok()) =>
                {
                    self.path_over_years(&path, at, inner, scenario);
                }
                Some(inner) => self.setting_table(&path, inner, scenario),
                None => {
                    if let Some(value) = self.number(&path, item)
                        && self.allowed(&path, at, value)
                    {
                        put(scenario, path, Setting::Constant(value));
                    }
                }
            }
        }
    }

    fn path_over_years(
        &mut self,
        path: &str,
        at: usize,
        table: &dyn TableLike,
        scenario: &mut Scenario,
    ) {
        let mut points: Vec<(i32, f64)> = Vec::new();
        for (key, item) in table.iter() {
            let at = item.span().map_or(at, |span| span.start);
            let Some(year) = key.parse::<i32>().ok() else {
                continue;
            };
            let first = self.vocabulary.base_year + 1;
            if !(first..=HORIZONS.1).contains(&year) {
                let help = format!(
                    "expected a year from {first} to {}: history never moves",
                    HORIZONS.1
                );
                self.problem(at, path, format!("year {year} is out of range"), help);
                continue;
            }
            if let Some(value) = self.number(path, item)
                && self.allowed(path, at, value)
            {
                points.push((year, value));
            }
        }
        points.sort_by_key(|point| point.0);
        if !points.is_empty() {
            put(scenario, path.to_owned(), Setting::Path(points));
        }
    }

    fn number(&mut self, path: &str, item: &Item) -> Option<f64> {
        let at = item.span().map_or(0, |span| span.start);
        let value = match item.as_value() {
            Some(Value::Float(value)) => Some(*value.value()),
            Some(Value::Integer(value)) => Some(*value.value() as f64),
            _ => None,
        };
        if value.is_none() {
            self.problem(
                at,
                path,
                format!("`{path}` is {}", item.type_name()),
                "expected a number, or a table of years".to_owned(),
            );
        }
        value
    }

    /// Does the path exist, and is the value within its range?
    fn allowed(&mut self, path: &str, at: usize, value: f64) -> bool {
        let vocabulary = self.vocabulary;
        let exact = vocabulary
            .parameters
            .iter()
            .find(|info| !info.by_country && info.path == path);
        let by_country = path.rsplit_once('.').and_then(|(head, code)| {
            vocabulary
                .parameters
                .iter()
                .find(|info| info.by_country && info.path == head)
                .map(|info| (info, code))
        });
        let info = match (exact, by_country) {
            (Some(info), _) => info,
            (None, Some((info, code))) => {
                if !vocabulary.countries.iter().any(|known| known == code) {
                    let help = nearest(code, vocabulary.countries.iter().map(String::as_str))
                        .map_or_else(
                            || "codes are ISO 3166-1 alpha-3".to_owned(),
                            |near| format!("did you mean `{near}`?"),
                        );
                    self.problem(at, path, format!("unknown country `{code}`"), help);
                    return false;
                }
                info
            }
            (None, None) => {
                let names: Vec<&str> = vocabulary
                    .parameters
                    .iter()
                    .map(|info| info.path.as_str())
                    .collect();
                let help = nearest(path, names.iter().copied())
                    .or_else(|| {
                        path.rsplit_once('.')
                            .and_then(|(head, _)| nearest(head, names.iter().copied()))
                    })
                    .map_or_else(
                        || "`kyoso data list parameters` lists them".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                self.problem(at, path, format!("unknown parameter `{path}`"), help);
                return false;
            }
        };
        let fine = value.is_finite() && value >= info.low && value <= info.high;
        if !fine {
            let (low, high, unit) = (info.low, info.high, info.unit.clone());
            self.problem(
                at,
                path,
                format!("{value} is out of range"),
                format!("expected a number from {low} to {high} ({unit})"),
            );
        }
        fine
    }
}

/// A later setting of a path replaces an earlier one.
fn put(scenario: &mut Scenario, path: String, setting: Setting) {
    scenario.set.retain(|(earlier, _)| *earlier != path);
    scenario.set.push((path, setting));
}

/// A name that can be a folder.
fn slug(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    if words.is_empty() {
        "scenario".to_owned()
    } else {
        words.join("-")
    }
}
