//! Which server is faster under one shape of load.

use anyhow::Result;
use common::comparison::{Benchmark, Comparison, Estimate, FLOOR, Row};

use super::{Drawing, Figure};
use crate::plot::number;
use crate::plot::own::Own;
use crate::plot::record;
use crate::plot::rows::{Entry, Rows};
use crate::plot::scale::Spread;
use crate::plot::table::Table;

const PER_SECOND: &str = "per second";
/// Columns of recorded results; the reader's own come after them.
const RECORDED: usize = 6;

/// Rates divided by the floor's; without a floor, rates alone.
pub fn figure(record: &Comparison, own: &Own, group: &'static str, shape: &str) -> Result<Figure> {
    let benchmark = record::benchmark(record::group(record, group)?, shape)?;
    let noise = record.noise_floor.as_ref();
    let has_floor = benchmark.rows.iter().any(|row| row.ratio.is_some());
    let own_of = |row: &Row| own.seconds(group, &benchmark.name, &row.candidate);
    let own_floor = own.seconds(group, &benchmark.name, FLOOR);
    let own_ratio = |row: &Row| Some(own_floor?.over(own_of(row)?));
    let mut entries: Vec<Entry> = Vec::new();
    for row in &benchmark.rows {
        let (value, own) = if has_floor {
            (row.ratio, own_ratio(row))
        } else {
            (row.rate(), own_of(row).map(Estimate::inverse))
        };
        entries.extend(value.map(|value| Entry {
            own,
            at_least: row.client_was_the_bottleneck > 0.5 && row.candidate != FLOOR,
            ..Entry::of(&row.candidate, value)
        }));
    }
    entries.sort_by(|one, other| other.value.median.total_cmp(&one.value.median));
    let what = if has_floor {
        "rate, that of c-epoll being 1"
    } else {
        PER_SECOND
    };
    Ok(Figure {
        title: format!("{}: {}", title(group), benchmark.name),
        reading: "Further to the right is faster; a line through a marker is its interval, and \
                  the grey band is within noise. “≥” marks servers that were faster than the client.",
        drawing: Drawing::Rows(Rows {
            axis: what.to_owned(),
            spread: Spread::Linear,
            bars: false,
            band: noise.filter(|_| has_floor).map(|floor| floor.ratio),
            entries,
        }),
        table: table(benchmark, &own_of, &own_ratio),
    })
}

/// The pingers' slowest of a hundred.
pub fn fairness(record: &Comparison, own: &Own) -> Result<Figure> {
    let benchmark = record::benchmark(record::group(record, "fairness")?, "")?;
    let own_of = |row: &Row| own.seconds("fairness", &benchmark.name, &row.candidate);
    let entries = benchmark.rows.iter().filter_map(|row| {
        Some(Entry {
            own: own_of(row).map(|own| own.times(1e3)),
            ..Entry::of(&row.candidate, row.seconds?.times(1e3))
        })
    });
    let mut entries: Vec<Entry> = entries.collect();
    entries.sort_by(|one, other| one.value.median.total_cmp(&other.value.median));
    let rows = entries.iter().map(|entry| {
        let own = number::known(entry.own);
        vec![entry.candidate.clone(), number::interval(entry.value), own]
    });
    Ok(Figure {
        title: format!("Fairness: {}", benchmark.name),
        reading: "Further to the left is better: 99 of 100 pings came back sooner than this.",
        table: Table {
            headings: vec!["candidate", "p99, ms", "your run"],
            rows: rows.collect(),
            notes: Vec::new(),
        },
        drawing: Drawing::Rows(Rows {
            axis: "99th percentile of the pings, milliseconds (log scale)".to_owned(),
            spread: Spread::Log,
            bars: false,
            band: None,
            entries,
        }),
    })
}

fn title(group: &str) -> &str {
    match group {
        "round-trip" => "Round trip",
        "pipelined-lines" => "Many lines under way",
        "stream" => "A stream",
        "connect" => "Connections",
        other => other,
    }
}

type OwnFigure<'a> = &'a dyn Fn(&Row) -> Option<Estimate>;

fn table(benchmark: &Benchmark, own: OwnFigure, own_ratio: OwnFigure) -> Table {
    let words = number::known;
    let rows = benchmark.rows.iter().map(|row| {
        vec![
            row.candidate.clone(),
            words(row.ratio),
            words(row.rate()),
            words(row.server_cpu.map(|cpu| cpu.times(1e6))),
            words(row.client_cpu.map(|cpu| cpu.times(1e6))),
            format!("{:.0} %", row.client_was_the_bottleneck * 100.0),
            words(own_ratio(row)),
            words(own(row).map(Estimate::inverse)),
        ]
    });
    let mut table = Table {
        headings: vec![
            "candidate",
            "rate / c-epoll",
            PER_SECOND,
            "server’s CPU, µs each",
            "client’s CPU, µs each",
            "client the bottleneck",
            "your run: / c-epoll",
            "your run: per second",
        ],
        rows: rows.collect(),
        notes: Vec::new(),
    };
    if benchmark.rows.iter().all(|row| own(row).is_none()) {
        table.headings.truncate(RECORDED);
        table.rows.iter_mut().for_each(|row| row.truncate(RECORDED));
    }
    table
}
