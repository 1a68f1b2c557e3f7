//! Builds a site from the pages.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::lab_files;
use crate::log_capture;
use crate::preprocessor::EchoPreprocessor;
use crate::problem::Problem;
use crate::workspace::{Workspace, slashed};

/// The files of a site, by their paths from its folder.
pub type SiteFiles = BTreeMap<String, Vec<u8>>;

/// A site in its own new folder. Dropping it deletes the folder.
#[derive(Debug)]
pub struct BuiltSite {
    scratch: TempDir,
    /// The problems of the site. The pages show them too.
    pub problems: Vec<Problem>,
}

impl BuiltSite {
    /// Builds the site of the checkout `root`, in a new folder below `parent`.
    ///
    /// # Errors
    /// The book can't be built at all, or the folder can't be written to.
    pub fn new(root: &Path, parent: &Path) -> Result<Self> {
        let mut built = Self::empty(parent)?;
        built.problems = build(root, &built.site())?;
        Ok(built)
    }

    /// Makes a new folder without a site.
    pub(crate) fn empty(parent: &Path) -> Result<Self> {
        let scratch = fs::create_dir_all(parent)
            .and_then(|()| tempfile::Builder::new().prefix(".book-").tempdir_in(parent));
        Ok(BuiltSite {
            scratch: scratch.with_context(|| format!("cannot write to {}", parent.display()))?,
            problems: Vec::new(),
        })
    }

    /// The site's folder.
    pub fn site(&self) -> PathBuf {
        self.scratch.path().join("site")
    }

    /// A free path next to the site, for what it replaces.
    pub(crate) fn aside(&self) -> PathBuf {
        self.scratch.path().join("replaced")
    }

    /// Deletes what is left of the folder.
    pub(crate) fn remove(self) -> Result<()> {
        let folder = self.scratch.path().to_owned();
        let removed = self.scratch.close();
        removed.with_context(|| format!("cannot delete {}", folder.display()))
    }

    /// Keeps what was moved aside. Returns its path.
    pub(crate) fn keep(self) -> PathBuf {
        let aside = self.aside();
        let _ = self.scratch.keep();
        aside
    }
}

/// Builds the site, and reads it into memory. Returns its files and its problems.
///
/// # Errors
/// The errors of [`BuiltSite::new`], or a file can't be read.
pub fn build_in_memory(workspace: &Workspace) -> Result<(SiteFiles, Vec<Problem>)> {
    let built = BuiltSite::new(&workspace.root, &workspace.target)?;
    let site = built.site();
    let mut files = SiteFiles::new();
    for entry in WalkDir::new(&site) {
        let entry = entry?;
        if entry.file_type().is_file() {
            let path = slashed(entry.path().strip_prefix(&site)?);
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok((files, built.problems))
}

/// Builds the site into a folder. mdBook creates the folder, or empties it first.
fn build(root: &Path, to: &Path) -> Result<Vec<Problem>> {
    let book = root.join("book");
    let mut config = Config::from_disk(book.join("book.toml")).context("book/book.toml")?;
    config.build.build_dir = to.to_owned();
    let echo = EchoPreprocessor::default();
    let (built, logged) = log_capture::capture(|| {
        let mut book = MDBook::load_with_config(book, config)?;
        book.with_preprocessor(echo.clone());
        book.build()
    });
    built.with_context(|| logged.join("\n"))?;
    lab_files::write_sources(root, to)?;
    lab_files::write_bugs(root, to)?;
    let mut problems = echo.problems();
    let logged = logged.into_iter();
    problems.extend(logged.map(|text| Problem::new("book/md", 0, text)));
    Ok(problems)
}
