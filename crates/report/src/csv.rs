//! Tables as CSV: UTF-8, comma, one header line, an empty cell for what is unknown.

use std::io::{self, Write};

use kyoso_model::tables::{Table, Values};

/// Writes a table. Numbers are the shortest text that reads back to the same bits.
pub fn write(table: &Table, out: impl Write) -> io::Result<()> {
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(table.columns.iter().map(|column| column.name))?;
    let mut number = String::new();
    for row in 0..table.rows() {
        for column in &table.columns {
            match &column.values {
                Values::Words { words, codes } => {
                    writer.write_field(&words[codes[row] as usize])?;
                }
                Values::Integers(values) => writer.write_field(values[row].to_string())?,
                Values::Reals(values) => {
                    use std::fmt::Write as _;
                    number.clear();
                    if values[row].is_finite() {
                        write!(number, "{}", values[row]).map_err(io::Error::other)?;
                    }
                    writer.write_field(&number)?;
                }
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}
