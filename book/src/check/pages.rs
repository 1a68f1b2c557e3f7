//! The structure of pages.

use super::{Site, in_page, in_site};
use crate::directives;
use crate::fence;
use crate::problem::Problem;
use crate::workspace::Page;

/// The headings of a concept's page, in this order.
const HEADINGS: [&str; 7] = [
    "The contract's line",
    "Predict",
    "Side by side",
    "The traces",
    "The count",
    "Try it yourself",
    "In real systems",
];

/// Every directive was expanded.
pub fn raw_directives(site: &Site) -> Vec<Problem> {
    let mut problems = Vec::new();
    for page in &site.built {
        let codes = page
            .elements
            .iter()
            .filter(|element| element.name == "code");
        for code in codes {
            let mut classes = code.get("class").unwrap_or_default().split(' ');
            let language = classes.find_map(|class| class.strip_prefix("language-"));
            let name = language.unwrap_or_default();
            let name = name.split([',', '{']).next().unwrap_or_default();
            if directives::is_directive(name) {
                let text = format!("the directive {name} is not expanded");
                problems.push(in_site(site, page, code.line, &format!("```{name}"), text));
            }
        }
    }
    problems
}

/// The pages of concepts all have the same headings, in the same order.
pub fn headings(site: &Site) -> Vec<Problem> {
    let concepts = site.pages.iter();
    let concepts = concepts.filter(|page| page.path.starts_with("concepts/"));
    concepts.filter_map(headings_of).collect()
}

fn headings_of(page: &Page) -> Option<Problem> {
    let fences = fence::all(&page.text);
    let is_in_fence = |line: usize| {
        fences
            .iter()
            .any(|fence| (fence.first..=fence.last).contains(&line))
    };
    let lines = page.text.lines().enumerate();
    let lines = lines.map(|(index, line)| (index + 1, line));
    let headings: Vec<(usize, &str)> = lines
        .filter(|(line, _)| !is_in_fence(*line))
        .filter_map(|(line, text)| Some((line, text.strip_prefix("## ")?.trim())))
        .collect();
    for (index, wanted) in HEADINGS.iter().enumerate() {
        match headings.get(index) {
            Some((_, found)) if found == wanted => {}
            Some((line, found)) => {
                let text = format!("expected the heading \"{wanted}\", found \"{found}\"");
                return Some(in_page(page, *line, text));
            }
            None => {
                let last = page.text.lines().count();
                return Some(in_page(page, last, format!("\"{wanted}\" is missing")));
            }
        }
    }
    let (line, more) = headings.get(HEADINGS.len())?;
    Some(in_page(
        page,
        *line,
        format!("\"{more}\" is one heading too many"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Option<String> {
        let page = Page {
            path: "concepts/x.md".to_owned(),
            text: text.to_owned(),
        };
        headings_of(&page).map(|problem| problem.to_string())
    }

    #[test]
    fn headings_are_checked_in_order() {
        let headings = HEADINGS.map(|heading| format!("## {heading}\n"));
        let good = format!("# X\n{}", headings.concat());
        assert_eq!(page(&good), None);
        let fenced = good.replace("## Predict", "~~~\n## x\n~~~\n## Predict");
        assert_eq!(page(&fenced), None);
        for (bad, says) in [
            (
                headings[1..].concat(),
                "book/md/concepts/x.md:1: expected the heading \"The contract's line\", found \"Predict\"",
            ),
            (headings[..6].concat(), "book/md/concepts/x.md:6: \"In real"),
            (
                format!("{good}## More\n"),
                "book/md/concepts/x.md:9: \"More\"",
            ),
        ] {
            let problem = page(&bad).unwrap();
            assert!(problem.starts_with(says), "{problem}");
        }
    }
}
