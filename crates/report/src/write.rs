//! All tables of a run to a folder, in parallel; the bytes do not depend on how many threads there are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kyoso_model::tables::Table;
use rayon::prelude::*;

use crate::manifest::hash;

/// File format of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Parquet.
    Parquet,
    /// CSV.
    Csv,
}

impl Format {
    /// File extension.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {reason}")]
pub struct WriteError {
    /// File.
    pub path: PathBuf,
    /// What the system said.
    pub reason: String,
}

/// Writes tables and their `datapackage.json`; gives the hash of each file.
pub fn tables(
    folder: &Path,
    tables: &[Table],
    format: Format,
) -> Result<BTreeMap<String, String>, WriteError> {
    let written: Vec<Result<(String, String), WriteError>> = tables
        .par_iter()
        .map(|table| {
            let name = format!("{}.{}", table.name, format.extension());
            let path = folder.join(&name);
            let failed = |reason: String| WriteError {
                path: path.clone(),
                reason,
            };
            let mut bytes = Vec::new();
            match format {
                Format::Csv => crate::csv::write(table, &mut bytes)
                    .map_err(|error| failed(error.to_string()))?,
                Format::Parquet => crate::parquet::write(table, &mut bytes)
                    .map_err(|error| failed(error.to_string()))?,
            }
            std::fs::write(&path, &bytes).map_err(|error| failed(error.to_string()))?;
            Ok((name, hash(&bytes)))
        })
        .collect();
    let mut hashes: BTreeMap<String, String> = written.into_iter().collect::<Result<_, _>>()?;
    let package =
        serde_json::to_vec_pretty(&crate::schema::datapackage(tables, format.extension()))
            .unwrap_or_default();
    hashes.insert(
        "datapackage.json".to_owned(),
        text(folder, "datapackage.json", &package)?,
    );
    Ok(hashes)
}

/// Writes one file and gives its hash.
pub fn text(folder: &Path, name: &str, bytes: &[u8]) -> Result<String, WriteError> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).map_err(|error| WriteError {
        path,
        reason: error.to_string(),
    })?;
    Ok(hash(bytes))
}
