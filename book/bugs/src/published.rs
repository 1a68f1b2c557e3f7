//! The table of published bugs, `book/lab/bugs.toml`.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Change;

/// Where the table is, from the root of the repository.
pub const TABLE: &str = "book/lab/bugs.toml";

/// A bug that was published for another server, in our styles.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bug {
    /// By which it is turned on.
    pub name: String,
    /// What it is, in one line.
    pub title: String,
    /// What was published.
    pub summary: String,
    /// The address of the publication.
    pub source: String,
    /// The title of the publication.
    pub source_title: String,
    /// The rule of the contract that it breaks. Empty if it breaks none.
    #[serde(default)]
    pub rule: String,
    /// The checker's case that finds it. Empty if no client can notice it.
    #[serde(default)]
    pub case: String,
    /// The server's options with which that case finds it.
    #[serde(default)]
    pub checked_with: Vec<String>,
    /// The script that shows it, if a style has no other.
    #[serde(skip_serializing)]
    script: String,
    /// The options of the lab for the script.
    #[serde(default, skip_serializing)]
    options: Vec<String>,
    /// The bug in each style.
    pub styles: Styles,
}

/// The four styles, each with its form of a bug.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Styles {
    select: InStyle,
    dispatcher: InStyle,
    chat: InStyle,
    reactor: InStyle,
}

/// A bug in one style: lines that show it, or the reason why it has no effect.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InStyle {
    /// Why this style can't have the bug.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
    /// With which error the compiler refuses the wrong lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why this style keeps the contract with these lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub harmless: Option<String>,
    /// The checker's case that finds it in this style, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Why the checker's case doesn't find it in this style.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unnoticed: Option<String>,
    /// The file, from the root of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The first of the lines, from 1.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The lines as they are.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub right: String,
    /// The lines with the bug.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
    /// The script that shows the bug.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// The options of the lab for the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<String>>,
}

impl Styles {
    /// Each style's name and its form of the bug.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &InStyle)> {
        let Styles {
            select,
            dispatcher,
            chat,
            reactor,
        } = self;
        let all = [
            ("select", select),
            ("dispatcher", dispatcher),
            ("chat", chat),
            ("reactor", reactor),
        ];
        all.into_iter()
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut InStyle> {
        let Styles {
            select,
            dispatcher,
            chat,
            reactor,
        } = self;
        [select, dispatcher, chat, reactor].into_iter()
    }
}

impl Bug {
    /// The change that makes the bug in a style. `None` if the style can't have it.
    pub fn change(&self, style: &str) -> Option<Change> {
        let (_, form) = self.styles.iter().find(|(name, _)| *name == style)?;
        let change = Change {
            name: format!("{style} {}", self.name),
            file: form.file.clone()?,
            right: form.right.clone(),
            wrong: form.wrong.clone().unwrap_or_default(),
        };
        Some(change)
    }

    /// The changes of all styles that can be built.
    fn changes(&self) -> impl Iterator<Item = Change> {
        let possible = self
            .styles
            .iter()
            .filter(|(_, form)| form.impossible.is_none());
        possible.filter_map(|(style, _)| self.change(style))
    }
}

/// Reads the table.
///
/// # Errors
/// It can't be read or parsed, or the right lines of a bug aren't in their file.
pub fn read(root: &Path) -> io::Result<Vec<Bug>> {
    #[derive(Deserialize)]
    struct Table {
        bug: Vec<Bug>,
    }
    let text = fs::read_to_string(root.join(TABLE))?;
    let table: Table = toml::from_str(&text).map_err(io::Error::other)?;
    let mut bugs = table.bug;
    for bug in &mut bugs {
        for form in bug.styles.iter_mut() {
            let Some(file) = &form.file else { continue };
            let source = fs::read_to_string(root.join(file))?;
            let before = source.find(&form.right).map(|at| &source[..at]);
            form.line = before.map(|before| 1 + before.matches('\n').count());
            if form.impossible.is_none() {
                form.script.get_or_insert_with(|| bug.script.clone());
                form.options.get_or_insert_with(|| bug.options.clone());
            }
        }
    }
    Ok(bugs)
}

/// The changes of all bugs.
pub fn changes(bugs: &[Bug]) -> Vec<Change> {
    bugs.iter().flat_map(Bug::changes).collect()
}
