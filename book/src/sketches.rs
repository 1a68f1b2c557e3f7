//! The sketches in `book/sketches`: what a style does, in Python or in pseudocode, beside its Rust.

use anyhow::{Result, bail};

use crate::style::Style;
use crate::workspace::Workspace;

/// A language of sketches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SketchLanguage {
    /// As the style's Python original is used.
    Python,
    /// As one would explain it.
    Pseudocode,
}

impl SketchLanguage {
    /// Both, in the order in which a page offers them.
    pub const ALL: [SketchLanguage; 2] = [SketchLanguage::Python, SketchLanguage::Pseudocode];

    /// Its name in pages.
    pub fn name(self) -> &'static str {
        match self {
            SketchLanguage::Python => "Python",
            SketchLanguage::Pseudocode => "Pseudocode",
        }
    }

    /// Its name in data and style sheets.
    pub fn id(self) -> &'static str {
        match self {
            SketchLanguage::Python => "python",
            SketchLanguage::Pseudocode => "pseudocode",
        }
    }

    /// The extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            SketchLanguage::Python => "py",
            SketchLanguage::Pseudocode => "txt",
        }
    }

    /// How many lines a sketch can have.
    pub fn most_lines(self) -> usize {
        match self {
            SketchLanguage::Python => 20,
            SketchLanguage::Pseudocode => 12,
        }
    }
}

/// A sketch of one style.
#[derive(Debug)]
pub struct Sketch {
    /// The style.
    pub style: Style,
    /// The language.
    pub language: SketchLanguage,
    /// The path of its file, from the workspace's root.
    pub path: String,
}

/// The sketches of this name.
///
/// # Errors
/// There are none.
pub fn named(workspace: &Workspace, name: &str) -> Result<Vec<Sketch>> {
    let mut sketches = Vec::new();
    for style in Style::ALL {
        for language in SketchLanguage::ALL {
            let file = format!("{}.{}", style.name(), language.extension());
            let path = format!("book/sketches/{name}/{file}");
            if workspace.root.join(&path).is_file() {
                sketches.push(Sketch {
                    style,
                    language,
                    path,
                });
            }
        }
    }
    if sketches.is_empty() {
        bail!("book/sketches/{name} has no sketch, such as select.py or select.txt");
    }
    Ok(sketches)
}
