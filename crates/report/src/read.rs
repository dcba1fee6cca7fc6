//! Tables of an earlier run, read back from its folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use kyoso_model::tables::{Column, Table, Values, words};
use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type};
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::write::Format;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Words,
    /// Whole numbers.
    Integers,
    /// Real numbers; an empty cell is NaN.
    Reals,
}

/// A table that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}: {reason}\n  help: `kyoso run` writes the folder anew")]
pub struct ReadError {
    /// File.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// Reads columns of a table; the folder must hold all of them. Units and descriptions stay behind.
pub fn table(
    folder: &Path,
    name: &'static str,
    format: Format,
    columns: &[(&'static str, Kind)],
) -> Result<Table, ReadError> {
    let path = folder.join(format!("{name}.{}", format.extension()));
    let read = match format {
        Format::Parquet => from_parquet(&path, columns),
        Format::Csv => from_csv(&path, columns),
    };
    let columns = read.map_err(|reason| ReadError {
        path: path.clone(),
        reason,
    })?;
    let rows = columns.first().map_or(0, |column| column.values.len());
    if columns.iter().any(|column| column.values.len() != rows) {
        let reason = "its columns differ in length".to_owned();
        return Err(ReadError { path, reason });
    }
    Ok(Table {
        name,
        description: "",
        columns,
    })
}

fn column(name: &'static str, values: Values) -> Column {
    Column {
        name,
        unit: "",
        description: "",
        values,
    }
}

fn from_csv(path: &Path, columns: &[(&'static str, Kind)]) -> Result<Vec<Column>, String> {
    let mut reader = ::csv::Reader::from_path(path).map_err(|error| error.to_string())?;
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let records = reader
        .records()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    columns
        .iter()
        .map(|&(name, kind)| {
            let at = header.iter().position(|found| found == name);
            let at = at.ok_or_else(|| format!("it has no column `{name}`"))?;
            let cells = records.iter().map(|record| record.get(at).unwrap_or(""));
            let bad = |cell: &str| format!("`{cell}` in column `{name}` is no number");
            let values = match kind {
                Kind::Words => words(cells.map(str::to_owned)),
                Kind::Integers => Values::Integers(
                    cells
                        .map(|cell| cell.parse().map_err(|_| bad(cell)))
                        .collect::<Result<_, _>>()?,
                ),
                Kind::Reals => Values::Reals(
                    cells
                        .map(|cell| match cell {
                            "" => Ok(f64::NAN),
                            cell => cell.parse().map_err(|_| bad(cell)),
                        })
                        .collect::<Result<_, _>>()?,
                ),
            };
            Ok(column(name, values))
        })
        .collect()
}

fn from_parquet(path: &Path, columns: &[(&'static str, Kind)]) -> Result<Vec<Column>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    columns
        .iter()
        .map(|&(name, kind)| {
            let mut fields = schema.columns().iter();
            let at = fields.position(|field| field.name() == name);
            let at = at.ok_or_else(|| format!("it has no column `{name}`"))?;
            let physical = schema.column(at).physical_type();
            let values = match kind {
                Kind::Words if physical == ByteArrayType::get_physical_type() => {
                    let cells = cells::<ByteArrayType>(&reader, at)?;
                    let empty = ByteArray::from("");
                    words(cells.iter().map(|cell| {
                        let cell = cell.as_ref().unwrap_or(&empty);
                        String::from_utf8_lossy(cell.data()).into_owned()
                    }))
                }
                Kind::Integers if physical == Int32Type::get_physical_type() => {
                    let cells = cells::<Int32Type>(&reader, at)?;
                    let cells = cells.into_iter().collect::<Option<Vec<i32>>>();
                    Values::Integers(cells.ok_or_else(|| format!("`{name}` has empty cells"))?)
                }
                Kind::Reals if physical == DoubleType::get_physical_type() => {
                    let cells = cells::<DoubleType>(&reader, at)?;
                    Values::Reals(cells.into_iter().map(|c| c.unwrap_or(f64::NAN)).collect())
                }
                _ => return Err(format!("its column `{name}` holds {physical}")),
            };
            Ok(column(name, values))
        })
        .collect()
}

/// The cells of a column, none where they are empty.
fn cells<T: DataType>(
    reader: &SerializedFileReader<File>,
    column: usize,
) -> Result<Vec<Option<T::T>>, String> {
    let mut all = Vec::new();
    let failed = |error: parquet::errors::ParquetError| error.to_string();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(failed)?;
        let rows = usize::try_from(group.metadata().num_rows()).map_err(|e| e.to_string())?;
        let pages: ColumnReader = group.get_column_reader(column).map_err(failed)?;
        let mut pages = get_typed_column_reader::<T>(pages);
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let mut read = 0;
        while read < rows {
            let (records, _, _) = pages
                .read_records(rows - read, Some(&mut levels), None, &mut values)
                .map_err(failed)?;
            if records == 0 {
                return Err("it ends before its last row".to_owned());
            }
            read += records;
        }
        if levels.is_empty() {
            // A required column has no levels: every cell is there.
            all.extend(values.into_iter().map(Some));
        } else {
            let mut values = values.into_iter();
            let present = levels.iter().map(|&level| level > 0);
            all.extend(present.map(|present| if present { values.next() } else { None }));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kyoso_model::tables::LongTable;

    fn example() -> Table {
        let mut rows = LongTable::new(2, 2);
        for i in 0..3000 {
            let value = if i % 7 == 0 {
                f64::NAN
            } else {
                f64::from(i) / 3.0
            };
            rows.push(
                &["THA", ["a", "b, c"][(i % 2) as usize]],
                2000 + i,
                &[value, 1e-300],
            );
        }
        let words = [("region", ""), ("variable", "")];
        rows.table(
            "indicators",
            "",
            &words,
            &[("value", "", ""), ("other", "", "")],
        )
    }

    const COLUMNS: [(&str, Kind); 4] = [
        ("region", Kind::Words),
        ("variable", Kind::Words),
        ("year", Kind::Integers),
        ("value", Kind::Reals),
    ];

    #[test]
    fn what_was_written_is_read_back_to_the_last_bit() {
        let example = example();
        for format in [Format::Parquet, Format::Csv] {
            let folder = std::env::temp_dir().join(format!(
                "kyoso-read-{}-{}",
                format.extension(),
                std::process::id()
            ));
            std::fs::create_dir_all(&folder).expect("a folder");
            crate::write::tables(&folder, std::slice::from_ref(&example), format).expect("written");
            let read = table(&folder, "indicators", format, &COLUMNS).expect("read");
            let absent = table(&folder, "indicators", format, &[("nothing", Kind::Reals)]);
            let wrong = table(&folder, "indicators", format, &[("variable", Kind::Reals)]);
            let gone = table(&folder, "sales", format, &COLUMNS);
            std::fs::remove_dir_all(&folder).expect("removed");
            assert_eq!(read.words("variable"), example.words("variable"));
            assert_eq!(read.integers("year"), example.integers("year"));
            let bits = |table: &Table| -> Vec<u64> {
                let values = table.reals("value").expect("a column");
                values
                    .iter()
                    .map(|value| if value.is_nan() { 1 } else { value.to_bits() })
                    .collect()
            };
            assert_eq!(bits(&read), bits(&example));
            assert!(absent.is_err() && wrong.is_err() && gone.is_err());
        }
    }
}
