//! Tables as they leave the program: long, tidy, one schema each.

use std::collections::HashMap;

/// Values of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Words drawn from a short list: `codes[row]` is an index into `words`.
    Words {
        /// The distinct words.
        words: Vec<String>,
        /// Index of each row's word.
        codes: Vec<u32>,
    },
    /// Whole numbers.
    Integers(Vec<i32>),
    /// Real numbers; NaN means not applicable and is written as an empty cell or null.
    Reals(Vec<f64>),
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Words { codes, .. } => codes.len(),
            Self::Integers(values) => values.len(),
            Self::Reals(values) => values.len(),
        }
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One column: name, unit, meaning, values.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name as in the interface (`iso3`, `units`).
    pub name: &'static str,
    /// Unit (`vehicles`, `PJ`), empty for codes.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// The values, as many as the table has rows.
    pub values: Values,
}

/// One table; all columns are equally long.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Name, also of its file (`sales`).
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Columns in the order of the interface.
    pub columns: Vec<Column>,
}

impl Table {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    fn values(&self, name: &str) -> Option<&Values> {
        let mut columns = self.columns.iter();
        columns.find(|c| c.name == name).map(|c| &c.values)
    }

    /// Words and codes of a column of words, if the table has it.
    pub fn words(&self, name: &str) -> Option<(&[String], &[u32])> {
        match self.values(name)? {
            Values::Words { words, codes } => Some((words, codes)),
            _ => None,
        }
    }

    /// A column of whole numbers, if the table has it.
    pub fn integers(&self, name: &str) -> Option<&[i32]> {
        match self.values(name)? {
            Values::Integers(values) => Some(values),
            _ => None,
        }
    }

    /// A column of real numbers, if the table has it.
    pub fn reals(&self, name: &str) -> Option<&[f64]> {
        match self.values(name)? {
            Values::Reals(values) => Some(values),
            _ => None,
        }
    }
}

/// Distinct words and the code of each row.
#[derive(Debug, Clone, Default)]
struct WordColumn {
    words: Vec<String>,
    known: HashMap<String, u32>,
    codes: Vec<u32>,
}

impl WordColumn {
    fn push(&mut self, word: &str) {
        let code = self.known.get(word).copied().unwrap_or_else(|| {
            let code = self.words.len() as u32;
            self.words.push(word.to_owned());
            self.known.insert(word.to_owned(), code);
            code
        });
        self.codes.push(code);
    }
}

/// Collects rows of words, a year and real numbers, in this order of columns.
#[derive(Debug, Clone)]
pub struct LongTable {
    words: Vec<WordColumn>,
    years: Vec<i32>,
    reals: Vec<Vec<f64>>,
}

impl LongTable {
    /// No rows yet.
    pub fn new(words: usize, reals: usize) -> Self {
        Self {
            words: vec![WordColumn::default(); words],
            years: Vec::new(),
            reals: vec![Vec::new(); reals],
        }
    }

    /// Adds a row of as many words and numbers as the table has.
    pub fn push(&mut self, words: &[&str], year: i32, reals: &[f64]) {
        debug_assert!(words.len() == self.words.len() && reals.len() == self.reals.len());
        for (column, word) in self.words.iter_mut().zip(words) {
            column.push(word);
        }
        self.years.push(year);
        for (column, &value) in self.reals.iter_mut().zip(reals) {
            column.push(value);
        }
    }

    /// The table: words with their descriptions, numbers with unit and description.
    pub fn table(
        self,
        name: &'static str,
        description: &'static str,
        words: &[(&'static str, &'static str)],
        reals: &[(&'static str, &'static str, &'static str)],
    ) -> Table {
        let of_words = self.words.into_iter().zip(words);
        let mut columns: Vec<Column> = of_words
            .map(|(column, &(name, description))| Column {
                name,
                unit: "",
                description,
                values: Values::Words {
                    words: column.words,
                    codes: column.codes,
                },
            })
            .collect();
        columns.push(Column {
            name: "year",
            unit: "",
            description: "calendar year",
            values: Values::Integers(self.years),
        });
        let of_reals = self.reals.into_iter().zip(reals);
        columns.extend(of_reals.map(|(values, &(name, unit, description))| Column {
            name,
            unit,
            description,
            values: Values::Reals(values),
        }));
        Table {
            name,
            description,
            columns,
        }
    }
}

/// A column of words from the word of each row.
pub fn words(of_rows: impl Iterator<Item = String>) -> Values {
    let mut list: Vec<String> = Vec::new();
    let mut known: HashMap<String, u32> = HashMap::new();
    let codes = of_rows
        .map(|word| {
            *known.entry(word).or_insert_with_key(|word| {
                list.push(word.clone());
                (list.len() - 1) as u32
            })
        })
        .collect();
    Values::Words { words: list, codes }
}
