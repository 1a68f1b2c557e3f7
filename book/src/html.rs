//! Reads and writes HTML.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// The text with HTML's special characters replaced.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A line of code that fits a phone: its indentation is an element of its own, which can be narrower there, and
/// a long expression wraps at its parts.
pub fn wrapping_code(line: &str) -> String {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let text = escape(text)
        .replace("::", "::<wbr>")
        .replace('(', "(<wbr>")
        .replace("(<wbr>)", "()")
        .replace('.', "<wbr>.");
    format!("<span class=\"diff-indent\">{indent}</span>{text}")
}

/// A tag that opens an element.
#[derive(Debug)]
pub struct Element {
    /// For example `a`.
    pub name: String,
    /// Names and values.
    pub attributes: Vec<(String, String)>,
    /// Its line in the file, from 1.
    pub line: usize,
}

impl Element {
    /// The value of the attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|(of, _)| of == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// All elements of a page, in order.
pub fn elements(html: &str) -> Vec<Element> {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let tokenizer = Tokenizer::new(Collector::default(), TokenizerOpts::default());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

#[derive(Default)]
struct Collector(RefCell<Vec<Element>>);

impl TokenSink for Collector {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else {
            return TokenSinkResult::Continue;
        };
        if tag.kind != TagKind::StartTag {
            return TokenSinkResult::Continue;
        }
        let next = next_state(&tag);
        let attributes = tag.attrs.iter();
        self.0.borrow_mut().push(Element {
            name: tag.name.to_string(),
            attributes: attributes
                .map(|attribute| {
                    (
                        attribute.name.local.to_string(),
                        attribute.value.to_string(),
                    )
                })
                .collect(),
            line: usize::try_from(line).unwrap_or_default(),
        });
        next
    }
}

/// How the tokenizer continues after the tag: the content of a script or a style isn't HTML.
fn next_state(tag: &Tag) -> TokenSinkResult<()> {
    match &*tag.name {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "style" => TokenSinkResult::RawData(RawKind::Rawtext),
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        _ => TokenSinkResult::Continue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_code_wraps_at_its_parts() {
        let html = wrapping_code("    a::b(c.d(), 1 < 2)");
        let code = "a::<wbr>b(<wbr>c<wbr>.d(), 1 &lt; 2)";
        assert_eq!(
            html,
            format!("<span class=\"diff-indent\">    </span>{code}")
        );
    }

    #[test]
    fn elements_are_found_but_not_in_scripts() {
        let html = "<p id=a>\n<script>\"<a href=x>\"</script><img src=\"b&amp;c\">";
        let found = elements(html);
        let names: Vec<_> = found.iter().map(|element| &*element.name).collect();
        assert_eq!(names, ["p", "script", "img"]);
        assert_eq!((found[2].get("src"), found[2].line), (Some("b&c"), 2));
    }
}
