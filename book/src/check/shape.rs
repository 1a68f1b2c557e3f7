//! The shape of concept pages: what each of their parts has.

use std::ops::RangeInclusive;

use super::{Site, in_page};
use crate::directives;
use crate::fence::{self, Fence};
use crate::problem::Problem;
use crate::workspace::{Page, Workspace};

/// A part of a page: its heading, and the directives of which it has one, how often.
type Part = (
    &'static str,
    Option<(&'static [&'static str], RangeInclusive<usize>)>,
);

/// Once or more often.
const SOME: RangeInclusive<usize> = 1..=usize::MAX;

/// The parts of a concept page, in this order.
const PARTS: [Part; 8] = [
    ("The idea", Some((&["figure"], SOME))),
    ("Predict", Some((&["predict"], SOME))),
    ("Side by side", None),
    ("Watch it", Some((&["trace", "try"], SOME))),
    ("Try it", Some((&["try"], SOME))),
    ("In real systems", None),
    ("Summary", Some((&[ITEM], 2..=4))),
    ("Questions", Some((&["question"], 2..=4))),
];

/// An item of a list, which is counted as directives are.
const ITEM: &str = "list item";

/// How many lines of Rust a pane can have, so that all four fit on a screen.
const MOST_LINES: usize = 20;

/// Each concept page has all parts, and each part has what belongs to it.
pub fn parts(site: &Site) -> Vec<Problem> {
    concept_pages(site).flat_map(parts_of).collect()
}

/// No pane of a concept page is long.
pub fn panes(site: &Site) -> Vec<Problem> {
    let pages = concept_pages(site);
    pages
        .flat_map(|page| long_panes(&site.workspace, page))
        .collect()
}

fn concept_pages(site: &Site) -> impl Iterator<Item = &Page> {
    let concepts = &site.workspace.concepts;
    let pages = site.pages.iter();
    pages.filter(|page| concepts.iter().any(|concept| concept.page == page.path))
}

fn parts_of(page: &Page) -> Vec<Problem> {
    let fences = fence::all(&page.text);
    let lines: Vec<(usize, &str)> = outside(&fences, &page.text).collect();
    let headings: Vec<(usize, &str)> = lines
        .iter()
        .filter_map(|(line, text)| Some((*line, text.strip_prefix("## ")?.trim())))
        .collect();
    if let Some(problem) = heading_problem(page, &headings) {
        return vec![problem];
    }
    let found = content(&fences, &lines);
    let ends = headings.iter().skip(1).map(|(line, _)| *line);
    let ends = ends.chain([usize::MAX]);
    let parts = headings.iter().zip(ends).zip(&PARTS);
    let problems = parts.filter_map(|(((first, heading), end), (_, wanted))| {
        let (what, times) = wanted.as_ref()?;
        let here = found
            .iter()
            .filter(|(line, name)| what.contains(&name.as_str()) && (*first..end).contains(line));
        let count = here.count();
        let text = format!(
            "\"{heading}\" has {count} × {}, expected {}",
            what.join(" or "),
            written(times)
        );
        (!times.contains(&count)).then(|| in_page(page, *first, text))
    });
    problems.collect()
}

/// The lines outside of fences, from 1.
fn outside<'a>(fences: &'a [Fence], text: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let lines = text.lines().enumerate();
    let lines = lines.map(|(index, line)| (index + 1, line));
    lines.filter(|(line, _)| {
        let mut ranges = fences.iter().map(|fence| fence.first..=fence.last);
        !ranges.any(|range| range.contains(line))
    })
}

