//! `compare`: the same thing in the four styles, side by side.

use anyhow::{Context, Result, anyhow};

use super::{Block, BlockError, Rendered, block_error, snippet};
use crate::excerpt::Excerpt;
use crate::html;
use crate::sketches::{self, Sketch};
use crate::style::Style;
use crate::tags::{self, Tag};
use crate::workspace::Workspace;

/// The content of one of the four panes.
enum Pane {
    Code(Vec<Excerpt>),
    /// The style has no code for it, for this reason.
    Nothing(String),
}

impl Pane {
    /// How many lines of Rust it has.
    fn lines(&self) -> usize {
        match self {
            Pane::Code(excerpts) => {
                let parts = excerpts.iter().flat_map(|excerpt| &excerpt.parts);
                parts.map(Vec::len).sum()
            }
            Pane::Nothing(_) => 0,
        }
    }
}

pub fn render(block: &Block) -> Rendered {
    let sketches = match shown_sketches(block) {
        Some(name) => sketches::named(block.workspace, name).map_err(block_error)?,
        None => Vec::new(),
    };
    let panes = panes(block)?;
    compare(block.workspace, &id(block), &panes, &sketches).map_err(block_error)
}

/// What each style has.
fn panes(block: &Block) -> Result<Vec<(Style, Pane)>, Vec<BlockError>> {
    match concept(block) {
        Some(id) => of_concept(block.workspace, id).map_err(block_error),
        None => listed(block),
    }
}

/// How many lines of Rust each style has.
pub fn lengths(block: &Block) -> Result<Vec<(Style, usize)>, Vec<BlockError>> {
    let panes = panes(block)?;
    let lengths = panes.iter().map(|(style, pane)| (*style, pane.lines()));
    Ok(lengths.collect())
}

/// The id of the comparison.
fn id(block: &Block) -> String {
    match concept(block).or_else(|| shown_sketches(block)) {
        Some(name) => name.to_owned(),
        None => format!("compare-{}", block.line),
    }
}

/// The concept whose functions it compares, if it doesn't list them.
fn concept<'a>(block: &'a Block) -> Option<&'a str> {
    let id = lines(block).find_map(|(_, line)| line.strip_prefix("concept:"));
    id.map(str::trim)
}

/// The name of the sketches, if this line contains it.
pub fn sketch_name(line: &str) -> Option<&str> {
    line.trim().strip_prefix("sketches:").map(str::trim)
}

fn shown_sketches<'a>(block: &'a Block) -> Option<&'a str> {
    block.lines().find_map(|(_, line)| sketch_name(line))
}

/// The lines that say what Rust the panes have.
fn lines<'a>(block: &'a Block) -> impl Iterator<Item = (usize, &'a str)> {
    block
        .lines()
        .filter(|(_, line)| sketch_name(line).is_none())
}

fn of_concept(workspace: &Workspace, id: &str) -> Result<Vec<(Style, Pane)>> {
    let panes = Style::ALL.into_iter();
    let panes = panes.map(|style| Ok((style, tagged(workspace, id, style)?)));
    panes.collect()
}

/// The items of a style that are tagged with the concept.
fn tagged(workspace: &Workspace, id: &str, style: Style) -> Result<Pane> {
    let mut concepts = workspace.concepts.iter();
    let concept = concepts
        .find(|concept| concept.id == id)
        .with_context(|| format!("no concept {id} in book/concepts.toml"))?;
    if let Some(reason) = concept.not_applicable_to(style) {
        return Ok(Pane::Nothing(reason.to_owned()));
    }
    let tags: Vec<&Tag> = tags::of(&workspace.tags, id, style).collect();
    if tags.is_empty() {
        return Err(anyhow!("{} has no // CONCEPT: {id}", style.program()));
    }
    let files = tags.chunk_by(|one, other| one.path == other.path);
    let excerpts: Result<Vec<Excerpt>> = files.map(|tags| of_file(workspace, tags)).collect();
    Ok(Pane::Code(excerpts?))
}

/// The tagged items of one file.
fn of_file(workspace: &Workspace, tags: &[&Tag]) -> Result<Excerpt> {
    let path = &tags[0].path;
    let mut items: Vec<_> = tags.iter().filter_map(|tag| tag.item.as_ref()).collect();
    items.dedup();
    Excerpt::of_items(path, &workspace.read(path)?, &items)
}

