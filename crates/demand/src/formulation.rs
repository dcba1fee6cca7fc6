//! Column expressions: `1`, `price`, `log(hpwt)`, `1/income`, `a*b`, and absorbed `C(product)`.
//!
//! An expression is parsed once, evaluated over columns and differentiated by the price, which the pricing condition needs.

use std::collections::BTreeMap;

use crate::error::{Defect, Error};

/// Columns by name; numbers or labels, all of one length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    rows: usize,
    columns: BTreeMap<String, Column>,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Labels: markets, makers, products, clusters.
    Labels(Vec<String>),
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(v) => v.len(),
            Self::Labels(v) => v.len(),
        }
    }
}

impl Table {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a column of numbers.
    #[must_use]
    pub fn with(self, name: &str, values: Vec<f64>) -> Self {
        self.with_column(name, Column::Numbers(values))
    }

    /// Adds or replaces a column of labels.
    #[must_use]
    pub fn with_labels(self, name: &str, values: Vec<String>) -> Self {
        self.with_column(name, Column::Labels(values))
    }

    /// Adds or replaces a column.
    #[must_use]
    pub fn with_column(mut self, name: &str, column: Column) -> Self {
        self.rows = self.rows.max(column.len());
        self.columns.insert(name.to_owned(), column);
        self
    }

    /// Drops columns `prefix0`, `prefix1`, ... and `prefix`.
    #[must_use]
    pub fn without_numbered(mut self, prefix: &str) -> Self {
        self.columns.retain(|name, _| {
            !name
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
        });
        self
    }

    /// Adds columns `prefix0`, `prefix1`, ...
    #[must_use]
    pub fn with_numbered(self, prefix: &str, columns: Vec<Vec<f64>>) -> Self {
        columns
            .into_iter()
            .enumerate()
            .fold(self, |table, (i, column)| {
                table.with(&format!("{prefix}{i}"), column)
            })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// Whether there is such a column.
    pub fn has(&self, name: &str) -> bool {
        self.columns.contains_key(name)
    }

    /// A column of numbers.
    pub fn numbers(&self, name: &str) -> Option<&[f64]> {
        match self.columns.get(name) {
            Some(Column::Numbers(v)) => Some(v),
            _ => None,
        }
    }

    /// A column as labels; numbers are written out.
    pub fn labels(&self, name: &str) -> Option<Vec<String>> {
        match self.columns.get(name)? {
            Column::Labels(v) => Some(v.clone()),
            Column::Numbers(v) => Some(v.iter().map(ToString::to_string).collect()),
        }
    }

    /// Columns `prefix0`, `prefix1`, ... (or `prefix` alone), in order.
    pub fn numbered(&self, prefix: &str) -> Vec<&[f64]> {
        let numbered: Vec<&[f64]> = (0..)
            .map_while(|i| self.numbers(&format!("{prefix}{i}")))
            .collect();
        if numbered.is_empty() {
            self.numbers(prefix).into_iter().collect()
        } else {
            numbered
        }
    }

    /// Columns of another length than the table.
    pub(crate) fn defects(&self, what: &str) -> Vec<Defect> {
        self.columns
            .iter()
            .filter(|(_, c)| c.len() != self.rows)
            .map(|(name, c)| {
                Defect::new(
                    format!("{what}.{name}"),
                    format!("has {} values, the table {} rows", c.len(), self.rows),
                )
            })
            .collect()
    }
}

/// An arithmetic expression over columns.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A constant.
    Number(f64),
    /// A column.
    Column(String),
    /// Sum.
    Add(Box<Self>, Box<Self>),
    /// Difference.
    Subtract(Box<Self>, Box<Self>),
    /// Product.
    Multiply(Box<Self>, Box<Self>),
    /// Quotient.
    Divide(Box<Self>, Box<Self>),
    /// Power with a constant exponent.
    Power(Box<Self>, f64),
    /// Natural logarithm.
    Log(Box<Self>),
    /// Exponential.
    Exp(Box<Self>),
    /// Square root.
    Sqrt(Box<Self>),
}

use Expression::{Add, Column as Name, Divide, Exp, Log, Multiply, Number, Power, Sqrt, Subtract};