/// The first heading that is wrong.
fn heading_problem(page: &Page, headings: &[(usize, &str)]) -> Option<Problem> {
    for (index, (wanted, _)) in PARTS.iter().enumerate() {
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
    let (line, more) = headings.get(PARTS.len())?;
    let text = format!("\"{more}\" is one heading too many");
    Some(in_page(page, *line, text))
}

/// What the parts are made of, each with its line.
fn content(fences: &[Fence], lines: &[(usize, &str)]) -> Vec<(usize, String)> {
    let directives = fences.iter().map(|fence| (fence.first, fence.info.clone()));
    let others = lines.iter().filter_map(|(line, text)| {
        let name = match text {
            text if text.starts_with("<figure") => "figure",
            text if text.starts_with("- ") => ITEM,
            _ => return None,
        };
        Some((*line, name.to_owned()))
    });
    directives.chain(others).collect()
}

fn written(times: &RangeInclusive<usize>) -> String {
    match *times == SOME {
        true => "some".to_owned(),
        false => format!("{} to {}", times.start(), times.end()),
    }
}

fn long_panes(workspace: &Workspace, page: &Page) -> Vec<Problem> {
    let fences = fence::all(&page.text).into_iter();
    let compares = fences.filter(|fence| fence.info == "compare");
    compares
        .flat_map(|fence| {
            let line = fence.first;
            let lengths = directives::pane_lengths(workspace, &page.path, fence);
            let long = lengths.into_iter().filter(|(_, lines)| *lines > MOST_LINES);
            long.map(move |(style, lines)| {
                let name = style.name();
                let text =
                    format!("the pane {name} has {lines} lines, expected at most {MOST_LINES}");
                in_page(page, line, text)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
# X
## The idea
<figure>
</figure>

## Predict
```predict
Q?

A.
```
## Side by side
## Watch it
```trace
x
```
## Try it
```try
$ true
```
## In real systems
## Summary
- a
- b
## Questions
```question
Q?

A.
```
~~~ question
Q?

## A.
~~~
";

    fn problems(text: &str) -> Vec<String> {
        let page = Page {
            path: "concepts/x.md".to_owned(),
            text: text.to_owned(),
        };
        let problems = parts_of(&page).into_iter();
        problems.map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn a_page_has_all_parts_with_what_belongs_to_them() {
        assert_eq!(problems(GOOD), [""; 0]);
        let drawn = GOOD.replace("<figure>\n</figure>", "```figure\nx\nA caption.\n```");
        assert_eq!(problems(&drawn), [""; 0]);
        for (from, to, says) in [
            (
                "## Predict\n",
                "",
                "11: expected the heading \"Predict\", found \"Side by side\"",
            ),
            (
                "## Summary",
                "## Summing up",
                "22: expected the heading \"Summary\"",
            ),
            (
                "# X\n## The idea",
                "# X\n## Before\n## The idea",
                "2: expected the heading \"The idea\"",
            ),
            (
                "~~~ question",
                "## More\n~~~ question",
                "31: \"More\" is one heading too many",
            ),
            (
                "<figure>",
                "<p>",
                "2: \"The idea\" has 0 × figure, expected some",
            ),
            (
                "```trace",
                "```text",
                "13: \"Watch it\" has 0 × trace or try, expected some",
            ),
            (
                "- b\n",
                "",
                "22: \"Summary\" has 1 × list item, expected 2 to 4",
            ),
            (
                "- b",
                "- b\n- c\n- d\n- e",
                "22: \"Summary\" has 5 × list item",
            ),
            (
                "~~~ question",
                "~~~ text",
                "25: \"Questions\" has 1 × question",
            ),
        ] {
            let found = problems(&GOOD.replace(from, to));
            assert_eq!(found.len(), 1, "{to}: {found:?}");
            let start = format!("book/md/concepts/x.md:{says}");
            assert!(found[0].starts_with(&start), "{found:?}");
        }
    }

    #[test]
    fn a_long_pane_is_reported() {
        let workspace = Workspace::here().unwrap();
        let page = |item: &str| Page {
            path: "concepts/x.md".to_owned(),
            text: format!(
                "\n```compare\nselect: {item}\ndispatcher: - x\nchat: - x\nreactor: - x\n```\n"
            ),
        };
        let short = page("book/src/style.rs::Style::named");
        assert_eq!(long_panes(&workspace, &short), []);
        let problems = long_panes(&workspace, &page("book/src/style.rs"));
        let text = problems[0].to_string();
        assert!(
            text.starts_with("book/md/concepts/x.md:2: the pane select has "),
            "{text}"
        );
    }
}
