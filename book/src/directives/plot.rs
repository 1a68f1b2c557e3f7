//! `plot`: a figure of the benchmarks.

use super::{Block, Rendered, block_error};
use crate::plot;

pub fn render(block: &Block) -> Rendered {
    plot::html(block.workspace, block.only_line()?).map_err(block_error)
}
