//! How silent connections slow the busy ones down.

use anyhow::Result;
use common::comparison::{Comparison, MeasuredGroup};

use super::{Drawing, Figure};
use crate::plot::lines::{Line, Lines, Point};
use crate::plot::number;
use crate::plot::own::Own;
use crate::plot::record;
use crate::plot::table::Table;

/// The candidates with a line; the others are in the table. Two of each kind of waiting suffice.
const SHOWN: [&str; 8] = [
    "select",
    "dispatcher",
    "chat",
    "reactor-tokio",
    "reactor-mio",
    "reactor-uring",
    "c-select",
    "c-epoll",
];

/// Microseconds per message for each number of idle connections.
pub fn figure(record: &Comparison, own: &Own) -> Result<Figure> {
    let group = record::group(record, "idle")?;
    let lines = SHOWN.into_iter().map(|candidate| Line {
        candidate: candidate.to_owned(),
        points: recorded(group, candidate),
        own: measured(group, own, candidate),
    });
    Ok(Figure {
        title: "Ten busy connections among idle ones".to_owned(),
        reading: "Lower is faster, and level means that idle connections cost nothing; the ribbon \
                  around a line is its interval. A line that ends early has reached FD_SETSIZE.",
        drawing: Drawing::Lines(Lines {
            axis: "microseconds per message".to_owned(),
            across: "idle connections (square-root scale)".to_owned(),
            lines: lines.filter(|line| !line.points.is_empty()).collect(),
        }),
        table: table(group),
    })
}

fn recorded(group: &MeasuredGroup, candidate: &str) -> Vec<Point> {
    let points = group.benchmarks.iter().filter_map(|benchmark| {
        let seconds = benchmark.row(candidate)?.seconds?;
        Some((benchmark.idle as f64, seconds.times(1e6)))
    });
    points.collect()
}

fn measured(group: &MeasuredGroup, own: &Own, candidate: &str) -> Vec<Point> {
    let points = group.benchmarks.iter().filter_map(|benchmark| {
        let seconds = own.seconds(&group.name, &benchmark.name, candidate)?;
        Some((benchmark.idle as f64, seconds.times(1e6)))
    });
    points.collect()
}

fn table(group: &MeasuredGroup) -> Table {
    let rows = group.benchmarks.iter().flat_map(|benchmark| {
        benchmark.rows.iter().map(|row| {
            vec![
                row.candidate.clone(),
                benchmark.idle.to_string(),
                number::known(row.seconds.map(|seconds| seconds.times(1e6))),
                number::known(row.rate()),
                number::known(row.ratio),
            ]
        })
    });
    Table {
        headings: vec![
            "candidate",
            "idle connections",
            "µs per message",
            "messages per second",
            "rate / c-epoll",
        ],
        rows: rows.collect(),
        notes: Vec::new(),
    }
}
