//! A folder of results appears whole, by rename, or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kyoso_demand::Level;
use kyoso_report::manifest::{MADE_BY, Manifest, hash};
use kyoso_report::write;

/// What the manifests of all commands say: the program, its threads and instruction level, and the texts it worked from.
pub fn manifest(command: &str, texts: &[(String, String)]) -> Manifest {
    let joined: String = texts.iter().map(|(_, text)| text.as_str()).collect();
    Manifest {
        made_by: MADE_BY.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command.to_owned(),
        scenario_texts: texts.to_vec(),
        scenario_hash: if texts.is_empty() {
            String::new()
        } else {
            hash(joined.as_bytes())
        },
        threads: rayon::current_num_threads(),
        instruction_level: Level::detect().name().to_owned(),
        ..Manifest::default()
    }
}

/// A folder under construction beside its final place; dropped, it is removed.
pub struct Draft {
    building: PathBuf,
    place: PathBuf,
    finished: bool,
}

impl Draft {
    /// Prepares a draft of `place`; refuses a folder that no run of ours wrote.
    pub fn new(place: &Path) -> Result<Self> {
        if place.exists() && !is_ours(place) {
            bail!(
                "{} exists and was not written by kyoso\n  help: choose another folder with --out, or remove it",
                place.display()
            );
        }
        let parent = place
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        let name = place
            .file_name()
            .context("the folder for the results has no name")?
            .to_string_lossy()
            .into_owned();
        remove_left_overs(parent, &name);
        let building = parent.join(format!(".{name}.{}.tmp", std::process::id()));
        fs::create_dir(&building)
            .with_context(|| format!("cannot write into {}", parent.display()))?;
        Ok(Self {
            building,
            place: place.to_path_buf(),
            finished: false,
        })
    }

    /// Where to write.
    pub fn folder(&self) -> &Path {
        &self.building
    }

    /// Adds the manifest and puts the draft in its place.
    pub fn finish_with(self, manifest: &Manifest) -> Result<()> {
        let text = serde_json::to_string_pretty(manifest)?;
        write::text(self.folder(), "manifest.json", text.as_bytes())?;
        self.finish()
    }

    /// Puts the draft in its place.
    pub fn finish(mut self) -> Result<()> {
        if self.place.exists() {
            let old = self.building.with_extension("old.tmp");
            fs::rename(&self.place, &old)
                .with_context(|| format!("cannot replace {}", self.place.display()))?;
            if let Err(error) = fs::rename(&self.building, &self.place) {
                // The old folder goes back: a failed replacement must not lose it.
                let _ = fs::rename(&old, &self.place);
                return Err(error)
                    .with_context(|| format!("cannot replace {}", self.place.display()));
            }
            let _ = fs::remove_dir_all(&old);
        } else {
            fs::rename(&self.building, &self.place)
                .with_context(|| format!("cannot put {} in its place", self.place.display()))?;
        }
        self.finished = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_dir_all(&self.building);
        }
    }
}

fn is_ours(place: &Path) -> bool {
    let Ok(text) = fs::read(place.join("manifest.json")) else {
        // An empty folder is nobody's.
        return place.is_dir()
            && fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none());
    };
    serde_json::from_slice::<Manifest>(&text).is_ok_and(|manifest| manifest.made_by == MADE_BY)
}

/// Drafts of runs that were killed: their process is gone.
fn remove_left_overs(parent: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let process = file
            .strip_prefix(&format!(".{name}."))
            .and_then(|rest| rest.split('.').next())
            .and_then(|id| id.parse::<u32>().ok());
        if let (Some(process), true) = (
            process,
            Path::new(&file)
                .extension()
                .is_some_and(|extension| extension == "tmp"),
        ) && process != std::process::id()
            && !Path::new(&format!("/proc/{process}")).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
