//! The data in the program, or a folder in its place; scenarios by name or path.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use anyhow::{Result, bail};
use include_dir::{Dir, include_dir};
use kyoso_model::ids::Group;
use kyoso_model::input::{Folder, Memory, Record, Source};
use kyoso_model::parameters::Parameters;
use kyoso_model::rules::Rules;
use kyoso_model::scenario::{Found, Library, Missing, Vocabulary};

static DATA: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../data");

/// Where a pack keeps its scenarios.
const SHELF: &str = "scenarios/";

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
pub fn source(folder: Option<&Path>) -> Result<Box<dyn Source>> {
    match folder {
        Some(folder) if folder.is_dir() => Ok(Box::new(Folder(folder.to_path_buf()))),
        Some(folder) => bail!(
            "no folder {}\n  help: `kyoso data init DIR` makes one with a copy of the data",
            folder.display()
        ),
        None => Ok(Box::new(embedded())),
    }
}

/// Path of a shipped scenario in a pack.
pub fn shipped(name: &str) -> String {
    format!("{SHELF}{name}.toml")
}

/// Larger than any scenario: what is longer was not meant as one.
const LONGEST_SCENARIO_BYTES: u64 = 1 << 20;

/// Scenarios of a pack by name, and any file by path.
pub struct Scenarios<'a>(pub &'a dyn Source);

impl Scenarios<'_> {
    /// A file on disk: relative to the file that asks for it, with or without `.toml`.
    fn local(name: &str, asked_by: Option<&str>) -> PathBuf {
        let folder = asked_by.and_then(|file| Path::new(file).parent());
        // Without the `.` in `./a.toml`, so that a circle of files is seen.
        let path: PathBuf = folder
            .map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect();
        let mut with_extension = path.clone().into_os_string();
        with_extension.push(".toml");
        let with_extension = PathBuf::from(with_extension);
        if !path.is_file() && with_extension.is_file() {
            with_extension
        } else {
            path
        }
    }
}

impl Library for Scenarios<'_> {
    fn find(&self, name: &str, asked_by: Option<&str>) -> std::result::Result<Found<'_>, Missing> {
        let shipped = shipped(name);
        if !name.contains(['/', '\\'])
            && let Some(bytes) = self.0.read(&shipped)
        {
            return Ok(Found {
                file: shipped,
                bytes,
            });
        }
        let path = Self::local(name, asked_by.filter(|file| !file.starts_with(SHELF)));
        if path.is_dir() || !path.exists() {
            return Err(Missing::Unknown);
        }
        let unreadable = |error: std::io::Error| Missing::Unreadable(error.to_string());
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|file| {
                file.take(LONGEST_SCENARIO_BYTES + 1)
                    .read_to_end(&mut bytes)
            })
            .map_err(unreadable)?;
        if bytes.len() as u64 > LONGEST_SCENARIO_BYTES {
            return Err(Missing::Unreadable(
                "it is longer than any scenario".to_owned(),
            ));
        }
        Ok(Found {
            file: path.to_string_lossy().replace('\\', "/"),
            bytes: Cow::Owned(bytes),
        })
    }

    fn names(&self) -> Vec<String> {
        self.0
            .paths()
            .iter()
            .filter_map(|path| {
                path.strip_prefix(SHELF)?
                    .strip_suffix(".toml")
                    .map(str::to_owned)
            })
            .collect()
    }
}

/// What scenario files are checked against.
pub fn vocabulary(record: &Record) -> Result<Vocabulary> {
    let table = record.table("countries");
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in 0..table.rows() {
        let iso3 = table.text("iso3").get(row).to_owned();
        groups
            .entry(table.text("group").get(row).to_owned())
            .or_default()
            .push(iso3.clone());
        groups.entry("World".to_owned()).or_default().push(iso3);
    }
    let countries = table.text("iso3").distinct().to_vec();
    let regions = std::iter::once("World")
        .chain(Group::ALL.iter().map(|group| group.code()))
        .chain(["ASEAN (11)"])
        .chain(countries.iter().map(String::as_str));
    Ok(Vocabulary {
        rules: Some(Rules::load(record)?),
        variables: record.variables.clone(),
        regions: regions.map(str::to_owned).collect(),
        groups,
        parameters: Parameters::from_record(record).catalogue(),
        countries,
        base_year: record
            .table("sales")
            .integer("year")
            .iter()
            .copied()
            .max()
            .unwrap_or(2023),
    })
}
