//! One order: the sidebar's.

use super::Site;
use crate::concepts::Concept;
use crate::problem::Problem;

/// The concepts are listed in the order of their pages in the sidebar.
pub fn all(site: &Site) -> Vec<Problem> {
    let summary = site.workspace.read("book/md/SUMMARY.md");
    let summary = summary.unwrap_or_default();
    let order: Vec<&str> = summary.lines().flat_map(pages_in).collect();
    let problem = concept_problem(&site.workspace.concepts, &order);
    problem.into_iter().collect()
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
}
