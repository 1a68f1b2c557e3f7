//! Programs that are built for pages: once for each version of the site. `POST /lab/build` builds the real
//! programs, and says which crates are done.

use std::collections::HashMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use common::cargo::{self, Artifact};
use serde_json::{Value, json};

use super::ServedSite;
use super::http::Response;
use super::json::refused;
use super::program::{Pieces, RunningProgram, Slot};
use crate::play::PlayPrograms;
use crate::workspace::Workspace;

/// What was built, and for which version of the site.
pub type Cache<T> = Mutex<Option<(u64, Arc<T>)>>;

/// What was built for the site as it is, or is built now. That is quick when nothing has changed.
///
/// # Errors
/// It doesn't build: a response that says so.
pub fn current<T>(
    built: &Cache<T>,
    site: &ServedSite,
    build: impl FnOnce() -> Result<T>,
) -> Result<Arc<T>, Response> {
    let version = site.snapshot().version;
    let mut built = built.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, value)) = &*built
        && *of == version
    {
        return Ok(Arc::clone(value));
    }
    let value = build().map(Arc::new);
    let value =
        value.map_err(|error| refused("500 Internal Server Error", format!("{error:#}")))?;
    *built = Some((version, Arc::clone(&value)));
    Ok(value)
}

/// A build that is under way. Each piece is a line of JSON: `{"built": CRATE}` for a crate that is done, and at
/// the end `{"ready": true}` or `{"error": WHY}`. Dropping it ends the build.
pub struct Building {
    /// `None` once it has ended.
    cargo: Option<RunningProgram>,
    programs: HashMap<String, PathBuf>,
    version: u64,
    cache: Arc<Cache<PlayPrograms>>,
    _slot: Slot,
}

impl Building {
    /// Starts cargo. What it builds is stored in the cache, for this version of the site.
    ///
    /// # Errors
    /// Cargo can't be started.
    pub fn start(
        workspace: &Workspace,
        version: u64,
        cache: &Arc<Cache<PlayPrograms>>,
        slot: Slot,
    ) -> io::Result<Self> {
        let mut command = workspace.cargo();
        let cargo = cargo::prepare_build(&mut command, &PlayPrograms::arguments());
        Ok(Building {
            cargo: Some(RunningProgram::start(cargo)?),
            programs: HashMap::new(),
            version,
            cache: Arc::clone(cache),
            _slot: slot,
        })
    }

    /// What cargo says next to the page. `None` is the end of what it says.
    fn progress(&mut self, browser: BorrowedFd<'_>) -> io::Result<Option<Value>> {
        let Some(cargo) = &mut self.cargo else {
            return Ok(None);
        };
        while let Some(message) = cargo.line(Some(browser))? {
            let Some(artifact) = Artifact::parse(&message) else {
                continue;
            };
            let built = json!({ "built": artifact.name });
            if let Some(program) = artifact.program {
                self.programs.insert(artifact.name, program);
            }
            if !artifact.is_fresh {
                return Ok(Some(built));
            }
        }
        let (status, _) = cargo.finish()?;
        self.cargo = None;
        if !status.success() {
            return Err(io::Error::other(
                "cargo build failed: the program that serves the book shows why",
            ));
        }
        let programs = PlayPrograms::new(std::mem::take(&mut self.programs));
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        *cache = Some((self.version, Arc::new(programs)));
        Ok(Some(json!({ "ready": true })))
    }
}

impl Pieces for Building {
    fn next(&mut self, browser: BorrowedFd<'_>) -> Option<String> {
        let piece = self.progress(browser).unwrap_or_else(|error| {
            self.cargo = None;
            Some(json!({ "error": error.to_string() }))
        });
        piece.map(|piece| format!("{piece}\n"))
    }
}
