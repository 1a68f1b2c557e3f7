//! `lab`: the lab itself. Its first line has options that all servers get, and the others are the script to
//! start with, each with a comment.

use anyhow::{Result, anyhow};
use serde_json::json;

use super::{Block, Rendered, block_error};
use crate::lab_view;
use crate::scenario::Scenario;
use crate::style::Style;
use crate::trace::ScenarioTrace;

/// The table of events needs a server that returns.
const STOP: &str = "\nstop # the server gets SIGTERM\n";

pub fn render(block: &Block) -> Rendered {
    let lines: Vec<&str> = block.lines().map(|(_, line)| line).collect();
    let html = match lines.split_first() {
        Some((options, script)) if options.starts_with("--") && !script.is_empty() => {
            let options = options.split_whitespace().map(str::to_owned);
            whole(block, options.collect(), &script.join("\n"))
        }
        _ => Err(anyhow!("a lab block has a line of options, and a script")),
    };
    html.map_err(block_error)
}

fn whole(block: &Block, options: Vec<String>, script: &str) -> Result<String> {
    let workspace = block.workspace;
    let lab = workspace.lab()?;
    let about = "What the four servers do in the script that the lab starts with.";
    let scenario = |script| Scenario::new("the lab", about, options.clone(), script);
    let stopped = scenario(format!("{script}{STOP}"));
    let table = ScenarioTrace::simulate(lab, &stopped, &workspace.root)?.table();
    let own = scenario(script.to_owned());
    let mut data = lab_view::data(lab, &own, &Style::ALL.map(Style::name))?;
    let scenarios = workspace.scenarios()?;
    let starts: Vec<_> = scenarios.iter().map(lab_view::start).collect();
    data["starts"] = json!(starts);
    Ok(lab_view::element("lab-whole", &table, &data))
}
