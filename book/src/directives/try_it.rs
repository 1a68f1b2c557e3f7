//! `try`: commands for the reader, with what they will print. A test runs them all.

use super::{Block, Rendered, fault};
use crate::console;
use crate::tries::Session;

pub fn render(block: &Block) -> Rendered {
    Session::parse(block.page, block.line, &block.fence.body).map_err(fault)?;
    Ok(format!(
        "<figure class=\"console try\">\n<figcaption>Try it</figcaption>\n\n{}\n\n</figure>",
        console::html(block.fence.body.iter().copied())
    ))
}
