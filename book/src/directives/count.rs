//! `count`: numbers counted in the code or by the servers.

use super::{Block, Rendered, block_error};
use crate::code_stats::CodeStats;
use crate::style::Style;
use anyhow::{Context, Result, anyhow};

mod workers;

pub fn render(block: &Block) -> Rendered {
    let line = block.only_line()?;
    match line.split_once(' ') {
        None if line == "code" => code(block).map_err(block_error),
        None if line == "workers" => workers::rates(block.workspace).map_err(block_error),
        None if line == "balance" => workers::balances(block.workspace).map_err(block_error),
        Some(("counters", scenario)) => counters(block, scenario.trim()).map_err(block_error),
        _ => Err(block_error(anyhow!("there is no count {line}"))),
    }
}

/// A row of the table: what is counted, and its number.
type Row = (&'static str, fn(&CodeStats) -> usize);

/// How much code a style is, and how much of it its user writes.
fn code(block: &Block) -> Result<String> {
    let counts: Result<Vec<CodeStats>> = Style::ALL
        .into_iter()
        .map(|style| CodeStats::count(block.workspace, style))
        .collect();
    let counts = counts?;
    let rows: [Row; 6] = [
        ("lines you write (`echo.rs`)", |count| count.own_lines),
        ("lines of the style itself", |count| count.style_lines),
        ("files of the style itself", |count| count.style_files),
        ("kinds of object you write", |count| count.structs),
        ("fields of state you keep", |count| count.fields),
        ("callbacks you write", |count| count.callbacks),
    ];
    let rows = rows.iter().map(|(name, of)| {
        let numbers = counts.iter().map(|count| of(count).to_string()).collect();
        ((*name).to_owned(), numbers)
    });
    Ok(table(rows))
}

/// What each server counts in a scenario.
fn counters(block: &Block, scenario: &str) -> Result<String> {
    let trace = block.workspace.trace(scenario)?;
    let rows: Result<Vec<_>> = [
        ("waits", "waits"),
        ("wake-ups", "wakeups"),
        ("reads", "reads"),
        ("writes", "writes"),
        ("would block", "would_blocks"),
    ]
    .iter()
    .map(|(name, key)| {
        let numbers = Style::ALL.iter().map(|style| {
            let style_trace = trace.styles.get(style);
            let count = style_trace.and_then(|style_trace| style_trace.counters.get(*key));
            let text = count.map(u64::to_string);
            text.with_context(|| format!("{}: {key} was not counted", style.program()))
        });
        Ok(((*name).to_owned(), numbers.collect::<Result<Vec<_>>>()?))
    })
    .collect();
    Ok(table(rows?.into_iter()))
}

/// A Markdown table with a column for each style.
fn table(rows: impl Iterator<Item = (String, Vec<String>)>) -> String {
    let headings: Vec<String> = Style::ALL.iter().map(|style| style.heading()).collect();
    let mut table = format!(
        "<div class=\"count\">\n\n| | {} |\n|---|--:|--:|--:|--:|\n",
        headings.join(" | ")
    );
    for (name, numbers) in rows {
        table.push_str(&format!("| {name} | {} |\n", numbers.join(" | ")));
    }
    table.push_str("\n</div>");
    table
}
