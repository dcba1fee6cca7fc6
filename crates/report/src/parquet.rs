//! Tables as Parquet, one row group, words as dictionary-encoded text, unknown numbers as null.

use std::io::Write;
use std::sync::Arc;

use kyoso_model::tables::{Table, Values};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

/// Writes a table; units and descriptions of its columns stand in the file's metadata.
pub fn write(table: &Table, out: impl Write + Send) -> Result<()> {
    let fields = table
        .columns
        .iter()
        .map(|column| field(column.name, &column.values).map(Arc::new))
        .collect::<Result<Vec<_>>>()?;
    let schema = Arc::new(
        Type::group_type_builder(table.name)
            .with_fields(fields)
            .build()?,
    );
    let mut notes = vec![KeyValue::new(
        "description".to_owned(),
        table.description.to_owned(),
    )];
    for column in &table.columns {
        notes.push(KeyValue::new(
            format!("{}.unit", column.name),
            column.unit.to_owned(),
        ));
        notes.push(KeyValue::new(
            format!("{}.description", column.name),
            column.description.to_owned(),
        ));
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("kyoso ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(notes))
        .build();
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for column in &table.columns {
        let mut writer = group.next_column()?.ok_or_else(|| {
            parquet::errors::ParquetError::General("fewer columns than fields".to_owned())
        })?;
        match &column.values {
            Values::Words { words, codes } => {
                let words: Vec<ByteArray> = words
                    .iter()
                    .map(|word| ByteArray::from(word.as_str()))
                    .collect();
                let cells: Vec<ByteArray> = codes
                    .iter()
                    .map(|&code| words[code as usize].clone())
                    .collect();
                writer
                    .typed::<ByteArrayType>()
                    .write_batch(&cells, None, None)?;
            }
            Values::Integers(values) => {
                writer
                    .typed::<Int32Type>()
                    .write_batch(values, None, None)?;
            }
            Values::Reals(values) => {
                let known: Vec<f64> = values
                    .iter()
                    .copied()
                    .filter(|value| value.is_finite())
                    .collect();
                let levels: Vec<i16> = values
                    .iter()
                    .map(|value| i16::from(value.is_finite()))
                    .collect();
                writer
                    .typed::<DoubleType>()
                    .write_batch(&known, Some(&levels), None)?;
            }
        }
        writer.close()?;
    }
    group.close()?;
    file.close()?;
    Ok(())
}

fn field(name: &str, values: &Values) -> Result<Type> {
    match values {
        Values::Words { .. } => Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_logical_type(Some(LogicalType::String))
            .with_repetition(Repetition::REQUIRED)
            .build(),
        Values::Integers(_) => Type::primitive_type_builder(name, Physical::INT32)
            .with_repetition(Repetition::REQUIRED)
            .build(),
        Values::Reals(_) => Type::primitive_type_builder(name, Physical::DOUBLE)
            .with_repetition(Repetition::OPTIONAL)
            .build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kyoso_model::tables::Column;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn a_table_reads_back() {
        let column = |name, unit, values| Column {
            name,
            unit,
            description: "",
            values,
        };
        let table = Table {
            name: "sales",
            description: "test",
            columns: vec![
                column(
                    "iso3",
                    "",
                    Values::Words {
                        words: vec!["THA".into(), "IDN".into()],
                        codes: vec![1, 0, 1],
                    },
                ),
                column("year", "", Values::Integers(vec![2023, 2024, 2025])),
                column("units", "vehicles", Values::Reals(vec![1.5, f64::NAN, 3.0])),
            ],
        };
        let mut bytes = Vec::new();
        write(&table, &mut bytes).expect("memory takes it");
        let reader = SerializedFileReader::new(parquet_bytes(bytes)).expect("it is a Parquet file");
        let rows: Vec<String> = reader
            .get_row_iter(None)
            .expect("rows")
            .map(|row| row.expect("row").to_string())
            .collect();
        assert_eq!(rows[0], "{iso3: \"IDN\", year: 2023, units: 1.5}");
        assert_eq!(rows[1], "{iso3: \"THA\", year: 2024, units: null}");
    }

    fn parquet_bytes(bytes: Vec<u8>) -> bytes::Bytes {
        bytes::Bytes::from(bytes)
    }
}
