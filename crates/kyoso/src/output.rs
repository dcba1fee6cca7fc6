//! A folder of results appears whole, by rename, or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kyoso_report::manifest::{MADE_BY, Manifest};

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
