//! One order: the sidebar's.

use super::{Site, in_page};
use crate::concepts::Concept;
use crate::problem::Problem;
use crate::workspace::Page;

/// The part of the first page that lists all pages.
const READING: &str = "## How to read this book";

/// The concepts are listed in the order of their pages in the sidebar, and *How to read this book* names all
/// pages in that order.
pub fn all(site: &Site) -> Vec<Problem> {
    let summary = site.workspace.read("book/md/SUMMARY.md");
    let summary = summary.unwrap_or_default();
    // The indented ones belong to the page above them.
    let lines = summary.lines().filter(|line| !line.starts_with(' '));
    let order: Vec<&str> = lines.flat_map(pages_in).collect();
    let mut pages = site.pages.iter();
    let first = pages.find(|page| order.first() == Some(&page.path.as_str()));
    let reading = first.and_then(|page| reading_problem(page, &order));
    let concepts = concept_problem(&site.workspace.concepts, &order);
    concepts.into_iter().chain(reading).collect()
}

/// The pages that a line links to.
fn pages_in(line: &str) -> impl Iterator<Item = &str> {
    let addresses = line.split("](").skip(1);
    addresses.filter_map(|rest| {
        let address = rest.split([')', '#']).next()?;
        (address.ends_with(".md") && !address.contains(':')).then_some(address)
    })
}

/// The first concept that isn't in the sidebar's order.
fn concept_problem(concepts: &[Concept], order: &[&str]) -> Option<Problem> {
    let sorted = order
        .iter()
        .filter(|path| concepts.iter().any(|concept| concept.page == **path));
    let (concept, page) = concepts
        .iter()
        .zip(sorted)
        .find(|(concept, page)| concept.page != **page)?;
    let text = format!("{}: in the sidebar, {page} comes first", concept.id);
    Some(Problem::new("book/concepts.toml", 0, text))
}

/// Where the list of pages, which ends at the first bullet, isn't the sidebar's.
fn reading_problem(page: &Page, order: &[&str]) -> Option<Problem> {
    let lines = page.text.lines().enumerate();
    let list = lines
        .skip_while(|(_, line)| *line != READING)
        .skip(1)
        .take_while(|(_, line)| !line.starts_with("- ") && !line.starts_with("## "));
    let mut links =
        list.flat_map(|(index, line)| pages_in(line).map(move |path| (index + 1, path)));
    for wanted in order.iter().filter(|path| **path != page.path) {
        match links.next() {
            Some((_, found)) if found == *wanted => {}
            Some((line, found)) => {
                let text = format!("in the sidebar, {wanted} comes before {found}");
                return Some(in_page(page, line, text));
            }
            None => {
                let text = format!("{READING:?} has no link to {wanted}");
                return Some(in_page(page, 0, text));
            }
        }
    }
    let (line, more) = links.next()?;
    Some(in_page(page, line, format!("a second link to {more}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concepts_are_in_the_order_of_the_sidebar() {
        let concept = |id: &str| Concept {
            id: id.to_owned(),
            title: id.to_owned(),
            page: format!("{id}.md"),
            not_applicable: Default::default(),
        };
        let concepts = [concept("a"), concept("b")];
        assert_eq!(
            concept_problem(&concepts, &["why.md", "a.md", "c.md", "b.md"]),
            None
        );
        let problem = concept_problem(&concepts, &["b.md", "a.md"]).unwrap();
        assert_eq!(problem.text, "a: in the sidebar, b.md comes first");
    }

    #[test]
    fn the_first_page_names_all_pages_in_the_order_of_the_sidebar() {
        let page = |text: &str| Page {
            path: "why.md".to_owned(),
            text: format!("# Why\n\n[b](b.md)\n\n{READING}\n\n{text}"),
        };
        let problem = |text: &str| {
            let problem = reading_problem(&page(text), &["why.md", "a.md", "b.md"])?;
            Some((problem.line, problem.text))
        };
        assert_eq!(
            problem("1. [a](a.md#x),\n2. [b](b.md)\n\n- [b](b.md)\n"),
            None
        );
        assert_eq!(problem("[a](a.md)\n[b](b.md)\n## More\n[b](b.md)\n"), None);
        for (text, line, says) in [
            (
                "1. [b](b.md)\n2. [a](a.md)\n",
                7,
                "in the sidebar, a.md comes before b.md",
            ),
            (
                "1. [a](a.md)\n",
                0,
                "\"## How to read this book\" has no link to b.md",
            ),
            (
                "[a](a.md), [b](b.md),\n[a](a.md)\n",
                8,
                "a second link to a.md",
            ),
        ] {
            assert_eq!(problem(text), Some((line, says.to_owned())));
        }
    }
}
