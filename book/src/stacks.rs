//! The call stacks of the four styles: the functions from `serve` to the code that a user of the style writes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::html::escape;
use crate::style::Style;

mod capture;
mod json;

pub use capture::capture;
pub(crate) use json::lay_out;

/// One stack for each style, from `serve` up to the code that gets the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stacks(pub BTreeMap<Style, Vec<Frame>>);

/// A function that was called and has not returned yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Its name, with its type or module.
    pub function: String,
    /// Its file: from the root of the workspace, or with the name of its crate.
    pub file: String,
    /// The line that calls the next one.
    pub line: usize,
    /// Whose code it is.
    pub owner: CodeOwner,
}

/// Whose code a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodeOwner {
    /// The user's: `echo.rs`, and in select, which does little for its user, all of it.
    Yours,
    /// The style's.
    Style,
    /// Code that the four styles share.
    Common,
    /// The standard library's, or a crate's.
    Runtime,
}

impl CodeOwner {
    fn name(self) -> &'static str {
        match self {
            CodeOwner::Yours => "yours",
            CodeOwner::Style => "style",
            CodeOwner::Common => "common",
            CodeOwner::Runtime => "runtime",
        }
    }
}

impl Stacks {
    /// Reads the recorded stacks.
    ///
    /// # Errors
    /// The file doesn't exist, or contains something else.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
    }

    /// Writes them where [`read`](Self::read) finds them.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = String::new();
        lay_out(&serde_json::to_value(self)?, 0, &mut text);
        fs::write(path, text + "\n")
    }

    /// The stacks of these styles side by side. Their lowest frames are on one line, so that their heights
    /// can be compared.
    pub fn render(&self, styles: &[Style]) -> String {
        let columns: String = styles
            .iter()
            .filter_map(|style| Some(column(*style, self.0.get(style)?)))
            .collect();
        format!(
            "<div class=\"stacks\" data-count=\"{}\">\n{columns}</div>\n",
            styles.len()
        )
    }

    /// The styles whose calls differ in `again`, one line for each. Moved source lines don't
    /// count.
    pub fn differences(&self, again: &Stacks) -> Vec<String> {
        let calls = |stacks: &Stacks, style: Style| -> Vec<String> {
            let frames = stacks.0.get(&style).into_iter().flatten();
            frames.map(|frame| frame.function.clone()).collect()
        };
        let pairs = Style::ALL.map(|style| (style, calls(self, style), calls(again, style)));
        let differ = pairs.into_iter().filter(|(_, one, two)| one != two);
        differ
            .map(|(style, one, two)| {
                format!(
                    "{}: recorded {}; now {}",
                    style.name(),
                    one.join(" > "),
                    two.join(" > ")
                )
            })
            .collect()
    }
}

fn column(style: Style, frames: &[Frame]) -> String {
    let (name, heading) = (style.name(), style.heading());
    let yours = frames
        .iter()
        .filter(|frame| frame.owner == CodeOwner::Yours)
        .count();
    let mut html = format!("<figure data-style=\"{name}\"><ol reversed>\n");
    for frame in frames.iter().rev() {
        let owner = frame.owner.name();
        let place = escape(&format!("{}:{}", frame.file, frame.line));
        // Writing to a string can't fail.
        let _ = writeln!(
            html,
            "<li class=\"{owner}\"><code>{}</code> \
             <small title=\"{place}\"><b>{owner}</b> <span>{place}</span></small></li>",
            escape(&frame.function)
        );
    }
    let count = frames.len();
    html + &format!(
        "</ol><figcaption>{heading} {count} calls, {yours} yours</figcaption></figure>\n"
    )
}
