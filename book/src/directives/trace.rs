//! `trace`: the recorded events of a scenario, which the player then plays.

use super::{Block, Rendered, fault};
use crate::trace::Trace;

pub fn render(block: &Block) -> Rendered {
    let name = block.only_line()?;
    let trace: Trace = block
        .workspace
        .data(&format!("traces/{name}.json"))
        .map_err(fault)?;
    Ok(trace.render())
}
