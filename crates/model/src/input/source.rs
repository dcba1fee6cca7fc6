//! Where input text comes from: a folder, the binary itself, or memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The only door between the model and stored bytes.
pub trait Source {
    /// Text of the file at `path` (with `/`, relative to the pack), `None` if there is none.
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>>;
    /// All paths, sorted.
    fn paths(&self) -> Vec<String>;
}

/// A folder on disk.
#[derive(Debug, Clone)]
pub struct Folder(pub PathBuf);

impl Source for Folder {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        std::fs::read(self.0.join(path)).ok().map(Cow::Owned)
    }

    fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(self.0.join(&folder)) else {
                continue;
            };
            for entry in entries.flatten() {
                let path = folder.join(entry.file_name());
                if entry.path().is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.to_string_lossy().replace('\\', "/"));
                }
            }
        }
        found.sort();
        found
    }
}

/// Files held in memory: the embedded pack, and tests.
#[derive(Debug, Clone, Default)]
pub struct Memory(pub BTreeMap<String, Cow<'static, [u8]>>);

impl Source for Memory {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        self.0.get(path).map(|bytes| Cow::Borrowed(&**bytes))
    }

    fn paths(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}
