//! `output`: what a command has printed when it was recorded.

use anyhow::Context;

use super::{Block, Rendered, fault};
use crate::console;

pub fn render(block: &Block) -> Rendered {
    let name = block.only_line()?;
    let text = block
        .workspace
        .read(&format!("book/data/outputs/{name}.txt"))
        .with_context(|| format!("outputs/{name}.txt is not recorded: cargo run -p book -- record"))
        .map_err(fault)?;
    Ok(format!(
        "<figure class=\"console\">\n<figcaption>recorded</figcaption>\n\n{}\n\n</figure>",
        console::html(text.lines())
    ))
}
