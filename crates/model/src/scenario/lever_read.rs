//! `[[lever]]` and `[[budget]]`: checked key by key, all problems at once.

use toml_edit::{Item, Table, Value};

use super::lever::{
    Budget, CostBase, Expects, KINDS, Lever, LeverKey, LeverKind, USD_PER_YEN, kind_of,
};
use super::read::{Walk, kind, start};
use super::{HORIZONS, Scenario, Setting};
use crate::input::{Problem, Problems, nearest, position};

/// Keys that every lever may have.
const COMMON: [&str; 7] = [
    "name",
    "kind",
    "countries",
    "payer",
    "unit_cost",
    "from",
    "until",
];
/// Keys of a budget.
const BUDGET_KEYS: [&str; 5] = ["payer", "usd_million", "jpy_billion", "from", "until"];

impl Walk<'_> {
    /// Reads `[[lever]]`; a lever with the name of an inherited one replaces it.
    pub fn levers(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let Some(tables) = self.tables(at, "lever", item) else {
            return;
        };
        let mut names: Vec<String> = Vec::new();
        for (i, table) in tables.iter().enumerate() {
            let Some(lever) = self.lever(at, table, i + 1) else {
                continue;
            };
            if names.contains(&lever.name) {
                let help = "give one of them another `name`".to_owned();
                let message = format!("two levers are called `{}`", lever.name);
                self.problem(place(table, at), "lever.name", message, help);
                continue;
            }
            names.push(lever.name.clone());
            scenario.levers.retain(|earlier| earlier.name != lever.name);
            scenario.levers.push(lever);
        }
    }

    /// Reads `[[budget]]`; a payer's budget replaces an inherited one.
    pub fn budgets(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let Some(tables) = self.tables(at, "budget", item) else {
            return;
        };
        for table in &tables {
            let at = place(table, at);
            self.known_keys(table, "budget", &BUDGET_KEYS);
            let payer = self.lever_text(at, table, "budget", "payer");
            let money: Vec<f64> = [("usd_million", 1e6), ("jpy_billion", 1e9 * USD_PER_YEN)]
                .iter()
                .filter_map(|(key, scale)| {
                    let value = self.number_of(table, "budget", key, (0.0, 1e9))?;
                    Some(value * scale)
                })
                .collect();
            let years = self.years(at, table, "budget");
            let Some(payer) = payer else {
                let help = "name who pays, as levers do: payer = \"JPN\"".to_owned();
                self.problem(
                    at,
                    "budget.payer",
                    "a budget without payer".to_owned(),
                    help,
                );
                continue;
            };
            let [total_usd] = money[..] else {
                let help = "expected one of `usd_million` and `jpy_billion`".to_owned();
                self.problem(
                    at,
                    "budget",
                    format!("the budget of `{payer}` needs one amount"),
                    help,
                );
                continue;
            };
            let (line, column) = position(self.text, at);
            scenario.budgets.retain(|earlier| earlier.payer != payer);
            scenario.budgets.push(Budget {
                payer,
                total_usd,
                years,
                place: (self.file.to_owned(), line, column),
            });
        }
    }

    fn tables(&mut self, at: usize, key: &str, item: &Item) -> Option<Vec<Table>> {
        if let Some(tables) = item.as_array_of_tables() {
            return Some(tables.iter().cloned().collect());
        }
        let help = format!("expected [[{key}]]");
        self.problem(at, key, format!("`{key}` is {}", kind(item)), help);
        None
    }

    fn lever(&mut self, at: usize, table: &Table, position_in_file: usize) -> Option<Lever> {
        let at = place(table, at);
        let kinds = || KINDS.iter().map(|kind| kind.name);
        let Some(name) = self.lever_text(at, table, "lever", "kind") else {
            let list: Vec<&str> = kinds().collect();
            let help = format!("expected `kind`, one of {}", list.join(", "));
            self.problem(at, "lever.kind", "a lever without kind".to_owned(), help);
            return None;
        };
        let Some(kind) = kind_of(&name) else {
            let list: Vec<&str> = kinds().collect();
            let help = nearest(&name, kinds()).map_or_else(
                || format!("expected one of {}", list.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let place = table.get("kind").map_or(at, start);
            self.problem(
                place,
                "lever.kind",
                format!("unknown kind of lever `{name}`"),
                help,
            );
            return None;
        };
        let before = self.problems.0.len();
        let keys: Vec<&str> = COMMON
            .into_iter()
            .chain([kind.size])
            .chain(kind.keys.iter().map(|key| key.name))
            .collect();
        let title = self
            .lever_text(at, table, "lever", "name")
            .unwrap_or_else(|| format!("{}-{position_in_file}", kind.name));
        let scope = format!("lever `{title}`");
        self.known_keys(table, &scope, &keys);
        let countries = self.countries(at, table, &scope);
        let size = self.size(at, table, &scope, kind);
        let years = self.lever_years(at, table, &scope, size.as_ref());
        let payer = self
            .lever_text(at, table, &scope, "payer")
            .unwrap_or_default();
        if payer.is_empty() && kind.needs_payer {
            let help = "name who pays: payer = \"JPN\"".to_owned();
            let message = format!("{scope}: {} without payer", kind.size);
            self.problem(at, "lever.payer", message, help);
        }
        let (default, low, high) = kind.unit_cost;
        let unit_cost_usd = self
            .number_of(table, &scope, "unit_cost", (low, high))
            .unwrap_or(default);
        let (mut words, mut numbers) = (Vec::new(), Vec::new());
        for key in kind.keys {
            match key.expects {
                Expects::Number(low, high) => numbers.push((
                    key.name,
                    self.number_of(table, &scope, key.name, (low, high))
                        .unwrap_or(key.default),
                )),
                _ => {
                    if let Some(word) = self.lever_word(at, table, &scope, key) {
                        words.push((key.name, word));
                    }
                }
            }
        }
        if self.problems.0.len() > before {
            return None;
        }
        let (line, column) = position(self.text, at);
        Some(Lever {
            name: title,
            kind,
            countries,
            size: size?,
            years,
            payer,
            unit_cost_usd,
            words,
            numbers,
            place: (self.file.to_owned(), line, column),
        })
    }

    fn known_keys(&mut self, table: &Table, scope: &str, keys: &[&str]) {
        for (key, item) in table {
            if !keys.contains(&key) {
                let help = nearest(key, keys.iter().copied()).map_or_else(
                    || format!("the keys are {}", keys.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let at = table
                    .key(key)
                    .and_then(toml_edit::Key::span)
                    .map_or(start(item), |span| span.start);
                self.problem(at, key, format!("{scope}: unknown key `{key}`"), help);
            }
        }
    }

    fn lever_text(&mut self, at: usize, table: &Table, scope: &str, key: &str) -> Option<String> {
        let item = table.get(key)?;
        let word = item
            .as_str()
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned);
        if word.is_none() {
            let message = format!("{scope}: `{key}` is {}", kind(item));
            self.problem(
                start(item).max(at),
                key,
                message,
                "expected text in quotes".to_owned(),
            );
        }
        word
    }

    fn lever_word(
        &mut self,
        at: usize,
        table: &Table,
        scope: &str,
        key: &LeverKey,
    ) -> Option<String> {
        let vocabulary = self.vocabulary;
        let list: Vec<&str> = match key.expects {
            Expects::OneOf(list) => list.to_vec(),
            Expects::Country => vocabulary.countries.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        let Some(word) = self.lever_text(at, table, scope, key.name) else {
            if key.required && table.get(key.name).is_none() {
                let help = if list.is_empty() {
                    key.description.to_owned()
                } else {
                    format!("expected one of {}", list.join(", "))
                };
                self.problem(
                    at,
                    key.name,
                    format!("{scope}: `{}` is missing", key.name),
                    help,
                );
            }
            return None;
        };
        if list.is_empty() || list.contains(&word.as_str()) {
            return Some(word);
        }
        let help = nearest(&word, list.iter().copied()).map_or_else(
            || format!("expected one of {}", list.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let place = table.get(key.name).map_or(at, start);
        self.problem(
            place,
            key.name,
            format!("{scope}: unknown {} `{word}`", key.name),
            help,
        );
        None
    }

    fn number_of(
        &mut self,
        table: &Table,
        scope: &str,
        key: &str,
        range: (f64, f64),
    ) -> Option<f64> {
        let item = table.get(key)?;
        self.ranged(item, scope, key, range)
    }

    fn ranged(
        &mut self,
        item: &Item,
        scope: &str,
        key: &str,
        (low, high): (f64, f64),
    ) -> Option<f64> {
        let value = match item.as_value() {
            Some(Value::Float(value)) => *value.value(),
            Some(Value::Integer(value)) => *value.value() as f64,
            _ => {
                let message = format!("{scope}: `{key}` is {}", kind(item));
                self.problem(start(item), key, message, "expected a number".to_owned());
                return None;
            }
        };
        if value.is_finite() && (low..=high).contains(&value) {
            return Some(value);
        }
        let help = format!("expected a number from {low} to {high}");
        self.problem(
            start(item),
            key,
            format!("{scope}: `{key}` {value} is out of range"),
            help,
        );
        None
    }

    fn countries(&mut self, at: usize, table: &Table, scope: &str) -> Vec<String> {
        let Some(item) = table.get("countries") else {
            let help = "name countries or groups: countries = [\"THA\", \"IDN\"]".to_owned();
            self.problem(
                at,
                "countries",
                format!("{scope}: `countries` is missing"),
                help,
            );
            return Vec::new();
        };
        let Some(list) = item.as_array().filter(|list| !list.is_empty()) else {
            let what = if item.is_array() { "empty" } else { kind(item) };
            let message = format!("{scope}: `countries` is {what}");
            let help = "expected a list such as [\"THA\", \"IDN\"]".to_owned();
            self.problem(start(item), "countries", message, help);
            return Vec::new();
        };
        let vocabulary = self.vocabulary;
        let mut countries = Vec::new();
        for value in list {
            let at = value.span().map_or_else(|| start(item), |span| span.start);
            let code = value.as_str().unwrap_or("");
            let known = || {
                let codes = vocabulary.countries.iter().map(String::as_str);
                codes.chain(vocabulary.groups.keys().map(String::as_str))
            };
            if let Some(members) = vocabulary.groups.get(code) {
                countries.extend(members.iter().cloned());
            } else if known().any(|known| known == code) {
                countries.push(code.to_owned());
            } else {
                let help = nearest(code, known()).map_or_else(
                    || "codes are ISO 3166-1 alpha-3, or the name of a group".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                self.problem(
                    at,
                    "countries",
                    format!("{scope}: unknown country `{code}`"),
                    help,
                );
            }
        }
        countries.sort_unstable();
        countries.dedup();
        countries
    }

    fn size(&mut self, at: usize, table: &Table, scope: &str, of: &LeverKind) -> Option<Setting> {
        let Some(item) = table.get(of.size) else {
            let help = format!(
                "expected `{}` ({}): a number, or a table of years",
                of.size, of.unit
            );
            self.problem(
                at,
                of.size,
                format!("{scope}: `{}` is missing", of.size),
                help,
            );
            return None;
        };
        let Some(years) = item.as_table_like() else {
            return self
                .ranged(item, scope, of.size, of.range)
                .map(Setting::Constant);
        };
        let (first, last) = (self.vocabulary.base_year + 1, HORIZONS.1);
        let mut points = Vec::new();
        for (key, item) in years.iter() {
            let year = (key.len() == 4).then(|| key.parse::<i32>().ok()).flatten();
            let Some(year) = year.filter(|year| (first..=last).contains(year)) else {
                let help = format!("expected years from {first} to {last}: history never moves");
                let message = format!("{scope}: year `{key}` is out of range");
                self.problem(start(item), of.size, message, help);
                continue;
            };
            if let Some(value) = self.ranged(item, scope, of.size, of.range) {
                points.push((year, value));
            }
        }
        points.sort_by_key(|point| point.0);
        if years.is_empty() {
            let help = "expected a number, or a table of years".to_owned();
            self.problem(
                start(item),
                of.size,
                format!("{scope}: `{}` is empty", of.size),
                help,
            );
        }
        (!points.is_empty()).then_some(Setting::Path(points))
    }

    /// `from` and `until`; without `from`, a path begins with its first year.
    fn lever_years(
        &mut self,
        at: usize,
        table: &Table,
        scope: &str,
        size: Option<&Setting>,
    ) -> (i32, i32) {
        let (mut from, until) = self.years(at, table, scope);
        if let (Some(Setting::Path(points)), None) = (size, table.get("from")) {
            from = points[0].0;
        }
        if from > until {
            let help = "let it begin before it ends".to_owned();
            self.problem(
                at,
                "until",
                format!("{scope}: ends in {until} before it begins in {from}"),
                help,
            );
        }
        (from, until)
    }

    fn years(&mut self, at: usize, table: &Table, scope: &str) -> (i32, i32) {
        let (first, last) = (self.vocabulary.base_year + 1, HORIZONS.1);
        let mut year = |key: &str, default: i32| {
            let Some(item) = table.get(key) else {
                return default;
            };
            match item.as_integer() {
                Some(year) if (i64::from(first)..=i64::from(last)).contains(&year) => year as i32,
                _ => {
                    let help =
                        format!("expected a year from {first} to {last}: history never moves");
                    let message = format!("{scope}: `{key}` is out of range");
                    self.problem(start(item).max(at), key, message, help);
                    default
                }
            }
        };
        (year("from", first), year("until", last))
    }
}

fn place(table: &Table, at: usize) -> usize {
    table.span().map_or(at, |span| span.start)
}

/// Levers whose cost is known before the run must fit the budget of their payer; the one that breaks it is named.
/// Also, what begins after the horizon can do nothing: that is a slip, not a wish.
pub fn check(scenario: &Scenario, problems: &mut Problems) {
    for lever in &scenario.levers {
        let (file, line, column) = lever.place.clone();
        let mut problem = |key: &str, message: String, help: String| {
            problems.push(Problem {
                file: file.clone(),
                line,
                column,
                key: key.to_owned(),
                message,
                help,
            });
        };
        if lever.years.0 > scenario.horizon {
            problem(
                "from",
                format!(
                    "lever `{}` begins in {} after the horizon {}",
                    lever.name, lever.years.0, scenario.horizon
                ),
                "let it begin earlier, or ask for a later horizon".to_owned(),
            );
        }
    }
    for budget in &scenario.budgets {
        let mut left = budget.total_usd;
        for lever in scenario
            .levers
            .iter()
            .filter(|lever| lever.payer == budget.payer && lever.kind.cost_base == CostBase::Size)
        {
            let places = lever.countries.len();
            let last = budget.years.1.min(scenario.horizon);
            let spent: f64 = (budget.years.0..=last)
                .map(|year| lever.size_in(year) * lever.unit_cost_usd * places as f64)
                .sum();
            if spent > left * (1.0 + 1e-9) {
                let (file, line, column) = lever.place.clone();
                problems.push(Problem {
                    file,
                    line,
                    column,
                    key: lever.kind.size.to_owned(),
                    message: format!(
                        "lever `{}` overspends the budget of `{}`: {:.1} million USD asked, {:.1} left of {:.1}",
                        lever.name,
                        budget.payer,
                        spent / 1e6,
                        left / 1e6,
                        budget.total_usd / 1e6
                    ),
                    help: "ask for less, or raise the [[budget]]".to_owned(),
                });
            }
            left = (left - spent).max(0.0);
        }
    }
}
