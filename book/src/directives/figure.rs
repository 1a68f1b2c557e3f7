//! `figure`: a drawing from `book/figures`, and its caption.

use anyhow::anyhow;

use super::{Block, Rendered, block_error};
use crate::html::{self, Element};

pub fn render(block: &Block) -> Rendered {
    let Some((offset, name)) = block.lines().next() else {
        return Err(block_error(anyhow!(
            "the name of a figure, and its caption"
        )));
    };
    let caption = block.fence.body[offset..].join("\n");
    if caption.trim().is_empty() {
        return Err(block_error(anyhow!("the figure {name} has no caption")));
    }
    let path = format!("book/figures/{name}.svg");
    let svg = block.workspace.read(&path).map_err(block_error)?;
    let problems = problems(name, &svg).into_iter();
    let problems: Vec<_> = problems
        .flat_map(|(line, text)| block_error(anyhow!("{path}:{line}: {text}")))
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(format!(
        "<figure class=\"drawing\">\n{}\n<figcaption>\n\n{}\n\n</figcaption>\n</figure>",
        without_empty_lines(&svg),
        caption.trim()
    ))
}

/// Markdown ends a block of HTML at an empty line.
fn without_empty_lines(svg: &str) -> String {
    let lines: Vec<&str> = svg.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n")
}

/// What keeps the drawing from being part of any page in any theme, with its line.
fn problems(name: &str, svg: &str) -> Vec<(usize, String)> {
    let elements = html::elements(svg);
    let mut problems: Vec<_> = elements
        .iter()
        .flat_map(|element| {
            let problems = element_problems(name, element).into_iter();
            problems.map(|text| (element.line, text))
        })
        .collect();
    if elements.iter().all(|element| element.name != "title") {
        problems.push((1, "it has no <title>".to_owned()));
    }
    problems
}

fn element_problems(name: &str, element: &Element) -> Vec<String> {
    let mut problems = Vec::new();
    if matches!(element.name.as_str(), "style" | "script") {
        problems.push(format!("a <{}> applies to the whole page", element.name));
    }
    if let Some(id) = element.get("id").filter(|id| !id.starts_with(name)) {
        problems.push(format!("the id {id:?} doesn't begin with {name}"));
    }
    let attributes = element.attributes.iter();
    let attributes = attributes.map(|(name, value)| (name.as_str(), value.as_str()));
    let style = element.get("style").unwrap_or_default().split(';');
    let properties = attributes.chain(style.filter_map(|property| property.split_once(':')));
    for (property, value) in properties {
        if is_of_colour(property.trim()) && !follows_theme(value.trim()) {
            problems.push(format!(
                "{} has the fixed colour {}",
                property.trim(),
                value.trim()
            ));
        }
    }
    problems
}

fn is_of_colour(property: &str) -> bool {
    matches!(property, "fill" | "stroke" | "background") || property.ends_with("color")
}

/// The words of colours that change with the theme.
const THEME_WORDS: [&str; 11] = [
    "var",
    "color-mix",
    "in",
    "srgb",
    "oklab",
    "currentColor",
    "transparent",
    "inherit",
    "none",
    "context-fill",
    "context-stroke",
];

fn follows_theme(colour: &str) -> bool {
    let mut words = colour
        .split(['(', ')', ',', ' '])
        .filter(|word| !word.is_empty());
    let is_allowed = |word: &str| {
        word.starts_with("--")
            || word.ends_with('%')
            || THEME_WORDS
                .iter()
                .any(|allowed| word.eq_ignore_ascii_case(allowed))
    };
    // A pattern or a gradient of the drawing itself, whose colours are checked too.
    colour.starts_with("url(#") || words.all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_a_title_own_ids_and_colours_of_the_theme() {
        let good = "<svg style=\"max-width: 64rem; color: var(--fg)\">\n<title id=\"loop-title\">A loop</title>\n\
            <rect id=\"loop\" fill=\"none\" stroke=\"currentColor\"/>\n\
            <path fill=\"color-mix(in srgb, var(--links) 22%, transparent)\" stroke=\"url(#loop-hatch)\"/></svg>";
        assert_eq!(problems("loop", good), []);
        for (from, to, says) in [
            (
                "<title id=\"loop-title\">A loop</title>",
                "",
                "1: it has no <title>",
            ),
            (
                "id=\"loop\"",
                "id=\"box\"",
                "3: the id \"box\" doesn't begin with loop",
            ),
            (
                "fill=\"none\"",
                "fill=\"white\"",
                "3: fill has the fixed colour white",
            ),
            (
                "22%, transparent",
                "22%, #fff",
                "4: fill has the fixed colour color-mix(",
            ),
            (
                "color: var(--fg)",
                "color: black",
                "1: color has the fixed colour black",
            ),
            (
                "</svg>",
                "<style>p {}</style></svg>",
                "4: a <style> applies",
            ),
        ] {
            let found = problems("loop", &good.replace(from, to));
            assert_eq!(found.len(), 1, "{to}: {found:?}");
            let (line, text) = &found[0];
            assert!(format!("{line}: {text}").starts_with(says), "{found:?}");
        }
    }
}
