//! `snippet`: items of one or more source files.

use anyhow::anyhow;

use super::{Block, BlockError, Rendered, block_error};
use crate::excerpt::Excerpt;
use crate::html;

pub fn render(block: &Block) -> Rendered {
    let (mut excerpts, mut errors) = (Vec::<Excerpt>::new(), Vec::new());
    for (offset, line) in block.lines() {
        match Excerpt::find(block.workspace, line) {
            Ok(excerpt) => match excerpts.last_mut() {
                Some(last) if last.path == excerpt.path => last.parts.extend(excerpt.parts),
                _ => excerpts.push(excerpt),
            },
            Err(error) => errors.push(BlockError::new(offset, &error)),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    if excerpts.is_empty() {
        return Err(block_error(anyhow!("there is nothing to show")));
    }
    let figures: Vec<String> = excerpts.iter().map(figure).collect();
    Ok(figures.join("\n\n"))
}

/// The code, with the place that it was taken from above it.
pub fn figure(excerpt: &Excerpt) -> String {
    format!(
        "<figure class=\"listing\">\n<figcaption>{}</figcaption>\n\n{}\n\n</figure>",
        html::escape(&excerpt.place()),
        excerpt.html()
    )
}
