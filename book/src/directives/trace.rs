//! `trace`: the recorded events of a scenario, which the player then plays.

use super::{Block, Rendered, fault};

pub fn render(block: &Block) -> Rendered {
    let name = block.only_line()?;
    let trace: serde_json::Value = block
        .workspace
        .data(&format!("traces/{name}.json"))
        .map_err(fault)?;
    Ok(format!(
        "<div class=\"trace\" data-trace=\"{name}\">\n\n<script type=\"application/json\">{}</script>\n\n</div>",
        trace.to_string().replace("</", "<\\/")
    ))
}
