//! The data in the program, or a folder in its place; scenarios by name or path.

use std::borrow::Cow;
use std::path::Path;

use include_dir::{Dir, include_dir};
use kyoso_model::input::{Folder, Memory, Record, Source};
use kyoso_model::parameters::Parameters;
use kyoso_model::scenario::{Library, Vocabulary};

static DATA: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../data");

/// Files of the embedded pack that a copy needs.
pub fn embedded() -> Memory {
    let mut memory = Memory::default();
    let mut folders = vec![&DATA];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            let path = file.path().to_string_lossy().replace('\\', "/");
            if !path.starts_with("make/") {
                memory.0.insert(path, Cow::Borrowed(file.contents()));
            }
        }
    }
    memory
}

/// The pack to use.
pub fn source(folder: Option<&Path>) -> Box<dyn Source> {
    match folder {
        Some(folder) => Box::new(Folder(folder.to_path_buf())),
        None => Box::new(embedded()),
    }
}

/// Scenarios of a pack by name, and any file by path.
pub struct Scenarios<'a>(pub &'a dyn Source);

impl Library for Scenarios<'_> {
    fn find(&self, name: &str) -> Option<(String, Cow<'_, str>)> {
        let shipped = format!("scenarios/{name}.toml");
        if let Some(bytes) = self.0.read(&shipped) {
            return Some((
                shipped,
                Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
            ));
        }
        let bytes = std::fs::read(name).ok()?;
        Some((
            name.to_owned(),
            Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        ))
    }

    fn names(&self) -> Vec<String> {
        self.0
            .paths()
            .iter()
            .filter_map(|path| {
                path.strip_prefix("scenarios/")?
                    .strip_suffix(".toml")
                    .map(str::to_owned)
            })
            .collect()
    }
}

/// What scenario files are checked against.
pub fn vocabulary(record: &Record) -> Vocabulary {
    Vocabulary {
        parameters: Parameters::from_record(record).catalogue(),
        countries: record.table("countries").text("iso3").distinct().to_vec(),
        base_year: record
            .table("sales")
            .integer("year")
            .iter()
            .copied()
            .max()
            .unwrap_or(2023),
    }
}
