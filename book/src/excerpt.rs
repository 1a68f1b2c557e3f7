//! Pieces of source files, as pages show them.

use anyhow::{Result, bail};

use crate::items::Entry;
use crate::tags;
use crate::workspace::Workspace;

mod html;
mod request;

use request::Request;

/// Some items of one file, or the whole of it.
#[derive(Debug)]
pub struct Excerpt {
    /// The file, seen from the workspace's root.
    pub path: String,
    /// What is shown of it, in order.
    pub parts: Vec<Vec<Line>>,
}

/// A line of source.
#[derive(Debug)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: usize,
    /// What it says, the common indentation taken away.
    pub text: String,
    /// The page wants it to be seen.
    pub is_marked: bool,
}

impl Excerpt {
    /// Cuts out what a line of a page asks for.
    ///
    /// # Errors
    /// No such file or item, more than one of this name, or nothing in it.
    pub fn find(workspace: &Workspace, line: &str) -> Result<Self> {
        let request = Request::parse(line);
        let source = workspace.read(request.path)?;
        let lines = request.lines(&source)?;
        let mut excerpt = Self::of_lines(request.path, &source, &[lines])?;
        if let Some(text) = request.highlight {
            excerpt.mark(text)?;
        }
        Ok(excerpt)
    }

    /// These items of the file, without their documentation.
    ///
    /// # Errors
    /// An empty one.
    pub fn of_items(path: &str, source: &str, items: &[&Entry]) -> Result<Self> {
        let ranges: Vec<_> = items.iter().map(|item| (item.code, item.last)).collect();
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

    fn mark(&mut self, text: &str) -> Result<()> {
        let mut found = false;
        for line in self.parts.iter_mut().flatten() {
            line.is_marked = line.text.contains(text);
            found |= line.is_marked;
        }
        if !found {
            bail!("{}: no line of it says {text:?}", self.path);
        }
        Ok(())
    }

    /// Where it stands: `select-echo/src/echo.rs:12–40, 52–60`.
    pub fn place(&self) -> String {
        let range = |part: &Vec<Line>| match (part.first(), part.last()) {
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

/// The lines without tags, without empty ones around them and without what all are indented by.
fn part(source: &str, first: usize, last: usize) -> Vec<Line> {
    let numbered = source
        .lines()
        .enumerate()
        .map(|(index, text)| (index + 1, text));
    let wanted = numbered.filter(|(number, _)| (first..=last).contains(number));
    let mut lines: Vec<_> = wanted
        .filter_map(|(number, text)| Some((number, tags::without(text)?)))
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
        .map(|(number, text)| Line {
            number,
            text: text.get(indent..).unwrap_or_default().to_owned(),
            is_marked: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_loses_tags_and_indentation() {
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
