//! Products and agents: CSV or Parquet as text by column, with the line of every row.

use std::collections::BTreeMap;

use kyoso_model::input::Problem;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// Defects of one column that are listed one by one.
const LISTED: usize = 5;

/// A file of columns.
#[derive(Debug, Default)]
pub struct File {
    /// Name as the user knows it.
    pub name: String,
    /// Columns in the order of the file.
    pub names: Vec<String>,
    columns: BTreeMap<String, Vec<String>>,
    /// Line of each row; of a Parquet file the number of the row.
    pub lines: Vec<usize>,
}

impl File {
    /// A file of which only the name is known, in place of one that cannot be read.
    pub fn unread(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Reads a file; Parquet is known by its first bytes.
    pub fn read(name: &str, bytes: Vec<u8>) -> Result<Self, Vec<Problem>> {
        let mut file = Self::unread(name);
        let read = if bytes.starts_with(b"PAR1") {
            file.read_parquet(bytes)
                .map_err(|error| vec![file.defect(0, "", error, "")])
        } else {
            file.read_csv(&bytes)
        };
        read.map(|()| file)
    }

    fn defect(
        &self,
        line: usize,
        key: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        Problem {
            file: self.name.clone(),
            line,
            column: 0,
            key: key.to_owned(),
            message: message.into(),
            help: help.into(),
        }
    }

    fn read_csv(&mut self, bytes: &[u8]) -> Result<(), Vec<Problem>> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(bytes);
        let header = reader
            .headers()
            .map_err(|error| {
                vec![self.defect(1, "", error.to_string(), "expected CSV or Parquet")]
            })?
            .clone();
        let mut problems = Vec::new();
        self.names = header.iter().map(str::to_owned).collect();
        for (i, name) in self.names.iter().enumerate() {
            if self.names[..i].contains(name) {
                problems.push(self.defect(
                    1,
                    name,
                    "two columns have this name",
                    "rename one of them",
                ));
            }
        }
        let mut columns = vec![Vec::new(); self.names.len()];
        for record in reader.records() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = error.position().map_or(0, |p| p.line() as usize);
                    problems.push(self.defect(line, "", error.to_string(), ""));
                    break;
                }
            };
            let line = record.position().map_or(0, |p| p.line() as usize);
            if record.len() != columns.len() {
                let message = format!("has {} cells, the header {}", record.len(), columns.len());
                problems.push(self.defect(line, "", message, ""));
                if problems.len() >= LISTED {
                    break;
                }
                continue;
            }
            self.lines.push(line);
            for (column, cell) in columns.iter_mut().zip(&record) {
                column.push(cell.to_owned());
            }
        }
        self.columns = self.names.iter().cloned().zip(columns).collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    fn read_parquet(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        let failed = |error: parquet::errors::ParquetError| format!("cannot be read: {error}");
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).map_err(failed)?;
        let schema = reader.metadata().file_metadata().schema();
        self.names = schema
            .get_fields()
            .iter()
            .map(|field| field.name().to_owned())
            .collect();
        let mut columns = vec![Vec::new(); self.names.len()];
        for (row, found) in reader.get_row_iter(None).map_err(failed)?.enumerate() {
            let found = found.map_err(failed)?;
            for (column, (_, field)) in columns.iter_mut().zip(found.get_column_iter()) {
                column.push(cell(field));
            }
            self.lines.push(row + 1);
        }
        self.columns = self.names.iter().cloned().zip(columns).collect();
        Ok(())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is such a column.
    pub fn has(&self, name: &str) -> bool {
        self.columns.contains_key(name)
    }

    /// A column as it is written.
    pub fn labels(&self, name: &str) -> &[String] {
        self.columns.get(name).map_or(&[], Vec::as_slice)
    }

    /// Columns `prefix0`, `prefix1`, ... in order.
    pub fn numbered(&self, prefix: &str) -> Vec<String> {
        (0..self.names.len())
            .map(|i| format!("{prefix}{i}"))
            .take_while(|name| self.has(name))
            .collect()
    }

    /// Labels, none of which may be empty.
    pub fn checked_labels(&self, name: &str, problems: &mut Vec<Problem>) -> Vec<String> {
        let labels = self.labels(name);
        self.list(
            name,
            labels
                .iter()
                .enumerate()
                .filter(|(_, l)| l.is_empty())
                .map(|(i, _)| (i, "is empty".to_owned())),
            problems,
        );
        labels.to_vec()
    }

    /// Numbers, all of which must be finite.
    pub fn numbers(&self, name: &str, problems: &mut Vec<Problem>) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.rows());
        let mut bad = Vec::new();
        for (i, text) in self.labels(name).iter().enumerate() {
            let value = text.parse::<f64>();
            let message = match &value {
                _ if text.is_empty() => Some("is empty".to_owned()),
                Err(_) => Some(format!("`{text}` is no number")),
                Ok(v) if !v.is_finite() => Some(format!("{v} is not finite")),
                Ok(_) => None,
            };
            bad.extend(message.map(|message| (i, message)));
            values.push(value.unwrap_or(f64::NAN));
        }
        self.list(name, bad.into_iter(), problems);
        values
    }

    /// Notes defects of a column by row: the first few, then how many more there are.
    pub fn list(
        &self,
        column: &str,
        bad: impl Iterator<Item = (usize, String)>,
        problems: &mut Vec<Problem>,
    ) {
        let mut more = 0;
        let mut last = 0;
        for (n, (row, message)) in bad.enumerate() {
            last = self.lines.get(row).copied().unwrap_or(0);
            if n < LISTED {
                problems.push(self.defect(last, column, message, ""));
            } else {
                more += 1;
            }
        }
        if more > 0 {
            problems.push(self.defect(
                last,
                column,
                format!("and {more} more rows like these"),
                "",
            ));
        }
    }
}

/// A cell as text: numbers in the shortest form that reads back to the same bits, nothing for null.
fn cell(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Double(v) => v.to_string(),
        Field::Float(v) => f64::from(*v).to_string(),
        Field::Bool(v) => u8::from(*v).to_string(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        other => other.to_string(),
    }
}