impl Expression {
    /// Parses an expression: numbers, columns, `+ - * / ^`, parentheses, `log`, `exp`, `sqrt`.
    ///
    /// # Errors
    /// What was expected and where.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parser = Parser { text, at: 0 };
        let expression = parser.sum();
        parser.space();
        match expression {
            Ok(e) if parser.at == text.len() => Ok(e),
            Ok(_) => Err(Error::invalid(
                format!("`{text}`"),
                format!("unexpected `{}` at {}", &text[parser.at..], parser.at + 1),
            )),
            Err(message) => Err(Error::invalid(format!("`{text}`"), message)),
        }
    }

    /// Columns that the expression reads.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Number(_) => Vec::new(),
            Name(name) => vec![name],
            Add(a, b) | Subtract(a, b) | Multiply(a, b) | Divide(a, b) => {
                let mut names = a.columns();
                names.extend(b.columns());
                names
            }
            Power(a, _) | Log(a) | Exp(a) | Sqrt(a) => a.columns(),
        }
    }

    /// Value in one row.
    fn at(&self, table: &Table, row: usize) -> f64 {
        self.at_with(table, row, "", 0.0)
    }

    /// Value in one row with one column at another value.
    pub(crate) fn at_with(&self, table: &Table, row: usize, column: &str, value: f64) -> f64 {
        match self {
            Number(v) => *v,
            Name(name) if name == column => value,
            Name(name) => table
                .numbers(name)
                .and_then(|v| v.get(row))
                .copied()
                .unwrap_or(f64::NAN),
            Add(a, b) => {
                a.at_with(table, row, column, value) + b.at_with(table, row, column, value)
            }
            Subtract(a, b) => {
                a.at_with(table, row, column, value) - b.at_with(table, row, column, value)
            }
            Multiply(a, b) => {
                a.at_with(table, row, column, value) * b.at_with(table, row, column, value)
            }
            Divide(a, b) => {
                a.at_with(table, row, column, value) / b.at_with(table, row, column, value)
            }
            Power(a, n) if n.fract() == 0.0 && n.abs() < 64.0 => {
                a.at_with(table, row, column, value).powi(*n as i32)
            }
            Power(a, n) => a.at_with(table, row, column, value).powf(*n),
            Log(a) => a.at_with(table, row, column, value).ln(),
            Exp(a) => a.at_with(table, row, column, value).exp(),
            Sqrt(a) => a.at_with(table, row, column, value).sqrt(),
        }
    }

    /// Values in every row.
    ///
    /// # Errors
    /// Columns that are missing or hold labels, values that are not finite, by row.
    pub fn evaluate(&self, table: &Table) -> Result<Vec<f64>, Error> {
        let mut defects = Vec::new();
        for name in self.columns() {
            if table.numbers(name).is_none() {
                defects.push(Defect::new(
                    format!("column `{name}`"),
                    if table.has(name) {
                        "holds labels, numbers were expected".to_owned()
                    } else {
                        format!(
                            "is not in the table, which has {}",
                            table.names().collect::<Vec<_>>().join(", ")
                        )
                    },
                ));
            }
        }
        Error::of(defects)?;
        let values: Vec<f64> = (0..table.rows()).map(|row| self.at(table, row)).collect();
        let bad: Vec<usize> = (0..values.len())
            .filter(|i| !values[*i].is_finite())
            .take(5)
            .collect();
        if bad.is_empty() {
            return Ok(values);
        }
        Err(Error::Invalid(
            bad.iter()
                .map(|i| {
                    Defect::new(
                        format!("`{self}`, row {}", i + 1),
                        format!("is {}", values[*i]),
                    )
                })
                .collect(),
        ))
    }

    /// Derivative by a column.
    #[must_use]
    pub fn derivative(&self, by: &str) -> Self {
        let d = |e: &Self| Box::new(e.derivative(by));
        let e = match self {
            Number(_) => Number(0.0),
            Name(name) => Number(if name == by { 1.0 } else { 0.0 }),
            Add(a, b) => Add(d(a), d(b)),
            Subtract(a, b) => Subtract(d(a), d(b)),
            Multiply(a, b) => Add(
                Box::new(Multiply(d(a), b.clone())),
                Box::new(Multiply(a.clone(), d(b))),
            ),
            Divide(a, b) => Divide(
                Box::new(Subtract(
                    Box::new(Multiply(d(a), b.clone())),
                    Box::new(Multiply(a.clone(), d(b))),
                )),
                Box::new(Power(b.clone(), 2.0)),
            ),
            Power(a, n) => Multiply(
                Box::new(Multiply(
                    Box::new(Number(*n)),
                    Box::new(Power(a.clone(), n - 1.0)),
                )),
                d(a),
            ),
            Log(a) => Divide(d(a), a.clone()),
            Exp(a) => Multiply(Box::new(self.clone()), d(a)),
            Sqrt(a) => Divide(
                d(a),
                Box::new(Multiply(Box::new(Number(2.0)), Box::new(self.clone()))),
            ),
        };
        e.folded()
    }

    /// Constants folded, neutral elements dropped; operands are already folded.
    fn folded(self) -> Self {
        let number = |e: &Self| if let Number(v) = e { Some(*v) } else { None };
        match self {
            Add(a, b) => match (number(&a), number(&b)) {
                (Some(x), Some(y)) => Number(x + y),
                (Some(0.0), _) => *b,
                (_, Some(0.0)) => *a,
                _ => Add(a, b),
            },
            Subtract(a, b) => match (number(&a), number(&b)) {
                (Some(x), Some(y)) => Number(x - y),
                (_, Some(0.0)) => *a,
                _ => Subtract(Box::new(a.folded()), Box::new(b.folded())),
            },
            Multiply(a, b) => {
                let (a, b) = (a.folded(), b.folded());
                match (number(&a), number(&b)) {
                    (Some(x), Some(y)) => Number(x * y),
                    (Some(0.0), _) | (_, Some(0.0)) => Number(0.0),
                    (Some(1.0), _) => b,
                    (_, Some(1.0)) => a,
                    _ => Multiply(Box::new(a), Box::new(b)),
                }
            }
            Divide(a, b) => {
                let a = a.folded();
                if number(&a) == Some(0.0) {
                    Number(0.0)
                } else {
                    Divide(Box::new(a), b)
                }
            }
            other => other,
        }
    }

    /// Whether a column enters.
    pub fn reads(&self, name: &str) -> bool {
        self.columns().contains(&name)
    }
}

