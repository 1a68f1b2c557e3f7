//! `trace`: a view of the lab with a scenario on the four servers; or, where servers of `book/steps` are named
//! behind the scenario (`slow-reader step-1 step-2`), on these.

use anyhow::{Context, Result};

use super::{Block, Rendered, block_error};
use crate::lab_view;
use crate::style::Style;
use crate::trace::table_of_servers;

pub fn render(block: &Block) -> Rendered {
    let line = block.only_line()?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let html = words
        .split_first()
        .context("a trace block names a scenario");
    html.and_then(|(name, servers)| view(block, name, servers))
        .map_err(block_error)
}

fn view(block: &Block, name: &str, servers: &[&str]) -> Result<String> {
    let workspace = block.workspace;
    let scenarios = workspace.scenarios()?;
    let scenario = scenarios.iter().find(|scenario| scenario.name == name);
    let scenario =
        scenario.with_context(|| format!("there is no scenario {name} in book/scenarios.toml"))?;
    let lab = workspace.lab()?;
    let (table, servers) = match servers {
        [] => (
            workspace.trace(name)?.table(),
            Style::ALL.map(Style::name).to_vec(),
        ),
        servers => (
            table_of_servers(lab, scenario, &workspace.root, servers)?,
            servers.to_vec(),
        ),
    };
    let data = lab_view::data(lab, scenario, &servers)?;
    Ok(lab_view::element("trace", &table, &data))
}
