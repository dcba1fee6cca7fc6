//! What is wrong with an input, and where; gathered, never thrown one at a time.

use std::fmt;

/// One defect of an input file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// File as the user knows it (`data/sales.csv`, `my.toml`).
    pub file: String,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: usize,
    /// Column of the text, from 1; 0 where the whole line is meant.
    pub column: usize,
    /// Table column or key path concerned (`population`, `lever[2].seats`).
    pub key: String,
    /// What is wrong, lower case, no full stop, backticks round codes.
    pub message: String,
    /// How to mend it: the nearest name, the allowed range; empty if nothing helps.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        if !self.key.is_empty() {
            write!(f, ": `{}`", self.key)?;
        }
        write!(f, ": {}", self.message)?;
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}

/// All defects of an input, in order of file and line.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.list())]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds one defect.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Gives `value` if nothing is wrong, all defects in order otherwise.
    pub fn or_ok<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            self.0.sort();
            Err(self)
        }
    }

    fn list(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }
}

/// Line and column, from 1, of a byte.
pub fn position(text: &str, byte: usize) -> (usize, usize) {
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

/// The name of `known` nearest to `found`, if any is near enough to be a slip of the hand.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&found.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= 1 + name.len().min(found.len()) / 3)
        .min()
        .map(|(_, name)| name)
}
