//! One checked table of the record: columns of one type each.

use std::collections::{BTreeMap, HashMap};

use super::schema::{Field, Kind, Resource};
use super::{Problem, Problems, nearest};

/// A column of words, each stored once.
#[derive(Debug, Clone, Default)]
pub struct Words {
    list: Vec<String>,
    codes: Vec<u32>,
}

impl Words {
    /// Word of a row.
    pub fn get(&self, row: usize) -> &str {
        &self.list[self.codes[row] as usize]
    }

    /// The distinct words, in order of appearance.
    pub fn distinct(&self) -> &[String] {
        &self.list
    }
}

#[derive(Debug, Clone)]
enum Column {
    Text(Words),
    Whole(Vec<i32>),
    Real(Vec<f64>),
}

/// One table of the record.
#[derive(Debug, Clone)]
pub struct RecordTable {
    name: String,
    file: String,
    columns: BTreeMap<String, Column>,
    lines: Vec<u32>,
}

impl RecordTable {
    /// Name of the table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// File it came from.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// Line of a row in its file.
    pub fn line(&self, row: usize) -> usize {
        self.lines[row] as usize
    }

    /// Names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// A column of words.
    ///
    /// # Panics
    /// If the schema of this program has no such column: a defect of the program, not of the data.
    pub fn text(&self, column: &str) -> &Words {
        match self.columns.get(column) {
            Some(Column::Text(words)) => words,
            _ => panic!("`{}` has no column of words `{column}`", self.name),
        }
    }

    /// A column of whole numbers; 0 where the cell is empty.
    ///
    /// # Panics
    /// As [`RecordTable::text`].
    pub fn integer(&self, column: &str) -> &[i32] {
        match self.columns.get(column) {
            Some(Column::Whole(values)) => values,
            _ => panic!("`{}` has no column of whole numbers `{column}`", self.name),
        }
    }

    /// A column of real numbers; NaN where the cell is empty.
    ///
    /// # Panics
    /// As [`RecordTable::text`].
    pub fn real(&self, column: &str) -> &[f64] {
        match self.columns.get(column) {
            Some(Column::Real(values)) => values,
            _ => panic!("`{}` has no column of real numbers `{column}`", self.name),
        }
    }

    /// The row as text, `column = value` by column.
    pub fn describe(&self, row: usize) -> Vec<(String, String)> {
        self.columns
            .iter()
            .map(|(name, column)| {
                let value = match column {
                    Column::Text(words) => words.get(row).to_owned(),
                    Column::Whole(values) => values[row].to_string(),
                    Column::Real(values) if values[row].is_nan() => String::new(),
                    Column::Real(values) => values[row].to_string(),
                };
                (name.clone(), value)
            })
            .collect()
    }

    /// The table with the rows that pass.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(usize) -> bool) -> Self {
        let rows: Vec<usize> = (0..self.rows()).filter(|&row| keep(row)).collect();
        let columns = self
            .columns
            .iter()
            .map(|(name, column)| {
                let column = match column {
                    Column::Text(words) => Column::Text(Words {
                        list: words.list.clone(),
                        codes: rows.iter().map(|&row| words.codes[row]).collect(),
                    }),
                    Column::Whole(values) => {
                        Column::Whole(rows.iter().map(|&row| values[row]).collect())
                    }
                    Column::Real(values) => {
                        Column::Real(rows.iter().map(|&row| values[row]).collect())
                    }
                };
                (name.clone(), column)
            })
            .collect();
        Self {
            name: self.name.clone(),
            file: self.file.clone(),
            columns,
            lines: rows.iter().map(|&row| self.lines[row]).collect(),
        }
    }

    /// Reads a table and gathers everything that is wrong with it; the table is returned if its header is usable.
    pub fn read(resource: &Resource, bytes: &[u8], problems: &mut Problems) -> Option<Self> {
        let mut reader = Reader {
            resource,
            problems,
            file: format!("data/{}", resource.path),
        };
        reader.read(bytes)
    }
}

struct Reader<'a> {
    resource: &'a Resource,
    problems: &'a mut Problems,
    file: String,
}

/// Position of a cell, for messages.
#[derive(Clone, Copy)]
struct Place {
    line: usize,
    column: usize,
}

