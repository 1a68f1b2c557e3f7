//! Requests for excerpts.

use anyhow::{Context, Result, bail};

use crate::items;

/// A line of a page that requests an excerpt: `PATH[::ITEM|#ANCHOR] [+docs] [highlight="text"]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ExcerptRequest<'a> {
    pub(super) path: &'a str,
    item: Option<&'a str>,
    docs: bool,
    pub(super) highlight: Option<&'a str>,
}

impl<'a> ExcerptRequest<'a> {
    pub(super) fn parse(line: &'a str) -> Self {
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
        ExcerptRequest {
            path,
            item,
            docs,
            highlight,
        }
    }

    /// Finds the first and the last line of it in the file's text.
    ///
    /// # Errors
    /// The item or anchor doesn't exist, or several items have this name.
    pub(super) fn lines(&self, source: &str) -> Result<(usize, usize)> {
        if self.path.ends_with(".rs") {
            self.rust_lines(source)
        } else {
            self.anchored_lines(source)
        }
    }

    fn rust_lines(&self, source: &str) -> Result<(usize, usize)> {
        let items = items::parse(source).with_context(|| format!("{} is not Rust", self.path))?;
        let Some(name) = self.item else {
            let tests = items.iter().find(|item| item.is_test);
            let last = tests.map_or(source.lines().count(), |tests| tests.first_line - 1);
            let first = if self.docs { 0 } else { items::header(source) };
            return Ok((first + 1, last));
        };
        let mut found = items.iter().filter(|item| item.name == name);
        let Some(item) = found.next() else {
            bail!("{} has no item {name}", self.path);
        };
        if let Some(other) = found.next() {
            bail!(
                "{} has {name} at lines {} and {}",
                self.path,
                item.code_line,
                other.code_line
            );
        }
        let first = if self.docs {
            item.first_line
        } else {
            item.code_line
        };
        Ok((first, item.last_line))
    }

    fn anchored_lines(&self, source: &str) -> Result<(usize, usize)> {
        let Some(name) = self.item else {
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
            _ => bail!("{} has no anchor {name}", self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_file_an_item_and_options() {
        let request =
            ExcerptRequest::parse("a/b.rs::Connection::send +docs highlight=\"sys::send\"");
        let expected = ExcerptRequest {
            path: "a/b.rs",
            item: Some("Connection::send"),
            docs: true,
            highlight: Some("sys::send"),
        };
        assert_eq!(request, expected);
        assert_eq!(ExcerptRequest::parse("x.py#loop").item, Some("loop"));
        assert_eq!(ExcerptRequest::parse("a/b.rs").item, None);
    }

    #[test]
    fn a_missing_anchor_is_an_error() {
        let source = "a\n# ANCHOR: x\nb\nc\n# ANCHOR_END: x\n";
        let lines = |line| ExcerptRequest::parse(line).lines(source).ok();
        assert_eq!(lines("a.py#x"), Some((3, 4)));
        assert_eq!(lines("a.py"), Some((1, 5)));
        assert_eq!(lines("a.py#y"), None);
    }
}
