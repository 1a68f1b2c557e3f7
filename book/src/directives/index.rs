//! `index`: all concepts, and where each style has them.

use super::{Block, Rendered};
use crate::concepts::Concept;
use crate::html;
use crate::style::Style;
use crate::tags::{self, Tag};

pub fn render(block: &Block) -> Rendered {
    let mut table = String::from("<div class=\"concept-index\">\n\n| concept |");
    for style in Style::ALL {
        table.push_str(&format!(" {} |", style.heading()));
    }
    table.push_str("\n|---|---|---|---|---|\n");
    for concept in &block.workspace.concepts {
        let page = format!("{}{}", block.to_root(), concept.page);
        table.push_str(&format!("| [{}]({page}) |", concept.title));
        for style in Style::ALL {
            table.push_str(&format!(" {} |", cell(block, concept, style, &page)));
        }
        table.push('\n');
    }
    table.push_str("\n</div>");
    Ok(table)
}

fn cell(block: &Block, concept: &Concept, style: Style, page: &str) -> String {
    if let Some(reason) = concept.not_applicable_to(style) {
        let reason = html::escape(reason);
        return format!("<span class=\"nothing\" title=\"{reason}\">{reason}</span>");
    }
    let has_panes = block
        .workspace
        .read(&format!("book/md/{}", concept.page))
        .is_ok_and(|text| has_panes(&text, &concept.id));
    let pane = match has_panes {
        true => format!("{page}#{}-{}", concept.id, style.name()),
        false => page.to_owned(),
    };
    let tags = tags::of(&block.workspace.tags, &concept.id, style);
    let mut links: Vec<String> = tags.filter_map(|tag| link(tag, &pane)).collect();
    // A function can have several tags.
    links.dedup();
    links.join("<br>")
}

/// Whether a comparison of the page has this id.
fn has_panes(page: &str, id: &str) -> bool {
    let lines = ["concept", "sketches"].map(|word| format!("{word}: {id}"));
    page.lines()
        .any(|line| lines.iter().any(|named| line == named))
}

/// The function's name, which links to the panes, with its place as a title. A narrow column can break it
/// after `::` and `_`.
fn link(tag: &Tag, pane: &str) -> Option<String> {
    let item = tag.item.as_ref()?;
    let name = html::escape(&item.name);
    let name = name.replace("::", "::<wbr>").replace('_', "_<wbr>");
    let place = format!("{}:{}", tag.path, item.code_line);
    Some(format!("[<code>{name}</code>]({pane} \"{place}\")"))
}
