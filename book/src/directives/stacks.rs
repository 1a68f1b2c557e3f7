//! `stacks`: the recorded calls from `serve` to the user's code that gets the bytes.

use anyhow::{Context, Result};

use super::{Block, BlockError, Rendered, block_error};
use crate::stacks::Stacks;
use crate::style::Style;

pub fn render(block: &Block) -> Rendered {
    let named: Result<Vec<Style>, Vec<BlockError>> = block.lines().map(style).collect();
    let named = named?;
    let styles = match named.is_empty() {
        true => Style::ALL.to_vec(),
        false => named,
    };
    let stacks: Stacks = block.workspace.data("stacks.json").map_err(block_error)?;
    Ok(stacks.render(&styles))
}

fn style((offset, name): (usize, &str)) -> Result<Style, Vec<BlockError>> {
    let style = Style::named(name).with_context(|| format!("there is no style {name}"));
    style.map_err(|error| vec![BlockError::new(offset, &error)])
}
