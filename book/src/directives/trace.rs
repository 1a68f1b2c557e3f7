//! `trace`: the events of a scenario on the four servers, which the player then plays; or, where servers
//! of `book/steps` are named behind the scenario (`slow-reader step-1 step-2`), on these.

use anyhow::{Context, Result};

use super::{Block, Rendered, block_error};
use crate::trace::render_servers;

pub fn render(block: &Block) -> Rendered {
    let line = block.only_line()?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let html = match words.split_first() {
        Some((name, servers)) if !servers.is_empty() => of_servers(block, name, servers),
        _ => block.workspace.trace(line).map(|trace| trace.render()),
    };
    html.map_err(block_error)
}

fn of_servers(block: &Block, name: &str, servers: &[&str]) -> Result<String> {
    let workspace = block.workspace;
    let scenarios = workspace.scenarios()?;
    let scenario = scenarios.iter().find(|scenario| scenario.name == name);
    let scenario =
        scenario.with_context(|| format!("there is no scenario {name} in book/scenarios.toml"))?;
    render_servers(workspace.lab()?, scenario, &workspace.root, servers)
}