/// The items that the page names, style by style. A style can have several lines.
fn listed(block: &Block) -> Result<Vec<(Style, Pane)>, Vec<BlockError>> {
    let mut panes: Vec<(Style, Pane)> = Vec::new();
    let mut errors = Vec::new();
    for (offset, line) in lines(block) {
        match listed_line(block.workspace, line) {
            Ok((style, pane)) => add(&mut panes, style, pane),
            Err(error) => errors.push(BlockError::new(offset, &error)),
        }
    }
    let is_missing = |style: &Style| panes.iter().all(|(of, _)| of != style);
    let missing: Vec<_> = Style::ALL.into_iter().filter(is_missing).collect();
    if !missing.is_empty() && errors.is_empty() {
        let names: Vec<_> = missing.iter().map(|style| style.name()).collect();
        let error = anyhow!("{}: nothing to compare", names.join(", "));
        errors.push(BlockError::new(0, &error));
    }
    if errors.is_empty() {
        panes.sort_by_key(|(style, _)| *style);
        Ok(panes)
    } else {
        Err(errors)
    }
}

fn listed_line(workspace: &Workspace, line: &str) -> Result<(Style, Pane)> {
    let (name, rest) = line.split_once(':').context("expected STYLE: PATH::ITEM")?;
    let style = Style::named(name).with_context(|| format!("there is no style {name}"))?;
    let pane = match rest.trim().strip_prefix("- ") {
        Some(reason) => Pane::Nothing(reason.to_owned()),
        None => Pane::Code(vec![Excerpt::find(workspace, rest)?]),
    };
    Ok((style, pane))
}

fn add(panes: &mut Vec<(Style, Pane)>, style: Style, pane: Pane) {
    let known = panes.iter_mut().find(|(of, _)| *of == style);
    match (known, pane) {
        (Some((_, Pane::Code(excerpts))), Pane::Code(more)) => excerpts.extend(more),
        (_, pane) => panes.push((style, pane)),
    }
}

fn compare(
    workspace: &Workspace,
    id: &str,
    panes: &[(Style, Pane)],
    sketches: &[Sketch],
) -> Result<String> {
    let panes: Result<Vec<String>> = panes
        .iter()
        .map(|(style, pane)| {
            let sketches = sketches.iter().filter(|sketch| sketch.style == *style);
            let sketches: Result<Vec<String>> =
                sketches.map(|sketch| folded(workspace, sketch)).collect();
            Ok(section(id, *style, pane, &sketches?))
        })
        .collect();
    Ok(format!(
        "<div class=\"compare\">\n<div class=\"compare-panes\">\n\n{}\n\n</div>\n</div>",
        panes?.join("\n\n")
    ))
}

/// A sketch, folded. Where a script can switch between it and the Rust, that unfolds it.
fn folded(workspace: &Workspace, sketch: &Sketch) -> Result<String> {
    let code = Excerpt::find(workspace, &sketch.path)?.html();
    Ok(format!(
        "<details class=\"view\" data-view=\"{}\">\n<summary>{}</summary>\n\n\
         <figure class=\"listing\">\n<figcaption>{}</figcaption>\n\n{code}\n\n</figure>\n\n</details>",
        sketch.language.id(),
        sketch.language.name(),
        html::escape(&sketch.path)
    ))
}

fn section(id: &str, style: Style, pane: &Pane, sketches: &[String]) -> String {
    let rust = match pane {
        Pane::Nothing(reason) => format!("<p class=\"nothing\">{}</p>", html::escape(reason)),
        Pane::Code(excerpts) => {
            let figures: Vec<String> = excerpts.iter().map(snippet::figure).collect();
            figures.join("\n\n")
        }
    };
    let content = match sketches {
        [] => rust,
        _ => format!(
            "<div class=\"view\" data-view=\"rust\">\n\n{rust}\n\n</div>\n\n{}",
            sketches.join("\n\n")
        ),
    };
    format!(
        "<section class=\"pane\" role=\"group\" id=\"{id}-{0}\" data-style=\"{0}\" aria-label=\"{0}\">\n\
         <p class=\"pane-title\">{1}</p>\n\n{content}\n\n</section>",
        style.name(),
        style.heading()
    )
}