/// A column while it is read.
struct Growing<'a> {
    field: &'a Field,
    index: usize,
    values: Column,
    known: HashMap<String, u32>,
}

impl<'a> Reader<'a> {
    fn problem(&mut self, place: Place, key: &str, message: String, help: String) {
        self.problems.push(Problem {
            file: self.file.clone(),
            line: place.line,
            column: place.column,
            key: key.to_owned(),
            message,
            help,
        });
    }

    fn read(&mut self, bytes: &[u8]) -> Option<RecordTable> {
        let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        let header = match csv.headers() {
            Ok(header) => header.clone(),
            Err(error) => {
                self.problem(
                    Place { line: 1, column: 0 },
                    "",
                    format!("the header cannot be read: {error}"),
                    String::new(),
                );
                return None;
            }
        };
        let mut growing = self.match_header(&header)?;
        let mut lines: Vec<u32> = Vec::new();
        let mut record = csv::StringRecord::new();
        loop {
            match csv.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {
                    let line = record
                        .position()
                        .map_or(0, |position| position.line() as usize);
                    if record.len() == header.len() {
                        self.read_row(&record, line, &mut growing);
                        lines.push(line as u32);
                    } else {
                        let message = format!(
                            "has {} cells where the header has {}",
                            record.len(),
                            header.len()
                        );
                        self.problem(
                            Place { line, column: 0 },
                            "",
                            message,
                            "quote cells that hold commas".to_owned(),
                        );
                    }
                }
                Err(error) => {
                    let line = error
                        .position()
                        .map_or(0, |position| position.line() as usize);
                    self.problem(
                        Place { line, column: 0 },
                        "",
                        format!("is no readable text: {error}"),
                        "files are UTF-8".to_owned(),
                    );
                }
            }
        }
        let table = RecordTable {
            name: self.resource.name.clone(),
            file: self.file.clone(),
            columns: growing
                .into_iter()
                .map(|column| (column.field.name.clone(), column.values))
                .collect(),
            lines,
        };
        self.check_key(&table);
        Some(table)
    }

    /// Pairs the columns of the schema with those of the file; none if one is missing.
    fn match_header(&mut self, header: &csv::StringRecord) -> Option<Vec<Growing<'a>>> {
        let resource: &'a Resource = self.resource;
        let names: Vec<&str> = resource
            .schema
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        let mut complete = true;
        for (index, name) in header.iter().enumerate() {
            let place = Place {
                line: 1,
                column: index + 1,
            };
            if !names.contains(&name) {
                let help = nearest(name, names.iter().copied())
                    .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
                self.problem(place, name, format!("unknown column `{name}`"), help);
            } else if header.iter().take(index).any(|earlier| earlier == name) {
                self.problem(
                    place,
                    name,
                    format!("column `{name}` stands twice"),
                    String::new(),
                );
                complete = false;
            }
        }
        let mut growing = Vec::with_capacity(names.len());
        for field in &resource.schema.fields {
            if let Some(index) = header.iter().position(|name| name == field.name) {
                let values = match field.kind {
                    Kind::String => Column::Text(Words::default()),
                    Kind::Integer => Column::Whole(Vec::new()),
                    Kind::Number => Column::Real(Vec::new()),
                };
                growing.push(Growing {
                    field,
                    index,
                    values,
                    known: HashMap::new(),
                });
            } else {
                let help = format!("the columns are {}", names.join(", "));
                self.problem(
                    Place { line: 1, column: 0 },
                    &field.name,
                    format!("missing column `{}`", field.name),
                    help,
                );
                complete = false;
            }
        }
        complete.then_some(growing)
    }

    fn read_row(&mut self, record: &csv::StringRecord, line: usize, growing: &mut [Growing<'a>]) {
        for column in growing {
            let cell = record.get(column.index).unwrap_or("").trim();
            let place = Place {
                line,
                column: column.index + 1,
            };
            let field = column.field;
            if cell.is_empty() && field.constraints.required {
                self.problem(
                    place,
                    &field.name,
                    "the cell is empty".to_owned(),
                    expectation(field),
                );
            }
            match &mut column.values {
                Column::Text(words) => {
                    if let (false, Some(allowed)) = (cell.is_empty(), &field.constraints.words)
                        && !column.known.contains_key(cell)
                        && !allowed.iter().any(|word| word == cell)
                    {
                        let help = nearest(cell, allowed.iter().map(String::as_str)).map_or_else(
                            || expectation(field),
                            |near| format!("did you mean `{near}`?"),
                        );
                        self.problem(
                            place,
                            &field.name,
                            format!("unknown {} `{cell}`", field.name),
                            help,
                        );
                    }
                    let code = if let Some(&code) = column.known.get(cell) {
                        code
                    } else {
                        let code = words.list.len() as u32;
                        words.list.push(cell.to_owned());
                        column.known.insert(cell.to_owned(), code);
                        code
                    };
                    words.codes.push(code);
                }
                Column::Whole(values) => values.push(
                    self.number(cell, place, field)
                        .map_or(0, |value| value as i32),
                ),
                Column::Real(values) => {
                    values.push(self.number(cell, place, field).unwrap_or(f64::NAN));
                }
            }
        }
    }

    /// A number within the bounds of its column; none for an empty cell.
    fn number(&mut self, cell: &str, place: Place, field: &Field) -> Option<f64> {
        if cell.is_empty() {
            return None;
        }
        let whole = field.kind == Kind::Integer;
        let value = if whole {
            cell.parse::<i32>().ok().map(f64::from)
        } else {
            cell.parse::<f64>().ok().filter(|value| value.is_finite())
        };
        let Some(value) = value else {
            let what = if whole { "a whole number" } else { "a number" };
            self.problem(
                place,
                &field.name,
                format!("`{cell}` is not {what}"),
                expectation(field),
            );
            return None;
        };
        let low = field.constraints.minimum.unwrap_or(f64::NEG_INFINITY);
        let high = field.constraints.maximum.unwrap_or(f64::INFINITY);
        if value < low || value > high {
            self.problem(
                place,
                &field.name,
                format!("{value} is out of range"),
                expectation(field),
            );
        }
        Some(value)
    }

    /// Two rows of one key.
    fn check_key(&mut self, table: &RecordTable) {
        let resource: &'a Resource = self.resource;
        let columns: Vec<&Column> = resource
            .schema
            .primary_key
            .iter()
            .filter_map(|name| table.columns.get(name))
            .collect();
        if columns.is_empty() {
            return;
        }
        let mut seen: HashMap<Vec<u64>, usize> = HashMap::with_capacity(table.rows());
        for row in 0..table.rows() {
            let key: Vec<u64> = columns
                .iter()
                .map(|column| match column {
                    Column::Text(words) => u64::from(words.codes[row]),
                    Column::Whole(values) => values[row] as u64,
                    Column::Real(values) => values[row].to_bits(),
                })
                .collect();
            if let Some(first) = seen.insert(key, row) {
                let cells: Vec<String> = columns
                    .iter()
                    .map(|column| match column {
                        Column::Text(words) => words.get(row).to_owned(),
                        Column::Whole(values) => values[row].to_string(),
                        Column::Real(values) => values[row].to_string(),
                    })
                    .collect();
                let help = format!(
                    "line {} has the same {}",
                    table.line(first),
                    resource.schema.primary_key.join(", ")
                );
                let key = resource.schema.primary_key.join(", ");
                self.problem(
                    Place {
                        line: table.line(row),
                        column: 0,
                    },
                    &key,
                    format!("`{}` stands twice", cells.join(", ")),
                    help,
                );
            }
        }
    }
}

/// What a column asks for, in words.
fn expectation(field: &Field) -> String {
    let unit = if field.unit.is_empty() {
        String::new()
    } else {
        format!(" ({})", field.unit)
    };
    let kind = match (&field.constraints.words, field.kind) {
        (Some(words), _) => format!("one of {}", words.join(", ")),
        (None, Kind::String) => "a word".to_owned(),
        (None, Kind::Integer) => "a whole number".to_owned(),
        (None, Kind::Number) => "a number".to_owned(),
    };
    let range = match (field.constraints.minimum, field.constraints.maximum) {
        (Some(low), Some(high)) => format!(" from {low} to {high}"),
        (Some(low), None) => format!(" of at least {low}"),
        (None, Some(high)) => format!(" of at most {high}"),
        (None, None) => String::new(),
    };
    format!("expected {kind}{range}{unit}")
}
