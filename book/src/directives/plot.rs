//! `plot`: a figure of the benchmarks.

use anyhow::anyhow;

use super::{Block, Rendered, fault};

pub fn render(block: &Block) -> Rendered {
    let name = block.only_line()?;
    let _reference: serde_json::Value = block.workspace.data("reference.json").map_err(fault)?;
    Err(fault(anyhow!("there is no plot {name}")))
}
