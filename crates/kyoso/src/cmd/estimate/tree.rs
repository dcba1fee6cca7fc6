//! A problem file as a tree of values with their places, checked against the list of keys.

use kyoso_demand::{Error, Expression, Formulation};
use kyoso_model::input::{Problem, Problems, nearest, position};
use toml_edit::{Document, Item, TableLike, Value as Toml};

use super::keys::{Key, Kind};

/// A value and the byte at which it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// First byte.
    pub at: usize,
    /// The value.
    pub value: Value,
}

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    Text(String),
    Whole(i64),
    Real(f64),
    Flag(bool),
    Date,
    List(Vec<Node>),
    Table(Vec<(String, usize, Node)>),
}

impl Node {
    /// The value at a key of a table.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|(name, _, _)| name == key)
            .map(|(_, _, node)| node)
    }

    /// Entries of a table.
    pub fn entries(&self) -> &[(String, usize, Self)] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// Items of a list.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The value as text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as a number.
    pub fn as_number(&self) -> Option<f64> {
        match self.value {
            Value::Whole(v) => Some(v as f64),
            Value::Real(v) => Some(v),
            _ => None,
        }
    }

    /// Text at a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// Number at a key.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_number()
    }

    /// Whole number at a key.
    pub fn whole(&self, key: &str) -> Option<u64> {
        match self.get(key)?.value {
            Value::Whole(v) => u64::try_from(v).ok(),
            _ => None,
        }
    }

    /// Flag at a key; false where absent.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)?.value {
            Value::Flag(v) => Some(v),
            _ => None,
        }
    }

    /// Two numbers.
    pub fn as_bounds(&self) -> Option<(f64, f64)> {
        let [low, high] = self.items() else {
            return None;
        };
        Some((low.as_number()?, high.as_number()?))
    }

    fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "text",
            Value::Whole(_) => "a whole number",
            Value::Real(_) => "a number",
            Value::Flag(_) => "true or false",
            Value::Date => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// A file and what is wrong with it.
pub struct Report<'a> {
    /// Name of the file as the user knows it.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Defects found so far.
    pub problems: Problems,
}

