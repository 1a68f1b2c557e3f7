//! Watches the files that the book is built from.
//!
//! It compares the files' times and lengths four times a second. The system could report a change a
//! little earlier, but not on every file system, and its resources for that are limited, such as the
//! watches of inotify(7). `mdbook watch` polls by default for these reasons, too.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use walkdir::{DirEntry, WalkDir};

use crate::style::Style;
use crate::workspace::Workspace;

/// Time between two scans. An editor changes a file in several steps, so a change counts once two
/// scans in a row have found the same.
const INTERVAL: Duration = Duration::from_millis(250);

/// When each file was changed, and its length in bytes.
type FileStates = BTreeMap<PathBuf, (SystemTime, u64)>;

/// The files of a workspace, as they were at the last scan.
#[derive(Debug)]
pub struct Watcher {
    root: PathBuf,
    target: PathBuf,
    last: FileStates,
}

impl Watcher {
    /// Watches for changes from now on.
    pub fn new(workspace: &Workspace) -> Self {
        let real = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let mut watcher = Watcher {
            root: real(&workspace.root),
            target: real(&workspace.target),
            last: FileStates::new(),
        };
        watcher.last = watcher.scan().unwrap_or_default();
        watcher
    }

    /// Waits for a change. Returns false if the sender of `ended` is gone.
    pub fn wait(&mut self, ended: &Receiver<()>) -> bool {
        let mut is_changing = false;
        loop {
            if ended.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
            let Some(files) = self.scan() else {
                continue;
            };
            if files != self.last {
                self.last = files;
                is_changing = true;
            } else if is_changing {
                return true;
            }
        }
    }

    /// All files, except hidden ones and those that cargo and npm generate. `None` if the system returns an
    /// error, for example because no descriptor is free.
    fn scan(&self) -> Option<FileStates> {
        let mut files = FileStates::new();
        let programs = Style::ALL.map(Style::program);
        for folder in programs.iter().chain(&["bench", "book", "common"]) {
            let entries = WalkDir::new(self.root.join(folder)).into_iter();
            for entry in entries.filter_entry(|entry| !self.is_generated(entry)) {
                let file = entry.and_then(|entry| {
                    let metadata = entry.metadata()?;
                    Ok((entry.into_path(), metadata))
                });
                match file {
                    Ok((path, metadata)) if metadata.is_file() => {
                        files.insert(path, state(&metadata));
                    }
                    Ok(_) => {}
                    // It was deleted in the meantime.
                    Err(error) if is_not_found(&error) => {}
                    Err(_) => return None,
                }
            }
        }
        Some(files)
    }

    fn is_generated(&self, entry: &DirEntry) -> bool {
        let name = entry.file_name().to_string_lossy();
        let is_inside = entry.depth() > 0;
        is_inside
            && (name.starts_with('.')
                || name == "node_modules"
                || name == "target"
                || entry.path() == self.target)
    }
}

fn state(metadata: &Metadata) -> (SystemTime, u64) {
    let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    (changed, metadata.len())
}

fn is_not_found(error: &walkdir::Error) -> bool {
    let error = error.io_error();
    error.is_some_and(|error| error.kind() == ErrorKind::NotFound)
}
