//! `kyoso reproduce`: the same run again, byte for byte.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use kyoso_report::manifest::{MADE_BY, Manifest};

use super::run::{project, write_folder};
use crate::cli::{Choice, Common, TableFormat};
use crate::term::{self, CheckFailed};

pub fn reproduce(common: &Common, path: &Path) -> Result<()> {
    let inside = path.join("manifest.json");
    let path = if path.is_dir() { &inside } else { path };
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let old: Manifest = serde_json::from_slice(&text)
        .with_context(|| format!("{} is no manifest", path.display()))?;
    if old.made_by == MADE_BY && old.command == "estimate" {
        let inputs: Vec<&str> = old.inputs.keys().map(String::as_str).collect();
        bail!(
            "{} is the manifest of an estimation, and only runs are made again\n  help: estimate again from the same files ({}) with `kyoso estimate PROBLEM.toml --out DIR`; the hashes in DIR/manifest.json must be those in this one",
            path.display(),
            inputs.join(", ")
        );
    }
    if old.made_by != MADE_BY || old.command != "run" {
        bail!(
            "{} is not the manifest of a run\n  help: `kyoso run` writes one",
            path.display()
        );
    }
    let horizon = old
        .overrides
        .get("horizon")
        .map(|year| year.parse())
        .transpose()
        .context("the manifest's horizon is no year")?;
    let choice = Choice {
        scenario: old.scenario_request.clone(),
        horizon,
        drivers: old.overrides.get("drivers").cloned(),
    };
    let start = Instant::now();
    let mut finished = project(common, &choice)?;
    let changed: Vec<&String> = old
        .inputs
        .iter()
        .filter(|(file, hash)| finished.record.hashes.get(*file) != Some(hash))
        .map(|(file, _)| file)
        .collect();
    if !changed.is_empty() {
        let list: Vec<&str> = changed.iter().map(|file| file.as_str()).collect();
        return Err(CheckFailed(format!(
            "the data differ from the manifest's: {}",
            list.join(", ")
        ))
        .into());
    }
    let format = if old.format == "csv" {
        TableFormat::Csv
    } else {
        TableFormat::Parquet
    };
    let place = std::env::temp_dir().join(format!("kyoso-reproduce-{}", std::process::id()));
    let written = write_folder(common, &choice, format, &place, &mut finished, None, start);
    let _ = std::fs::remove_dir_all(&place);
    let (new, _) = written?;
    // Scores of a hindcast are no part of the projection, and the report holds them.
    let with_scores = old.outputs.keys().any(|file| file.starts_with("scores."));
    let differing: Vec<&str> = old
        .outputs
        .iter()
        .filter(|(file, _)| {
            !(with_scores
                && (file.starts_with("scores.")
                    || *file == "report.html"
                    || *file == "datapackage.json"))
        })
        .filter(|(file, hash)| new.outputs.get(*file) != Some(hash))
        .map(|(file, _)| file.as_str())
        .collect();
    if differing.is_empty() {
        term::print(&format!(
            "{} files are the same to the last byte\n",
            old.outputs.len()
        ))
    } else {
        Err(CheckFailed(format!("these files differ: {}", differing.join(", "))).into())
    }
}