impl Report<'_> {
    /// Notes a defect at a byte of the text.
    pub fn problem(
        &mut self,
        at: usize,
        key: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let (line, column) = position(self.text, at);
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line,
            column,
            key: key.to_owned(),
            message: message.into(),
            help: help.into(),
        });
    }

    /// Reads the text and checks it against keys.
    pub fn read(&mut self, keys: &'static [Key]) -> Option<Node> {
        match Document::parse(self.text) {
            Ok(document) => {
                let root = Node {
                    at: 0,
                    value: Value::Table(entries(document.as_table(), 0)),
                };
                self.check_table("", &root, keys);
                Some(root)
            }
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                let message = error.message();
                if message == "duplicate key" {
                    let key = error
                        .span()
                        .and_then(|span| self.text.get(span))
                        .unwrap_or("")
                        .to_owned();
                    self.problem(at, &key, "stands twice", "keep one of them");
                } else {
                    self.problem(at, "", format!("is no TOML: {message}"), "");
                }
                None
            }
        }
    }

    fn check_table(&mut self, path: &str, node: &Node, keys: &'static [Key]) {
        for (name, at, value) in node.entries() {
            let full = join(path, name);
            if let Some(key) = keys.iter().find(|key| key.name == name) {
                self.check(&full, value, &key.kind);
            } else {
                let names = || keys.iter().map(|key| key.name);
                let help = nearest(name, names()).map_or_else(
                    || {
                        format!(
                            "the keys here are {}",
                            names().collect::<Vec<_>>().join(", ")
                        )
                    },
                    |near| format!("did you mean `{near}`?"),
                );
                self.problem(*at, &full, "is no key", help);
            }
        }
        for key in keys
            .iter()
            .filter(|key| key.required && node.get(key.name).is_none())
        {
            self.problem(node.at, &join(path, key.name), "is missing", key.meaning);
        }
    }

    fn check(&mut self, path: &str, node: &Node, kind: &'static Kind) {
        if !fits(node, kind) {
            let help = format!("expected {}", expectation(kind));
            self.problem(node.at, path, format!("is {}", node.kind()), help);
            return;
        }
        match kind {
            Kind::Word(words) => {
                let word = node.as_text().unwrap_or("");
                if !words.contains(&word) {
                    let near = nearest(word, words.iter().copied())
                        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                    let help = format!("expected one of {}{near}", words.join(", "));
                    self.problem(node.at, path, format!("`{word}` is unknown"), help);
                }
            }
            Kind::Number(low, high) => {
                let value = node.as_number().unwrap_or(f64::NAN);
                if !(value >= *low && value <= *high && value.is_finite()) {
                    let help = format!("expected {}", expectation(kind));
                    self.problem(node.at, path, format!("{value} is out of range"), help);
                }
            }
            Kind::Whole(low, high) => {
                let value = if let Value::Whole(v) = node.value {
                    u64::try_from(v).ok()
                } else {
                    None
                };
                if !value.is_some_and(|v| v >= *low && v <= *high) {
                    let help = format!("expected {}", expectation(kind));
                    self.problem(node.at, path, "is out of range", help);
                }
            }
            Kind::Bounds => {
                if let Some((low, high)) = node.as_bounds()
                    && (low > high || low.is_nan() || high.is_nan())
                {
                    self.problem(
                        node.at,
                        path,
                        format!("{low} to {high} leaves nothing"),
                        "expected [lowest, highest]",
                    );
                }
            }
            Kind::Expression => self.expression(path, node),
            Kind::Terms(effects) => {
                for item in node.items() {
                    let text = item.as_text().unwrap_or("");
                    match Formulation::parse(&[text]) {
                        Ok(f) if !effects && !f.absorb.is_empty() => {
                            self.problem(
                                item.at,
                                path,
                                format!("`{text}` absorbs effects"),
                                "effects are absorbed in x1 and x3 only",
                            );
                        }
                        Ok(_) => {}
                        Err(error) => self.not_read(path, item.at, text, &error),
                    }
                }
            }
            Kind::Rows => {
                let mut lengths: Vec<usize> =
                    node.items().iter().map(|row| row.items().len()).collect();
                lengths.dedup();
                if lengths.len() > 1 {
                    self.problem(
                        node.at,
                        path,
                        "has rows of different length",
                        "expected a matrix",
                    );
                }
            }
            Kind::Table(keys) => self.check_table(path, node, keys),
            Kind::Tables(keys) => {
                for (i, item) in node.items().iter().enumerate() {
                    self.check_table(&format!("{path}[{}]", i + 1), item, keys);
                }
            }
            Kind::Map(of) => {
                for (name, _, value) in node.entries() {
                    self.check(&join(path, name), value, of);
                }
            }
            Kind::Either(a, b) => self.check(path, node, if fits(node, a) { a } else { b }),
            Kind::Text | Kind::Flag | Kind::Names | Kind::Groups | Kind::Numbers => {}
        }
    }

    fn expression(&mut self, path: &str, node: &Node) {
        if let Some(text) = node.as_text()
            && let Err(error) = Expression::parse(text)
        {
            self.not_read(path, node.at, text, &error);
        }
    }

    fn not_read(&mut self, path: &str, at: usize, text: &str, error: &Error) {
        let message = match error {
            Error::Invalid(defects) => defects
                .iter()
                .map(|d| d.message.clone())
                .collect::<Vec<_>>()
                .join("; "),
            other => other.to_string(),
        };
        self.problem(
            at,
            path,
            format!("`{text}` is no expression: {message}"),
            "expected columns and numbers with + - * / ^, parentheses, log, exp, sqrt, such as `log(hpwt)`",
        );
    }
}

