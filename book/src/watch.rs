//! Watches what the book is made from.
//!
//! It compares the files' times and lengths four times a second. The system could report a change a
//! little earlier, but not on every file system, and it can run out of what that takes, such as the
//! watches of inotify(7).

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use walkdir::{DirEntry, WalkDir};

use crate::style::Style;
use crate::workspace::Workspace;

/// Time between two looks. An editor changes a file in several steps, so a change counts once two
/// looks in a row have found the same.
const INTERVAL: Duration = Duration::from_millis(250);

/// When each file was changed, and how long it is in bytes.
type Files = BTreeMap<PathBuf, (SystemTime, u64)>;

/// The files of a workspace, as they were at the last look.
#[derive(Debug)]
pub struct Watch {
    root: PathBuf,
    target: PathBuf,
    seen: Files,
}

impl Watch {
    /// Watches for changes from now on.
    pub fn new(workspace: &Workspace) -> Self {
        let real = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let mut watch = Watch {
            root: real(&workspace.root),
            target: real(&workspace.target),
            seen: Files::new(),
        };
        watch.seen = watch.look().unwrap_or_default();
        watch
    }

    /// Waits for a change. Returns false when the sender of `ended` is gone.
    pub fn wait(&mut self, ended: &Receiver<()>) -> bool {
        let mut is_changing = false;
        loop {
            if ended.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
            let Some(files) = self.look() else {
                continue;
            };
            if files != self.seen {
                self.seen = files;
                is_changing = true;
            } else if is_changing {
                return true;
            }
        }
    }

    /// All files, but not what cargo and npm make, and nothing hidden. `None` if the system refuses,
    /// for want of descriptors for example.
    fn look(&self) -> Option<Files> {
        let mut files = Files::new();
        let programs = Style::ALL.map(Style::program);
        for folder in programs.iter().chain(&["bench", "book", "common"]) {
            let entries = WalkDir::new(self.root.join(folder)).into_iter();
            for entry in entries.filter_entry(|entry| !self.is_made(entry)) {
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
                    Err(error) if is_gone(&error) => {}
                    Err(_) => return None,
                }
            }
        }
        Some(files)
    }

    fn is_made(&self, entry: &DirEntry) -> bool {
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

fn is_gone(error: &walkdir::Error) -> bool {
    let error = error.io_error();
    error.is_some_and(|error| error.kind() == ErrorKind::NotFound)
}
