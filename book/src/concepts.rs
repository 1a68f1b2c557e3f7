//! The list of concepts that all four styles are held against.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::style::Style;

/// A concept: one page of the book, and a tag in the code of each style.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Concept {
    /// What it is called in tags and addresses.
    pub id: String,
    /// What it is called in the index.
    pub title: String,
    /// Its page, seen from `md`.
    pub page: String,
    /// The styles that have nothing of it, by name, each with the reason.
    #[serde(default)]
    pub not_applicable: BTreeMap<String, String>,
}

impl Concept {
    /// Why the style has nothing of it, if so.
    pub fn missing_from(&self, style: Style) -> Option<&str> {
        self.not_applicable.get(style.name()).map(String::as_str)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    concept: Vec<Concept>,
}

/// Reads `book/concepts.toml`.
///
/// # Errors
/// A file that is not there, or says what nobody understands.
pub fn load(root: &Path) -> Result<Vec<Concept>> {
    let path = root.join("book/concepts.toml");
    let text = fs::read_to_string(&path).context("cannot read book/concepts.toml")?;
    let list: List = toml::from_str(&text).context("book/concepts.toml")?;
    for concept in &list.concept {
        for (name, reason) in &concept.not_applicable {
            if Style::named(name).is_none() || reason.trim().is_empty() {
                bail!("book/concepts.toml: {}: {name} = {reason:?}", concept.id);
            }
        }
    }
    Ok(list.concept)
}