/// Path of a key in a table.
pub fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let key = if plain {
        key.to_owned()
    } else {
        format!("\"{key}\"")
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// Whether a value has the shape of a kind, whatever its content.
fn fits(node: &Node, kind: &Kind) -> bool {
    let all = |test: &dyn Fn(&Node) -> bool| {
        matches!(node.value, Value::List(_)) && node.items().iter().all(test)
    };
    let numbers = |node: &Node| {
        matches!(node.value, Value::List(_)) && node.items().iter().all(|x| x.as_number().is_some())
    };
    let texts = |node: &Node| {
        matches!(node.value, Value::List(_)) && node.items().iter().all(|x| x.as_text().is_some())
    };
    match kind {
        Kind::Text | Kind::Word(_) => node.as_text().is_some(),
        Kind::Flag => matches!(node.value, Value::Flag(_)),
        Kind::Number(..) => node.as_number().is_some(),
        Kind::Whole(..) => matches!(node.value, Value::Whole(_)),
        Kind::Bounds => node.as_bounds().is_some(),
        Kind::Terms(_) | Kind::Names => texts(node),
        Kind::Expression => node.as_text().is_some() || node.as_number().is_some(),
        Kind::Groups => all(&texts),
        Kind::Rows => !node.items().is_empty() && all(&numbers),
        Kind::Numbers => numbers(node),
        Kind::Table(_) | Kind::Map(_) => matches!(node.value, Value::Table(_)),
        Kind::Tables(_) => all(&|x| matches!(x.value, Value::Table(_))),
        Kind::Either(a, b) => fits(node, a) || fits(node, b),
    }
}

fn expectation(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text in quotes".to_owned(),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
        Kind::Flag => "true or false".to_owned(),
        Kind::Number(low, high) => match (low.is_finite(), high.is_finite()) {
            (true, true) => format!("a number from {low} to {high}"),
            (true, false) => format!("a number of at least {low}"),
            (false, true) => format!("a number of at most {high}"),
            (false, false) => "a finite number".to_owned(),
        },
        Kind::Whole(low, u64::MAX) => format!("a whole number of at least {low}"),
        Kind::Whole(low, high) => format!("a whole number from {low} to {high}"),
        Kind::Bounds => "two numbers [lowest, highest], `-inf` and `inf` for none".to_owned(),
        Kind::Terms(_) => "a list of column expressions in quotes".to_owned(),
        Kind::Expression => "a column expression in quotes, or a number".to_owned(),
        Kind::Names => "a list of texts".to_owned(),
        Kind::Groups => "a list of lists of texts".to_owned(),
        Kind::Rows => "rows of numbers".to_owned(),
        Kind::Numbers => "a list of numbers".to_owned(),
        Kind::Table(_) => "a table".to_owned(),
        Kind::Tables(_) => "a list of tables".to_owned(),
        Kind::Map(of) => format!("a table with names, each {}", expectation(of)),
        Kind::Either(a, b) => format!("{}, or {}", expectation(a), expectation(b)),
    }
}

fn entries(table: &dyn TableLike, otherwise: usize) -> Vec<(String, usize, Node)> {
    table
        .iter()
        .map(|(name, item)| {
            let key = table.get_key_value(name).and_then(|(key, _)| key.span());
            let at = key
                .or_else(|| item.span())
                .map_or(otherwise, |span| span.start);
            (name.to_owned(), at, from_item(item, at))
        })
        .collect()
}

fn from_item(item: &Item, otherwise: usize) -> Node {
    let at = item.span().map_or(otherwise, |span| span.start);
    let value = match item {
        Item::Value(value) => return from_value(value, otherwise),
        Item::Table(table) => Value::Table(entries(table, at)),
        Item::ArrayOfTables(tables) => Value::List(
            tables
                .iter()
                .map(|table| {
                    let at = table.span().map_or(at, |span| span.start);
                    Node {
                        at,
                        value: Value::Table(entries(table, at)),
                    }
                })
                .collect(),
        ),
        Item::None => Value::Table(Vec::new()),
    };
    Node { at, value }
}

fn from_value(value: &Toml, otherwise: usize) -> Node {
    let at = value.span().map_or(otherwise, |span| span.start);
    let value = match value {
        Toml::String(v) => Value::Text(v.value().clone()),
        Toml::Integer(v) => Value::Whole(*v.value()),
        Toml::Float(v) => Value::Real(*v.value()),
        Toml::Boolean(v) => Value::Flag(*v.value()),
        Toml::Datetime(_) => Value::Date,
        Toml::Array(items) => Value::List(items.iter().map(|item| from_value(item, at)).collect()),
        Toml::InlineTable(table) => Value::Table(entries(table, at)),
    };
    Node { at, value }
}
