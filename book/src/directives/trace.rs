//! `trace`: the events of a scenario, which the player then plays.

use super::{Block, Rendered, block_error};

pub fn render(block: &Block) -> Rendered {
    let name = block.only_line()?;
    let trace = block.workspace.trace(name).map_err(block_error)?;
    Ok(trace.render())
}
