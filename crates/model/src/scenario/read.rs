//! The walk over the keys of one scenario file.

use toml_edit::{Document, Item};

use super::{HORIZONS, Scenario, Vocabulary};
use crate::ids::Drivers;
use crate::input::{Problem, Problems, nearest, position};

const KEYS: [&str; 11] = [
    "name",
    "description",
    "extends",
    "horizon",
    "drivers",
    "policy_as_of",
    "set",
    "rule",
    "lever",
    "target",
    "budget",
];

/// A name that can be a folder.
pub fn slug(name: &str) -> String {
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

/// First byte of an item, 0 where the parser gives none.
pub fn start(item: &Item) -> usize {
    item.span().map_or(0, |span| span.start)
}

/// One file under the eyes of the reader.
pub struct Walk<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub vocabulary: &'a Vocabulary,
    pub problems: &'a mut Problems,
}

impl<'a> Walk<'a> {
    pub fn new(
        file: &'a str,
        text: &'a str,
        vocabulary: &'a Vocabulary,
        problems: &'a mut Problems,
    ) -> Self {
        Self {
            file,
            text,
            vocabulary,
            problems,
        }
    }

    /// Notes a defect at a byte of the text.
    pub fn problem(&mut self, byte: usize, key: &str, message: String, help: String) {
        let (line, column) = position(self.text, byte);
        let (file, key) = (self.file.to_owned(), key.to_owned());
        self.problems.push(Problem {
            file,
            line,
            column,
            key,
            message,
            help,
        });
    }

    /// Lays the file over a scenario.
    pub fn apply(mut self, scenario: &mut Scenario) {
        let text = self.text;
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => return self.not_toml(&error),
        };
        let table = document.as_table();
        for (key, item) in table {
            let at = table
                .get_key_value(key)
                .and_then(|(key, _)| key.span())
                .map_or_else(|| start(item), |span| span.start);
            match key {
                "name" => self.name(at, item, scenario),
                "description" => {
                    if let Some(word) = self.word(at, key, item) {
                        scenario.description = word;
                    }
                }
                "extends" => drop(self.word(at, key, item)),
                "horizon" => self.horizon(at, item, scenario),
                "drivers" => self.drivers(at, item, scenario),
                "policy_as_of" => self.date(at, item, scenario),
                "set" => self.settings(at, item, scenario),
                "rule" => self.rules(at, item, scenario),
                "target" => self.targets(at, item, scenario),
                "lever" => self.levers(at, item, scenario),
                "budget" => self.budgets(at, item, scenario),
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

    fn not_toml(&mut self, error: &toml_edit::TomlError) {
        let span = error.span().unwrap_or(0..0);
        let key = self.text.get(span.clone()).unwrap_or("");
        // The parser points at the second of two equal keys without naming it.
        if error.message() == "duplicate key" {
            let name = key.trim_matches(['"', '\'']);
            let message = format!("`{name}` stands twice");
            self.problem(span.start, name, message, "keep one of them".to_owned());
        } else {
            let message = format!("is no TOML: {}", error.message());
            self.problem(span.start, "", message, String::new());
        }
    }

    fn word(&mut self, at: usize, key: &str, item: &Item) -> Option<String> {
        let word = item.as_str().map(str::to_owned);
        if word.is_none() {
            let message = format!("`{key}` is {}", kind(item));
            self.problem(at, key, message, "expected text in quotes".to_owned());
        }
        word
    }

    fn name(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let Some(word) = self.word(at, "name", item) else {
            return;
        };
        if word.chars().any(char::is_alphanumeric) && word.len() <= 100 {
            scenario.name = slug(&word);
        } else {
            let help = "expected up to 100 bytes with at least one letter or digit".to_owned();
            self.problem(at, "name", format!("`{word}` cannot name a folder"), help);
        }
    }

    fn horizon(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let (first, last) = horizons(self.vocabulary.base_year);
        let message = match item.as_integer() {
            Some(year) if (i64::from(first)..=i64::from(last)).contains(&year) => {
                scenario.horizon = year as i32;
                return;
            }
            Some(year) => format!("horizon {year} is out of range"),
            None => format!("`horizon` is {}", kind(item)),
        };
        self.problem(
            at,
            "horizon",
            message,
            format!("expected a year from {first} to {last}"),
        );
    }

    fn drivers(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let Some(word) = self.word(at, "drivers", item) else {
            return;
        };
        if let Some(drivers) = Drivers::from_code(&word) {
            scenario.drivers = drivers;
            return;
        }
        let codes: Vec<&str> = Drivers::ALL.iter().map(|drivers| drivers.code()).collect();
        let near = codes
            .iter()
            .find(|code| code.eq_ignore_ascii_case(&word))
            .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let help = format!("expected one of {}{near}", codes.join(", "));
        self.problem(at, "drivers", format!("unknown drivers `{word}`"), help);
    }

    fn date(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let text = item
            .as_str()
            .map(str::to_owned)
            .or_else(|| item.as_datetime().map(ToString::to_string));
        if let Some((year, month, day)) = text.as_deref().and_then(date) {
            // Rules carry the year of their announcement only, which counts as its last day.
            scenario.policy_as_of = Some(if (month, day) == (12, 31) {
                year
            } else {
                year - 1
            });
        } else {
            let message = "`policy_as_of` is no date".to_owned();
            let help = "expected a date such as \"2023-12-31\"".to_owned();
            self.problem(at, "policy_as_of", message, help);
        }
    }
}

/// Horizons that may be asked for after a base year.
pub fn horizons(base_year: i32) -> (i32, i32) {
    (HORIZONS.0.max(base_year + 1), HORIZONS.1)
}

/// What an item is, in words.
pub fn kind(item: &Item) -> &'static str {
    match item.type_name() {
        "string" => "text",
        "integer" => "a whole number",
        "float" => "a number",
        "boolean" => "true or false",
        "datetime" => "a date",
        "array" | "array of tables" => "a list",
        _ => "a table",
    }
}

/// Year, month and day of `2023-12-31`, if there is such a day.
fn date(text: &str) -> Option<(i32, u32, u32)> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else {
        return None;
    };
    if (year.len(), month.len(), day.len()) != (4, 2, 2)
        || !text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-')
    {
        return None;
    }
    let (year, month, day): (i32, u32, u32) =
        (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    ((1990..=2100).contains(&year) && (1..=days).contains(&day)).then_some((year, month, day))
}
