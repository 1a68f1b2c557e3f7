//! The glossary's texts, for the links of other pages to its terms.

use std::collections::BTreeMap;

use mdbook_markdown::pulldown_cmark::{Event, Tag, TagEnd};
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};
use serde_json::json;

use crate::html;
use crate::workspace::Workspace;

/// The page of the glossary, from `md`.
const PAGE: &str = "glossary.md";

/// The texts of the glossary's terms, by the ids that links name.
#[derive(Debug, Default)]
pub struct Glossary(BTreeMap<String, String>);

impl Glossary {
    /// Reads the glossary of a workspace. It is empty if there is no such page.
    pub fn open(workspace: &Workspace) -> Self {
        let text = workspace.read(&format!("book/md/{PAGE}"));
        Self::parse(&text.unwrap_or_default())
    }

    fn parse(page: &str) -> Self {
        let mut texts = BTreeMap::new();
        let (mut ids, mut text) = (Vec::new(), String::new());
        for event in new_cmark_parser(page, &MarkdownOptions::default()) {
            match event {
                Event::Start(Tag::DefinitionListTitle) => {
                    ids.clear();
                    text.clear();
                }
                Event::Start(Tag::DefinitionListDefinition) => text.clear(),
                Event::End(TagEnd::DefinitionListTitle) => ids.push(id_of(&text)),
                Event::End(TagEnd::DefinitionListDefinition) => {
                    let text = without_more(&text);
                    texts.extend(ids.iter().map(|id| (id.clone(), text.clone())));
                }
                // Such as `<span id="pending">`: another id of the term.
                Event::InlineHtml(html) => {
                    let elements = html::elements(&html);
                    let named = elements.iter().filter_map(|element| element.get("id"));
                    ids.extend(named.map(str::to_owned));
                }
                Event::Text(piece) | Event::Code(piece) => text.push_str(&piece),
                Event::SoftBreak => text.push(' '),
                _ => {}
            }
        }
        Glossary(texts)
    }

    /// What `theme/glossary.js` needs to show the texts of the terms that this page links to. Empty if there
    /// are none.
    pub fn of_page(&self, page: &str) -> String {
        let links = page.split("glossary.md#").skip(1);
        let ids = links.filter_map(|rest| rest.split(|at| !is_of_id(at)).next());
        let terms: BTreeMap<&str, &String> =
            ids.filter_map(|id| Some((id, self.0.get(id)?))).collect();
        if terms.is_empty() {
            return String::new();
        }
        // HTML has no escapes within a script, and a `</script>` in the data would end it.
        let data = json!(terms).to_string().replace('<', "\\u003c");
        format!("\n\n<script type=\"application/json\" class=\"terms\">{data}</script>\n")
    }
}

/// As mdBook makes an id of a term.
fn id_of(term: &str) -> String {
    let characters = term.trim().chars().flat_map(char::to_lowercase);
    let dashed = characters.map(|at| if at.is_whitespace() { '-' } else { at });
    dashed.filter(|at| is_of_id(*at)).collect()
}

fn is_of_id(at: char) -> bool {
    at.is_alphanumeric() || at == '_' || at == '-'
}

/// The text without the reference to a page at its end.
fn without_more(text: &str) -> String {
    let text = text.split("More:").next().unwrap_or(text);
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLOSSARY: &str = "# Glossary\n\nEMFILE, ENFILE\n: No descriptor is\n  *free*. More: [Running\n  out](x.md)\n\n\
        <span id=\"limit\"></span>FD_SETSIZE\n: See `select`.\n";

    #[test]
    fn a_page_gets_the_texts_of_the_terms_it_links_to() {
        let glossary = Glossary::parse(GLOSSARY);
        let page = "[a](../glossary.md#emfile-enfile), [b](../glossary.md#emfile-enfile), [c](../glossary.md#x).";
        let data = glossary.of_page(page);
        assert!(
            data.contains(">{\"emfile-enfile\":\"No descriptor is free.\"}<"),
            "{data}"
        );
        assert!(
            glossary
                .of_page("<a href=\"glossary.md#fd_setsize\">")
                .contains("See select.")
        );
        assert!(
            glossary
                .of_page("[a](glossary.md#limit)")
                .contains("See select.")
        );
        assert_eq!(glossary.of_page("No link, but [one](glossary.md)."), "");
    }
}
