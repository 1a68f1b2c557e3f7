//! What the program `workers` of the bench crate has measured.

use anyhow::{Context, Result};
use common::comparison::{Balance, Estimate, WorkersRecord, WorkersRow};

use crate::plot::day;
use crate::workspace::Workspace;

const RECORD: &str = "book/data/workers.json";

/// A Markdown table of rates and latencies with one worker and with two.
pub fn rates(workspace: &Workspace) -> Result<String> {
    let record = load(workspace)?;
    let heading = "| server | workers | messages/s | p99 | server's CPU | client's CPU | \
                   pings beside a flood: p50 | p99 |\n|---|--:|--:|--:|--:|--:|--:|--:|\n";
    let rows: Vec<String> = record.rows.iter().map(row).collect();
    let client = match record.client_threads {
        1 => "1 thread".to_owned(),
        threads => format!("{threads} threads"),
    };
    let skipped = match &record.skipped[..] {
        [] => String::new(),
        missing => format!(" The machine lacked: {}.", missing.join(", ")),
    };
    let machine = caption(&record);
    Ok(format!(
        "<div class=\"count\">\n\n{heading}{}\n\n</div>\n\nClient: {client}, {} connections × 64 bytes. {machine}{skipped}\n",
        rows.concat(),
        record.connections,
    ))
}

/// A Markdown table of how connections were distributed among two workers.
pub fn balances(workspace: &Workspace) -> Result<String> {
    let record = load(workspace)?;
    let heading = "| server | listeners | connections of the busier worker: median | least | most |\n\
                   |---|---|--:|--:|--:|\n";
    let rows: Vec<String> = record.balances.iter().filter_map(balance).collect();
    let connections = record.balances.first().map_or(0, |one| one.connections);
    let runs = record.balances.first().map_or(0, |one| one.busier.len());
    Ok(format!(
        "<div class=\"count\">\n\n{heading}{}\n\n</div>\n\n{runs} runs, each with {connections} connections. {}\n",
        rows.concat(),
        caption(&record),
    ))
}

fn load(workspace: &Workspace) -> Result<WorkersRecord> {
    let text = workspace.read(RECORD);
    let text = text.context("not recorded: cargo run --release -p bench --bin workers")?;
    serde_json::from_str(&text).context(RECORD)
}

fn caption(record: &WorkersRecord) -> String {
    let machine = &record.machine;
    let date = day(machine.date);
    let (commit, command) = (&machine.commit, &record.command);
    format!("Measured on {machine}, {date}, commit {commit}, by `{command}`.")
}

fn row(row: &WorkersRow) -> String {
    let micros = |time: Option<Estimate>| match time {
        Some(time) => format!("{:.0} µs", time.median * 1e6),
        None => "–".to_owned(),
    };
    let cpu = |time: Option<Estimate>| match time {
        Some(time) => format!("{:.1} µs", time.median * 1e6),
        None => "–".to_owned(),
    };
    // A faster server would have looked the same.
    let at_least = match row.client_was_the_bottleneck > 0.5 {
        true => "≥ ",
        false => "",
    };
    format!(
        "| {} | {} | {at_least}{:.0},000 ± {:.0} % | {} | {} | {} | {} | {} |\n",
        row.candidate,
        row.workers,
        row.rate.median / 1e3,
        row.rate.spread() * 100.0,
        micros(row.p99),
        cpu(row.server_cpu),
        cpu(row.client_cpu),
        micros(row.flood_p50),
        micros(row.flood_p99),
    )
}

fn balance(balance: &Balance) -> Option<String> {
    let busier = &balance.busier;
    let listeners = match balance.is_shared {
        true => "one for both",
        false => "one for each",
    };
    let (least, most) = (busier.first()?, busier.last()?);
    let median = busier[busier.len() / 2];
    let server = &balance.candidate;
    Some(format!(
        "| {server} | {listeners} | {median} | {least} | {most} |\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_where_the_client_was_the_bottleneck() {
        let estimate = |median: f64| Estimate::exact(median);
        let mut one = WorkersRow {
            candidate: "select".to_owned(),
            workers: 2,
            rate: estimate(67_890.0),
            p99: Some(estimate(0.001_234)),
            server_cpu: Some(estimate(0.000_005_67)),
            client_cpu: None,
            client_was_the_bottleneck: 0.4,
            flood_p50: Some(estimate(0.000_1)),
            flood_p99: Some(estimate(0.002)),
        };
        let expected = "68,000 ± 0 % | 1234 µs | 5.7 µs | – | 100 µs | 2000 µs |\n";
        assert_eq!(row(&one), format!("| select | 2 | {expected}"));
        one.client_was_the_bottleneck = 0.6;
        assert_eq!(row(&one), format!("| select | 2 | ≥ {expected}"));
    }

    #[test]
    fn the_busier_worker_is_shown_with_its_extremes() {
        let one = Balance {
            candidate: "select".to_owned(),
            is_shared: true,
            connections: 50,
            busier: vec![25, 40, 50],
        };
        let expected = "| select | one for both | 40 | 25 | 50 |\n";
        assert_eq!(balance(&one).as_deref(), Some(expected));
    }
}
