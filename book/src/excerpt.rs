//! Pieces of source files, as pages show them.

use anyhow::{Context, Result, bail};

use crate::html;
use crate::items::{self, Entry};
use crate::tags;
use crate::workspace::Workspace;

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

/// What a page asks for, in one line: `PATH[::ITEM|#ANCHOR] [+docs] [highlight="text"]`.
#[derive(Debug, PartialEq, Eq)]
struct Request<'a> {
    path: &'a str,
    item: Option<&'a str>,
    docs: bool,
    highlight: Option<&'a str>,
}

impl<'a> Request<'a> {
    fn parse(line: &'a str) -> Self {
        let (line, highlight) = match line.split_once(" highlight=\"") {
            Some((line, text)) => (line, Some(text.trim_end().trim_end_matches('"'))),
            None => (line, None),
        };
        let (line, docs) = match line.trim().strip_suffix(" +docs") {
            Some(line) => (line.trim(), true),
            None => (line.trim(), false),
        };
        let (path, item) = match line.split_once("::").or_else(|| line.split_once('#')) {
            Some((path, item)) => (path, Some(item)),
            None => (line, None),
        };
        Request {
            path,
            item,
            docs,
            highlight,
        }
    }
}

impl Excerpt {
    /// Cuts out what a line of a page asks for.
    ///
    /// # Errors
    /// No such file or item, more than one of this name, or nothing in it.
    pub fn find(workspace: &Workspace, line: &str) -> Result<Self> {
        let request = Request::parse(line);
        let source = workspace.read(request.path)?;
        let (first, last) = if request.path.ends_with(".rs") {
            rust_lines(&source, &request)?
        } else {
            anchored_lines(&source, &request)?
        };
        let mut excerpt = Self::of_lines(request.path, &source, &[(first, last)])?;
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

    /// The code as HTML, each line in an element of its own so that it can be marked and wrapped.
    pub fn html(&self) -> String {
        let mut code = String::new();
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                code.push_str("<span class=\"line gap\">…\n</span>");
            }
            for line in part {
                code.push_str(&line.html());
            }
        }
        format!(
            "<pre class=\"code\"><code class=\"language-{}\">{code}</code></pre>",
            self.language()
        )
    }

    fn language(&self) -> &str {
        match self.path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("rs") => "rust",
            Some("py") => "python",
            Some("sh") => "bash",
            Some(extension @ ("c" | "go" | "toml" | "json")) => extension,
            _ => "plaintext",
        }
    }
}

impl Line {
    fn html(&self) -> String {
        let class = if self.is_marked {
            "line marked"
        } else {
            "line"
        };
        let indent = self.text.len() - self.text.trim_start().len();
        let text = whole(&html::escape(&self.text));
        format!("<span class=\"{class}\" style=\"--indent:{indent}\">{text}\n</span>")
    }
}

/// Keeps a browser from breaking a line in the middle of these.
fn whole(html: &str) -> String {
    ["-&gt;", "&amp;[", "&amp;mut"]
        .iter()
        .fold(html.to_owned(), |html, word| {
            html.replace(word, &format!("<span class=\"whole\">{word}</span>"))
        })
}

fn rust_lines(source: &str, request: &Request) -> Result<(usize, usize)> {
    let entries = items::of(source).with_context(|| format!("{} is not Rust", request.path))?;
    let Some(name) = request.item else {
        let tests = entries.iter().find(|entry| entry.is_test);
        let last = tests.map_or(source.lines().count(), |tests| tests.first - 1);
        let first = if request.docs {
            0
        } else {
            items::header(source)
        };
        return Ok((first + 1, last));
    };
    let mut found = entries.iter().filter(|entry| entry.name == name);
    let Some(entry) = found.next() else {
        bail!("{} has no item {name}", request.path);
    };
    if let Some(other) = found.next() {
        bail!(
            "{} has {name} at lines {} and {}",
            request.path,
            entry.code,
            other.code
        );
    }
    let first = if request.docs {
        entry.first
    } else {
        entry.code
    };
    Ok((first, entry.last))
}

fn anchored_lines(source: &str, request: &Request) -> Result<(usize, usize)> {
    let Some(name) = request.item else {
        return Ok((1, source.lines().count()));
    };
    let line_of = |word: &str| {
        let is_it = |line: &str| {
            let after = line.split_once(word).map(|(_, after)| after.trim());
            after.is_some_and(|after| after.split_whitespace().next() == Some(name))
        };
        source.lines().position(is_it)
    };
    match (line_of("ANCHOR:"), line_of("ANCHOR_END:")) {
        (Some(first), Some(last)) if first < last => Ok((first + 2, last)),
        _ => bail!("{} has no anchor {name}", request.path),
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
    fn a_request_names_file_item_and_wishes() {
        let request = Request::parse("a/b.rs::Link::send +docs highlight=\"sys::send\"");
        let expected = Request {
            path: "a/b.rs",
            item: Some("Link::send"),
            docs: true,
            highlight: Some("sys::send"),
        };
        assert_eq!(request, expected);
        assert_eq!(Request::parse("x.py#loop").item, Some("loop"));
        assert_eq!(Request::parse("a/b.rs").item, None);
    }

    #[test]
    fn an_anchor_must_be_there() {
        let source = "a\n# ANCHOR: x\nb\nc\n# ANCHOR_END: x\n";
        let lines = |line| anchored_lines(source, &Request::parse(line)).ok();
        assert_eq!(lines("a.py#x"), Some((3, 4)));
        assert_eq!(lines("a.py"), Some((1, 5)));
        assert_eq!(lines("a.py#y"), None);
    }

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