impl std::fmt::Display for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Operands of products, quotients and powers stand in parentheses when they are sums.
        let factor = |e: &Self| match e {
            Add(..) | Subtract(..) => format!("({e})"),
            _ => e.to_string(),
        };
        match self {
            Number(v) => write!(f, "{v}"),
            Name(name) => write!(f, "{name}"),
            Add(a, b) => write!(f, "{a} + {b}"),
            Subtract(a, b) => {
                if **a == Number(0.0) {
                    write!(f, "-{}", factor(b))
                } else {
                    write!(f, "{a} - {}", factor(b))
                }
            }
            Multiply(a, b) => write!(f, "{}*{}", factor(a), factor(b)),
            Divide(a, b) => {
                let below = match **b {
                    Multiply(..) | Divide(..) => format!("({b})"),
                    _ => factor(b),
                };
                write!(f, "{}/{below}", factor(a))
            }
            Power(a, n) => match **a {
                Number(_) | Name(_) | Log(_) | Exp(_) | Sqrt(_) => write!(f, "{a}^{n}"),
                _ => write!(f, "({a})^{n}"),
            },
            Log(a) => write!(f, "log({a})"),
            Exp(a) => write!(f, "exp({a})"),
            Sqrt(a) => write!(f, "sqrt({a})"),
        }
    }
}

