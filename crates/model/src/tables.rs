//! Tables as they leave the program: long, tidy, one schema each.

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
}

/// A column of words from the word of each row.
pub fn words(of_rows: impl Iterator<Item = String>) -> Values {
    let mut list: Vec<String> = Vec::new();
    let mut known: std::collections::HashMap<String, u32> = std::collections::HashMap::new();
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
