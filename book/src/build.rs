//! Makes a site of the pages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;

use crate::complaints;
use crate::preprocessor::Echo;
use crate::problem::Problem;

/// Builds the site into a folder, which is emptied first. Answers what is wrong with it: that
/// stands in the pages too.
///
/// # Errors
/// A book that cannot be built at all.
pub fn build(root: &Path, to: &Path) -> Result<Vec<Problem>> {
    let book = root.join("book");
    let mut config = Config::from_disk(book.join("book.toml")).context("book/book.toml")?;
    config.build.build_dir = to.to_owned();
    let echo = Echo::default();
    let (built, complaints) = complaints::during(|| {
        let mut book = MDBook::load_with_config(book, config)?;
        book.with_preprocessor(echo.clone());
        book.build()
    });
    built.with_context(|| complaints.join("\n"))?;
    let mut problems = echo.problems();
    let complaints = complaints.into_iter();
    problems.extend(complaints.map(|text| Problem::new("book/md", 0, text)));
    Ok(problems)
}

/// Builds the site beside a folder, which it then replaces if nothing is wrong.
///
/// # Errors
/// As [`build`], and a folder that cannot be replaced.
pub fn replace(root: &Path, folder: &Path) -> Result<Vec<Problem>> {
    let new = folder.with_extension("new");
    let problems = build(root, &new)?;
    if problems.is_empty() {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::rename(&new, folder)?;
    }
    Ok(problems)
}
