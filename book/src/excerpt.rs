//! Parts of source files, as pages show them.

use anyhow::{Result, bail};

use crate::items::{self, SourceItem};
use crate::workspace::Workspace;

mod html;
mod request;

use request::ExcerptRequest;

/// Some items of a file, or the whole file.
#[derive(Debug)]
pub struct Excerpt {
    /// The path of the file, from the workspace's root.
    pub path: String,
    /// The lines to show, in order.
    pub parts: Vec<Vec<SourceLine>>,
}

/// A line of source.
#[derive(Debug)]
pub struct SourceLine {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its text, without the indentation that all lines share.
    pub text: String,
    /// Whether the page highlights it.
    pub is_highlighted: bool,
}

impl Excerpt {
    /// Finds the excerpt that a line of a page requests.
    ///
    /// # Errors
    /// The file or item doesn't exist, several items have this name, or the excerpt is empty.
    pub fn find(workspace: &Workspace, line: &str) -> Result<Self> {
        let request = ExcerptRequest::parse(line);
        let source = workspace.read(request.path)?;
        let lines = request.lines(&source)?;
        let mut excerpt = Self::of_lines(request.path, &source, &[lines])?;
        if let Some(text) = request.highlight {
            excerpt.highlight(text)?;
        }
        Ok(excerpt)
    }

    /// These items of the file, without their documentation.
    ///
    /// # Errors
    /// The excerpt is empty.
    pub fn of_items(path: &str, source: &str, items: &[&SourceItem]) -> Result<Self> {
        let ranges: Vec<_> = items
            .iter()
            .map(|item| (item.code_line, item.last_line))
            .collect();
        Self::of_lines(path, source, &ranges)
    }

    /// Lines of the file, from the first of each pair to the last one.
    fn of_lines(path: &str, source: &str, ranges: &[(usize, usize)]) -> Result<Self> {
        let parts: Vec<_> = ranges
            .iter()
            .map(|(first, last)| part(source, *first, *last))
            .collect();
        if parts.iter().any(Vec::is_empty) {
            bail!("{path}: there is nothing to show");
        }
        Ok(Excerpt {
            path: path.to_owned(),
            parts,
        })
    }

    fn highlight(&mut self, text: &str) -> Result<()> {
        let mut found = false;
        for line in self.parts.iter_mut().flatten() {
            line.is_highlighted = line.text.contains(text);
            found |= line.is_highlighted;
        }
        if !found {
            bail!("{}: no line contains {text:?}", self.path);
        }
        Ok(())
    }

    /// Its place: `select-echo/src/echo.rs:12–40, 52–60`.
    pub fn place(&self) -> String {
        let range = |part: &Vec<SourceLine>| match (part.first(), part.last()) {
            (Some(first), Some(last)) if first.number < last.number => {
                format!("{}–{}", first.number, last.number)
            }
            (Some(only), _) => only.number.to_string(),
            _ => String::new(),
        };
        let ranges: Vec<_> = self.parts.iter().map(range).collect();
        format!("{}:{}", self.path, ranges.join(", "))
    }
}

/// The lines without tags, empty lines around them, and the indentation that all share.
fn part(source: &str, first: usize, last: usize) -> Vec<SourceLine> {
    let numbered = source
        .lines()
        .enumerate()
        .map(|(index, text)| (index + 1, text));
    let wanted = numbered.filter(|(number, _)| (first..=last).contains(number));
    let mut lines: Vec<_> = wanted
        .filter_map(|(number, text)| Some((number, items::without_tag(text)?)))
        .collect();
    let is_empty = |line: &(usize, &str)| line.1.trim().is_empty();
    while lines.last().is_some_and(is_empty) {
        lines.pop();
    }
    let leading = lines.iter().take_while(|line| is_empty(line)).count();
    lines.drain(..leading);
    let indents = lines.iter().filter(|line| !is_empty(line));
    let indent = indents
        .map(|(_, text)| text.len() - text.trim_start().len())
        .min()
        .unwrap_or(0);
    lines
        .into_iter()
        .map(|(number, text)| SourceLine {
            number,
            text: text.get(indent..).unwrap_or_default().to_owned(),
            is_highlighted: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_indentation_are_removed_from_a_part() {
        let lines = part(
            "\n    // CONCEPT: x\n    if a {\n        b\n    }\n\n",
            1,
            6,
        );
        let texts: Vec<_> = lines
            .iter()
            .map(|line| (line.number, &*line.text))
            .collect();
        assert_eq!(texts, [(3, "if a {"), (4, "    b"), (5, "}")]);
    }
}