/// Nesting of parentheses beyond which an expression is refused, so that no text can exhaust the stack.
const DEEPEST: usize = 64;

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        while self.text[self.at..].starts_with(char::is_whitespace) {
            self.at += self.text[self.at..]
                .chars()
                .next()
                .map_or(1, char::len_utf8);
        }
    }

    fn take(&mut self, symbol: &str) -> bool {
        self.space();
        let found = self.text[self.at..].starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    fn sum(&mut self) -> Result<Expression, String> {
        self.sum_at(0)
    }

    fn sum_at(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err(format!("more than {DEEPEST} parentheses within each other"));
        }
        let mut left = self.product(depth)?;
        loop {
            if self.take("+") {
                left = Add(Box::new(left), Box::new(self.product(depth)?));
            } else if self.take("-") {
                left = Subtract(Box::new(left), Box::new(self.product(depth)?));
            } else {
                return Ok(left);
            }
        }
    }

    fn product(&mut self, depth: usize) -> Result<Expression, String> {
        let mut left = self.power(depth)?;
        loop {
            if self.take("*") {
                left = Multiply(Box::new(left), Box::new(self.power(depth)?));
            } else if self.take("/") {
                left = Divide(Box::new(left), Box::new(self.power(depth)?));
            } else {
                return Ok(left);
            }
        }
    }

    fn power(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err(format!(
                "more than {DEEPEST} signs or parentheses within each other"
            ));
        }
        if self.take("-") {
            let operand = self.power(depth + 1)?;
            return Ok(match operand {
                Number(v) => Number(-v),
                other => Subtract(Box::new(Number(0.0)), Box::new(other)),
            });
        }
        let base = self.atom(depth)?;
        if self.take("^") {
            let negative = self.take("-");
            return match self.atom(depth)? {
                Number(n) => Ok(Power(Box::new(base), if negative { -n } else { n })),
                _ => Err("an exponent must be a number".to_owned()),
            };
        }
        Ok(base)
    }

    fn atom(&mut self, depth: usize) -> Result<Expression, String> {
        if self.take("(") {
            let inner = self.sum_at(depth + 1)?;
            return if self.take(")") {
                Ok(inner)
            } else {
                Err(format!("`)` expected at {}", self.at + 1))
            };
        }
        self.space();
        let rest = &self.text[self.at..];
        let word: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '.')
            .collect();
        if word.is_empty() {
            return Err(format!("a number or a column expected at {}", self.at + 1));
        }
        self.at += word.len();
        if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return word
                .parse()
                .map(Number)
                .map_err(|_| format!("`{word}` is not a number"));
        }
        if self.take("(") {
            let inner = Box::new(self.sum_at(depth + 1)?);
            if !self.take(")") {
                return Err(format!("`)` expected at {}", self.at + 1));
            }
            return match word.as_str() {
                "log" => Ok(Log(inner)),
                "exp" => Ok(Exp(inner)),
                "sqrt" => Ok(Sqrt(inner)),
                _ => Err(format!("no function `{word}`; there are log, exp, sqrt")),
            };
        }
        Ok(Name(word))
    }
}

/// A list of columns and the fixed effects absorbed from them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Formulation {
    /// Columns.
    pub terms: Vec<Expression>,
    /// Label columns whose effects are absorbed.
    pub absorb: Vec<String>,
}

impl Formulation {
    /// Parses terms; `C(column)` is absorbed.
    ///
    /// # Errors
    /// Every term that cannot be read.
    pub fn parse<S: AsRef<str>>(terms: &[S]) -> Result<Self, Error> {
        let mut formulation = Self::default();
        let mut defects = Vec::new();
        for term in terms {
            let term = term.as_ref().trim();
            if let Some(column) = term.strip_prefix("C(").and_then(|t| t.strip_suffix(')')) {
                formulation.absorb.push(column.trim().to_owned());
                continue;
            }
            match Expression::parse(term) {
                Ok(e) => formulation.terms.push(e),
                Err(Error::Invalid(found)) => defects.extend(found),
                Err(other) => return Err(other),
            }
        }
        Error::of(defects)?;
        Ok(formulation)
    }

    /// Names of the columns as they were written.
    pub fn labels(&self) -> Vec<String> {
        self.terms.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_evaluated_and_differentiated() {
        let table = Table::new()
            .with("price", vec![2.0, 3.0])
            .with("x", vec![5.0, 7.0]);
        for (text, expected, slope) in [
            ("1", 1.0, 0.0),
            ("-price", -2.0, -1.0),
            ("price*x", 10.0, 5.0),
            ("log(price)", 2.0_f64.ln(), 0.5),
            ("1/price", 0.5, -0.25),
            ("x - (price + 1)^2 / 3", 2.0, -2.0),
            (
                "exp(price) * sqrt(price)",
                2.0_f64.exp() * 2.0_f64.sqrt(),
                2.0_f64.exp() * (2.0_f64.sqrt() + 0.5 / 2.0_f64.sqrt()),
            ),
        ] {
            let e = Expression::parse(text).unwrap();
            assert!(
                (e.evaluate(&table).unwrap()[0] - expected).abs() < 1e-14,
                "{text}"
            );
            let d = e.derivative("price").evaluate(&table).unwrap()[0];
            assert!((d - slope).abs() < 1e-14, "{text}: {d}");
            assert_eq!(
                Expression::parse(&e.to_string()).unwrap(),
                e,
                "{text} is written as {e}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for text in [
            "",
            "a +",
            "log(a",
            "sin(a)",
            "a b",
            "2..3",
            "a^b",
            &"(".repeat(10_000),
            &"-".repeat(100_000),
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
