//! Fenced blocks of a page.

use mdbook_markdown::pulldown_cmark::{CodeBlockKind, Event, Tag, TextMergeWithOffset};
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};

/// A fenced block. Lines count from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Fence<'a> {
    /// The text after the opening fence.
    pub info: String,
    /// The lines between the fences.
    pub body: Vec<&'a str>,
    /// The line of the opening fence.
    pub first: usize,
    /// The line of the closing fence, or the page's last line.
    pub last: usize,
}

/// All blocks of the page, in order, as mdBook finds them. A block within another one is text of the
/// outer block's body.
pub fn all(text: &str) -> Vec<Fence<'_>> {
    let parser = new_cmark_parser(text, &MarkdownOptions::default());
    let mut events = TextMergeWithOffset::new(parser.into_offset_iter()).peekable();
    let mut fences = Vec::new();
    while let Some((event, block)) = events.next() {
        if let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) = event {
            let body = events.next_if(|(event, _)| matches!(event, Event::Text(_)));
            fences.push(Fence {
                info: info.into_string(),
                body: body.map_or_else(Vec::new, |(_, body)| text[body].lines().collect()),
                first: text[..block.start].matches('\n').count() + 1,
                last: text[..block.end].lines().count(),
            });
        }
    }
    fences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<(String, String, usize, usize)> {
        let fences = all(page).into_iter();
        let parts = |fence: Fence| (fence.info, fence.body.join("|"), fence.first, fence.last);
        fences.map(parts).collect()
    }

    fn fence(info: &str, body: &str, first: usize, last: usize) -> (String, String, usize, usize) {
        (info.to_owned(), body.to_owned(), first, last)
    }

    #[test]
    fn a_longer_fence_holds_shorter_ones() {
        let page = "x\n````predict\nq\n\n```snippet\na\n```\n````\n~~~ text\ny\n~~~\n```` a `b`\n";
        let expected = [
            fence("predict", "q||```snippet|a|```", 2, 8),
            fence("text", "y", 9, 11),
        ];
        assert_eq!(found(page), expected);
    }

    #[test]
    fn a_fence_can_be_indented_empty_or_unclosed() {
        let page = "- x\n\n  ```index\n  ```\n\n```text\na\n\nb\n";
        let expected = [fence("index", "", 3, 4), fence("text", "a||b", 6, 9)];
        assert_eq!(found(page), expected);
    }
}
