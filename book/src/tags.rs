//! The tags in the code, such as `// CONCEPT: partial-write`: an item with a tag implements a part of that concept.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::items::{self, SourceItem, TAG};
use crate::style::Style;
use crate::workspace::{files_under, slashed};

/// A place in the code of a style that implements a part of a concept.
#[derive(Debug, Clone)]
pub struct Tag {
    /// The concept's id.
    pub concept: String,
    /// The style that the code belongs to.
    pub style: Style,
    /// The path of the file, from the workspace's root.
    pub path: String,
    /// The tag's own line.
    pub line: usize,
    /// The item around the tag, or otherwise the next one below it.
    pub item: Option<SourceItem>,
}

/// All tags in the four styles' sources, examples, and tests. Those in a style's `echo.rs`, which a user of
/// the style writes, come before its others.
///
/// # Errors
/// A file can't be read, or isn't Rust.
pub fn scan(root: &Path) -> Result<Vec<Tag>> {
    let mut tags = Vec::new();
    for style in Style::ALL {
        let echo = root.join(style.program()).join("src/echo.rs");
        let mut files = Vec::new();
        for folder in ["src", "examples", "tests"] {
            let folder = root.join(style.program()).join(folder);
            if folder.is_dir() {
                files.extend(files_under(&folder, "rs")?);
            }
        }
        files.sort_by_key(|file| *file != echo);
        for file in files {
            let path = slashed(file.strip_prefix(root)?);
            tags.extend(in_file(style, &path, &fs::read_to_string(&file)?)?);
        }
    }
    Ok(tags)
}

/// The style's tags with this concept. The first one is the one to read first.
pub fn of<'a>(tags: &'a [Tag], concept: &str, style: Style) -> impl Iterator<Item = &'a Tag> {
    tags.iter()
        .filter(move |tag| tag.concept == concept && tag.style == style)
}

fn in_file(style: Style, path: &str, source: &str) -> Result<Vec<Tag>> {
    if !source.contains(TAG) {
        return Ok(Vec::new());
    }
    let items = items::parse(source).with_context(|| path.to_owned())?;
    let mut tags = Vec::new();
    for (index, text) in source.lines().enumerate() {
        for concept in ids(text) {
            let line = index + 1;
            tags.push(Tag {
                concept: concept.to_owned(),
                style,
                path: path.to_owned(),
                line,
                item: item_at(&items, line).cloned(),
            });
        }
    }
    Ok(tags)
}

/// The concepts that the line is tagged with.
fn ids(line: &str) -> impl Iterator<Item = &str> {
    let list = line.split_once(TAG).map_or("", |(_, list)| list);
    list.split(',').map(str::trim).filter(|id| !id.is_empty())
}

/// The smallest item around the line, or otherwise the next one below it.
fn item_at(items: &[SourceItem], line: usize) -> Option<&SourceItem> {
    let mut leaves = items.iter().filter(|item| !item.is_container);
    let around = leaves
        .clone()
        .find(|item| (item.first_line..=item.last_line).contains(&line));
    around.or_else(|| leaves.find(|item| item.first_line > line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_belongs_to_the_item_around_it_or_below() -> Result<()> {
        let source = "\
// CONCEPT: framing
fn split() {}

impl Connection {
    /// Sends.
    // CONCEPT: partial-write, fairness
    fn send() {
        now(); // CONCEPT: timers
    }
}
";
        let tags = in_file(Style::Select, "a.rs", source)?;
        let found: Vec<_> = tags
            .iter()
            .map(|tag| (&*tag.concept, tag.line, &*tag.item.as_ref().unwrap().name))
            .collect();
        let expected = [
            ("framing", 1, "split"),
            ("partial-write", 6, "Connection::send"),
            ("fairness", 6, "Connection::send"),
            ("timers", 8, "Connection::send"),
        ];
        assert_eq!(found, expected);
        Ok(())
    }

    #[test]
    fn tags_in_echo_rs_come_first() -> Result<()> {
        let root = tempfile::tempdir()?;
        let folder = root.path().join("chat-echo/src");
        fs::create_dir_all(&folder)?;
        for name in ["chat.rs", "echo.rs", "output.rs"] {
            fs::write(folder.join(name), "// CONCEPT: framing\nfn split() {}")?;
        }
        let tags = scan(root.path())?;
        let paths: Vec<_> = of(&tags, "framing", Style::Chat)
            .map(|tag| &*tag.path)
            .collect();
        let expected =
            ["echo.rs", "chat.rs", "output.rs"].map(|name| format!("chat-echo/src/{name}"));
        assert_eq!(paths, expected);
        Ok(())
    }
}
