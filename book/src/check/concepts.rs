//! All four styles, concept by concept.

use super::Site;
use crate::concept_table;
use crate::concepts::Concept;
use crate::problem::Problem;
use crate::style::Style;
use crate::tags::{self, Tag};

/// Each concept is tagged in all four styles, or has a reason why not; and no tag has an
/// unknown concept.
pub fn tags(site: &Site) -> Vec<Problem> {
    let (concepts, tags) = (&site.workspace.concepts, &site.workspace.tags);
    let mut problems: Vec<Problem> = tags
        .iter()
        .filter_map(|tag| tag_problem(concepts, tag))
        .collect();
    for concept in concepts {
        for style in Style::ALL {
            problems.extend(style_problem(concept, style, tags));
        }
    }
    problems
}

/// What is wrong with a tag by itself.
fn tag_problem(concepts: &[Concept], tag: &Tag) -> Option<Problem> {
    let text = if concepts.iter().all(|concept| concept.id != tag.concept) {
        format!("there is no concept {}", tag.concept)
    } else if tag.item.is_none() {
        format!("no item follows the tag {}", tag.concept)
    } else {
        return None;
    };
    Some(Problem::new(&tag.path, tag.line, text))
}

/// What is wrong with a concept in one style.
fn style_problem(concept: &Concept, style: Style, tags: &[Tag]) -> Option<Problem> {
    let tag = tags::of(tags, &concept.id, style).next();
    match (tag, concept.not_applicable_to(style)) {
        (None, None) => {
            let text = format!("no // CONCEPT: {} in {}", concept.id, style.program());
            Some(Problem::new("book/concepts.toml", 0, text))
        }
        (Some(tag), Some(reason)) => {
            let text = format!("{}: said to be not applicable: {reason}", concept.id);
            Some(Problem::new(&tag.path, tag.line, text))
        }
        _ => None,
    }
}

/// Each concept has its page, which is in the summary.
pub fn pages(site: &Site) -> Vec<Problem> {
    let summary = site
        .workspace
        .read("book/md/SUMMARY.md")
        .unwrap_or_default();
    let is_missing = |concept: &&Concept| !summary.contains(&format!("({})", concept.page));
    let missing = site.workspace.concepts.iter().filter(is_missing);
    missing
        .map(|concept| {
            let text = format!("{} is not in it", concept.page);
            Problem::new("book/md/SUMMARY.md", 0, text)
        })
        .collect()
}

/// The README's table matches the present code.
pub fn table(site: &Site) -> Vec<Problem> {
    concept_table::check(&site.workspace).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items;

    fn tag(concept: &str) -> Tag {
        Tag {
            concept: concept.to_owned(),
            style: Style::Chat,
            path: "chat-echo/src/x.rs".to_owned(),
            line: 3,
            item: items::parse("fn x() {}").unwrap().pop(),
        }
    }

    fn concept(reason: Option<&str>) -> Concept {
        let reason = reason.map(|reason| ("chat".to_owned(), reason.to_owned()));
        Concept {
            id: "framing".to_owned(),
            title: "Framing".to_owned(),
            page: "concepts/framing.md".to_owned(),
            not_applicable: reason.into_iter().collect(),
        }
    }

    #[test]
    fn a_tag_names_a_known_concept() {
        assert!(tag_problem(&[concept(None)], &tag("framing")).is_none());
        assert!(tag_problem(&[concept(None)], &tag("frming")).is_some());
        let nowhere = Tag {
            item: None,
            ..tag("framing")
        };
        assert!(tag_problem(&[concept(None)], &nowhere).is_some());
    }

    #[test]
    fn each_style_has_a_tag_or_a_reason() {
        let sides = |concept: &Concept, tags: &[Tag]| {
            style_problem(concept, Style::Chat, tags).map(|problem| problem.to_string())
        };
        assert_eq!(sides(&concept(None), &[tag("framing")]), None);
        assert_eq!(sides(&concept(Some("why")), &[]), None);
        assert!(sides(&concept(None), &[tag("timers")]).is_some());
        assert!(sides(&concept(Some("why")), &[tag("framing")]).is_some());
    }
}
