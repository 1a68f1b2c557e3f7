//! Comparisons in Markdown.

use std::fmt::Write;

use common::comparison::{Benchmark, Comparison, Estimate, Row};

use super::changes::{Changes, LastRun};
use super::graph;
use super::separation;
use super::words;

/// The live comparison as a page of Markdown, with all intervals.
pub(crate) fn live(comparison: &Comparison) -> String {
    let Some((group, benchmark)) = comparison.main() else {
        return String::new();
    };
    let mut text = format!("{}.\n", words::title(group, benchmark));
    let _ = writeln!(text, "{}.\n", words::place(comparison));
    text += &table(benchmark);
    for skipped in words::skipped(comparison) {
        // Writing to a string can't fail.
        let _ = writeln!(text, "\n{skipped}");
    }
    text
}

/// Every benchmark with all servers, in Markdown.
pub fn summary(comparison: &Comparison, last: &LastRun) -> String {
    let mut text = format!(
        "# {}\n\n{}.\n",
        comparison.command,
        words::place(comparison)
    );
    for group in &comparison.groups {
        // Writing to a string can't fail.
        let _ = writeln!(text, "\n## {}: {}", group.name, group.about);
        for benchmark in &group.benchmarks {
            let title = words::title(group, benchmark);
            let _ = writeln!(text, "\n### {}\n\n{title}.\n", benchmark.name);
            text += &table(benchmark);
            let changes = last.changes(comparison, &group.name, benchmark);
            for sentence in changes.iter().map(Changes::sentence) {
                let _ = writeln!(text, "\n{sentence}.");
            }
        }
        for sentence in separation::sentences(&group.benchmarks, &group.servers()) {
            let _ = writeln!(text, "\n{sentence}.");
        }
    }
    for sentence in words::skipped(comparison) {
        let _ = writeln!(text, "\n{sentence}");
    }
    text
}

/// One benchmark, with its noise floor below.
pub(super) fn table(benchmark: &Benchmark) -> String {
    let mut text =
        "| server | rate per second | p50 µs | p99 µs | ratio to the fastest | | CPU µs \
        per message | system calls per echo |\n|---|--:|--:|--:|--:|---|--:|--:|\n"
            .to_owned();
    for row in &benchmark.rows {
        text += &of_row(row);
    }
    let _ = write!(
        text,
        "\nMedians of {} slices or more for each server, with 95 % intervals. {}.\n{}.\n",
        benchmark.rounds,
        words::bottleneck(benchmark),
        words::noise_floor(benchmark)
    );
    text
}

fn of_row(row: &Row) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let time = |time: Option<Estimate>| or_dash(time.map(|it| format!("{:.1}", it.median * 1e6)));
    let cells = [
        row.candidate.clone(),
        or_dash(row.rate().map(|rate| {
            let (median, spread) = (graph::count(rate.median), rate.spread() * 100.0);
            format!("{median} (±{spread:.0} %)")
        })),
        time(row.p50),
        time(row.p99),
        or_dash(row.to_fastest.map(|ratio| ratio.to_string())),
        words::verdict(row),
        or_dash(row.server_cpu.map(|cpu| cpu.times(1e6).to_string())),
        or_dash(row.system_calls_per_echo.map(|calls| format!("{calls:.2}"))),
    ];
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::table as measured;

    #[test]
    fn every_row_has_as_many_cells_as_the_head() {
        let (fast, slow) = ([90e3; 6], [45e3; 6]);
        let text = table(&measured(&[
            ("select", &fast),
            ("c-epoll", &slow),
            ("select", &fast),
        ]));
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 4);
        for row in &rows {
            assert_eq!(row.matches('|').count(), 9, "{row}");
        }
        assert!(
            rows[3].contains("0.50 (0.50 to 0.50) | 2.00× slower"),
            "{text}"
        );
        assert!(text.contains("\nNoise floor: select against itself 1.00 (1.00 to 1.00)"));
    }
}
