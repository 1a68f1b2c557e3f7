//! The sources of the pages: the code, the concepts, the traces, and recorded data.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{self, Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;

use crate::checkout;
use crate::concepts::{self, Concept};
use crate::lab::Lab;
use crate::scenario::{self, Scenario};
use crate::tags::{self, Tag};
use crate::trace::ScenarioTrace;

/// The workspace with its book.
#[derive(Debug)]
pub struct Workspace {
    /// The root: all paths start here.
    pub root: PathBuf,
    /// The folder that cargo builds in, as an absolute path.
    pub target: PathBuf,
    /// The concepts, in the book's order.
    pub concepts: Vec<Concept>,
    /// The tags in the code of the four styles.
    pub tags: Vec<Tag>,
    /// The lab's program, once a page has shown a trace; or why there is none.
    lab: OnceLock<Result<Lab, String>>,
    /// The traces, once a page has shown one; or why there are none.
    traces: OnceLock<Result<Vec<ScenarioTrace>, String>>,
}

/// A page's source.
#[derive(Debug)]
pub struct Page {
    /// Its path from the book's `md` folder, such as `concepts/partial-write.md`.
    pub path: String,
    /// Its Markdown.
    pub text: String,
}

impl Workspace {
    /// The workspace of the checkout around the current folder or, outside any checkout, of the one that
    /// this program was built in.
    ///
    /// # Errors
    /// There is no checkout, or those of [`open`](Self::open).
    pub fn here() -> Result<Self> {
        Self::open(&checkout::find()?)
    }

    /// Reads the list of concepts, and the tags in the code.
    ///
    /// # Errors
    /// A file can't be read or parsed, or cargo's folder is a relative path and the current folder has
    /// been deleted.
    pub fn open(root: &Path) -> Result<Self> {
        Ok(Workspace {
            root: root.to_owned(),
            target: target(root)?,
            concepts: concepts::load(root)?,
            tags: tags::scan(root)?,
            lab: OnceLock::new(),
            traces: OnceLock::new(),
        })
    }

    /// The book's folder.
    pub fn book(&self) -> PathBuf {
        self.root.join("book")
    }

    /// A command that runs in the root. Cargo in it builds in the same folder, even if the environment
    /// names that folder by a relative path.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for variable in TARGET_VARIABLES {
            if env::var_os(variable).is_some() {
                command.env(variable, &self.target);
            }
        }
        command
    }

    /// Cargo, as a command that runs in the root.
    pub fn cargo(&self) -> Command {
        self.command(env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
    }

    /// The text of a file. Its path starts at the root.
    ///
    /// # Errors
    /// The file doesn't exist or is outside the workspace.
    pub fn read(&self, path: &str) -> Result<String> {
        if Path::new(path).is_absolute() || path.split('/').any(|part| part == "..") {
            bail!("{path} is not a path within the workspace");
        }
        fs::read_to_string(self.root.join(path)).with_context(|| format!("cannot read {path}"))
    }

    /// Recorded data, from a file under `book/data`.
    ///
    /// # Errors
    /// The file doesn't exist, or contains another type.
    pub fn data<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = format!("book/data/{name}");
        let text = self.read(&path)?;
        serde_json::from_str(&text).with_context(|| format!("{path} is not what it should be"))
    }

    /// The trace of a scenario. The first time, this builds the lab and plays all scenarios.
    ///
    /// # Errors
    /// There is no scenario of this name, the lab doesn't build, or a scenario fails.
    pub fn trace(&self, name: &str) -> Result<&ScenarioTrace> {
        let traces = self.traces.get_or_init(|| {
            let traces = self.simulate();
            traces.map_err(|error| format!("{error:#}"))
        });
        let traces = traces.as_ref().map_err(|error| anyhow!("{error}"))?;
        let named = traces.iter().find(|trace| trace.scenario == name);
        named.with_context(|| format!("there is no scenario {name} in book/scenarios.toml"))
    }

    fn simulate(&self) -> Result<Vec<ScenarioTrace>> {
        let scenarios = self.scenarios()?;
        let lab = self.lab()?;
        let traces = scenarios
            .iter()
            .map(|scenario| ScenarioTrace::simulate(lab, scenario, &self.root));
        traces.collect()
    }

    /// The lab. The first time, this builds it.
    ///
    /// # Errors
    /// It doesn't build.
    pub fn lab(&self) -> Result<&Lab> {
        let lab = self.lab.get_or_init(|| {
            let lab = Lab::build(self);
            lab.map_err(|error| format!("{error:#}"))
        });
        lab.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// The scenarios.
    ///
    /// # Errors
    /// `book/scenarios.toml` can't be read, or isn't a list of scenarios.
    pub fn scenarios(&self) -> Result<Vec<Scenario>> {
        scenario::load(&self.root)
    }

    /// All pages but the summary, in the order of their paths.
    ///
    /// # Errors
    /// A folder or a file can't be read.
    pub fn pages(&self) -> Result<Vec<Page>> {
        let folder = self.book().join("md");
        let mut pages = Vec::new();
        for file in files_under(&folder, "md")? {
            let path = slashed(file.strip_prefix(&folder)?);
            if path != "SUMMARY.md" {
                let text = fs::read_to_string(&file)?;
                pages.push(Page { path, text });
            }
        }
        Ok(pages)
    }
}

/// The variables that set the folder that cargo builds in. The first one that is set counts.
const TARGET_VARIABLES: [&str; 2] = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];

fn target(root: &Path) -> io::Result<PathBuf> {
    let mut named = TARGET_VARIABLES.into_iter().filter_map(env::var_os);
    match named.find(|folder| !folder.is_empty()) {
        // As for cargo, a relative path starts at the current folder.
        Some(folder) => path::absolute(folder),
        None => Ok(root.join("target")),
    }
}

/// All files under the folder with this extension, in the order of their paths.
///
/// # Errors
/// A folder can't be read.
pub fn files_under(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {folder:?}"))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_under(&path, extension)?);
        } else if path.extension().is_some_and(|of| of == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The path as pages write it, on every system.
pub fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
