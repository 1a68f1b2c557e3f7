//! The README's concept table: for each concept and each style, the function to read.
//!
//! A link contains the function's line, so that GitHub and most other hosts show the function, and not the
//! top of its file. So the table goes stale when a line of a style moves, and [`check`] reports that.

use std::fs;

use anyhow::{Context, Result};

use crate::concepts::Concept;
use crate::problem::Problem;
use crate::style::Style;
use crate::tags::{self, Tag};
use crate::workspace::Workspace;

const README: &str = "README.md";

/// The lines around the table.
const BEGIN: &str = "<!-- The concept table. `cargo run -p book -- readme` writes it; edits by hand are lost. -->\n";
const END: &str = "<!-- End of the concept table. -->\n";

/// Writes the table into the README again.
///
/// # Errors
/// The README can't be read or written, or the lines around the table are missing.
pub fn write(workspace: &Workspace) -> Result<()> {
    let renewed = renew(workspace, &workspace.read(README)?)?;
    fs::write(workspace.root.join(README), renewed)
        .with_context(|| format!("cannot write {README}"))
}

/// What is wrong with the table, if anything.
pub fn check(workspace: &Workspace) -> Option<Problem> {
    let stale = workspace.read(README).and_then(|text| {
        let renewed = renew(workspace, &text)?;
        Ok(first_difference(&text, &renewed))
    });
    match stale {
        Ok(None) => None,
        Ok(Some(line)) => {
            let text = "the concept table is stale: `cargo run -p book -- readme` writes it again";
            Some(Problem::new(README, line, text))
        }
        Err(error) => Some(Problem::new(README, 0, format!("{error:#}"))),
    }
}

/// The number of the first line that differs.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    let same = one.lines().zip(other.lines());
    let same = same.take_while(|(one, other)| one == other).count();
    (one != other).then_some(same + 1)
}

/// The text of the README, with the present table.
fn renew(workspace: &Workspace, text: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| missing(BEGIN))?;
    let (_, after) = rest.split_once(END).with_context(|| missing(END))?;
    let table = table(&workspace.concepts, &workspace.tags);
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

fn missing(line: &str) -> String {
    format!("{README} has no line {:?}", line.trim())
}

/// A row for each concept that at least one style has code for.
fn table(concepts: &[Concept], tags: &[Tag]) -> String {
    let names = Style::ALL.map(Style::name).join(" | ");
    let mut table = format!("| concept | {names} |\n|---|---|---|---|---|\n");
    for concept in concepts {
        if tags.iter().any(|tag| tag.concept == concept.id) {
            let cells = Style::ALL.map(|style| cell(concept, style, tags));
            table.push_str(&format!(
                "| [{}](book/md/{}) | {} |\n",
                concept.title,
                concept.page,
                cells.join(" | ")
            ));
        }
    }
    table
}

/// The first function of the style that is tagged with the concept, or why there is none.
fn cell(concept: &Concept, style: Style, tags: &[Tag]) -> String {
    let mut tags = tags::of(tags, &concept.id, style);
    match tags.find_map(|tag| Some((&tag.path, tag.item.as_ref()?))) {
        Some((path, item)) => format!("[`{}`]({path}#L{})", item.name, item.code_line),
        None => format!(
            "– ({})",
            concept.not_applicable_to(style).unwrap_or("no tag")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items;

    fn tag(style: Style, line: usize) -> Tag {
        let source = "\n".repeat(line - 1) + "fn handle_read() {}";
        Tag {
            concept: "framing".to_owned(),
            style,
            path: format!("{}/src/echo.rs", style.program()),
            line,
            item: items::parse(&source).unwrap().pop(),
        }
    }

    #[test]
    fn a_row_links_to_the_first_function_or_gives_the_reason() {
        let concept = |id: &str, styles: &[Style]| Concept {
            id: id.to_owned(),
            title: format!("About {id}"),
            page: format!("concepts/{id}.md"),
            not_applicable: styles
                .iter()
                .map(|style| (style.name().to_owned(), "no lines".to_owned()))
                .collect(),
        };
        let others = [Style::Dispatcher, Style::Reactor];
        let concepts = [concept("framing", &others), concept("nagle", &Style::ALL)];
        let tags = [
            tag(Style::Select, 7),
            tag(Style::Select, 9),
            tag(Style::Chat, 3),
        ];
        let expected = "\
            | concept | select | dispatcher | chat | reactor |\n\
            |---|---|---|---|---|\n\
            | [About framing](book/md/concepts/framing.md) \
            | [`handle_read`](select-echo/src/echo.rs#L7) | – (no lines) \
            | [`handle_read`](chat-echo/src/echo.rs#L3) | – (no lines) |\n";
        assert_eq!(table(&concepts, &tags), expected);
    }

    #[test]
    fn a_stale_table_is_reported_with_its_line() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\n", "a\nc\n"), Some(2));
    }
}
