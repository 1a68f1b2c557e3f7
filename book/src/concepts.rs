//! The list of concepts that all four styles have in common.

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
    /// Its name in tags and addresses.
    pub id: String,
    /// Its title in the index.
    pub title: String,
    /// The path of its page, from `md`.
    pub page: String,
    /// The styles that have no code for it, by name, each with the reason.
    #[serde(default)]
    pub not_applicable: BTreeMap<String, String>,
}

impl Concept {
    /// Why the style has no code for it; `None` if it has some.
    pub fn not_applicable_to(&self, style: Style) -> Option<&str> {
        self.not_applicable.get(style.name()).map(String::as_str)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConceptsFile {
    concept: Vec<Concept>,
}

/// Reads `book/concepts.toml`.
///
/// # Errors
/// The file can't be read, isn't a list of concepts, or names a style that doesn't exist.
pub fn load(root: &Path) -> Result<Vec<Concept>> {
    let path = root.join("book/concepts.toml");
    let text = fs::read_to_string(&path).context("cannot read book/concepts.toml")?;
    let list: ConceptsFile = toml::from_str(&text).context("book/concepts.toml")?;
    for concept in &list.concept {
        for (name, reason) in &concept.not_applicable {
            if Style::named(name).is_none() || reason.trim().is_empty() {
                bail!("book/concepts.toml: {}: {name} = {reason:?}", concept.id);
            }
        }
    }
    Ok(list.concept)
}
