//! `--markdown`.

use std::fmt::Write;

use super::graph;
use super::table::{Row, Table};
use super::words;

/// The table for a page of Markdown, with all intervals.
pub(super) fn of(table: &Table) -> String {
    let mut text = format!("{}.\n{}.\n\n", words::title(table), words::place(table));
    text += "| server | messages/s | p50 µs | p99 µs | ratio to the fastest | | CPU µs a message | \
             system calls an echo |\n|---|--:|--:|--:|--:|---|--:|--:|\n";
    for row in &table.servers {
        text += &of_row(row);
    }
    for skipped in &table.conditions.skipped {
        // Writing to a string does not fail.
        let _ = write!(text, "\nskipped {}: {}\n", skipped.name, skipped.reason);
    }
    let (rounds, slices) = (table.rounds, words::bottleneck(table));
    let _ = write!(
        text,
        "\nMedians of {rounds} slices for each server, with 95 % intervals; {slices}.\n{}.\n",
        words::noise_floor(table)
    );
    text
}

fn of_row(row: &Row) -> String {
    let cells = [
        row.name.to_owned(),
        row.messages_per_second.map_or_else(dash, |rate| {
            format!(
                "{} (±{:.0} %)",
                graph::count(rate.median),
                rate.spread() * 100.0
            )
        }),
        row.p50_us.map_or_else(dash, |p50| format!("{p50:.0}")),
        row.p99_us.map_or_else(dash, |p99| format!("{p99:.0}")),
        row.ratio.map_or_else(dash, |ratio| ratio.to_string()),
        words::verdict(row),
        row.server_cpu_us.map_or_else(dash, |cpu| cpu.to_string()),
        row.system_calls_per_echo
            .map_or_else(dash, |calls| format!("{calls:.2}")),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::table;
    use super::*;

    #[test]
    fn every_row_has_as_many_cells_as_the_head() {
        let (fast, slow) = ([90e3; 6], [45e3; 6]);
        let text = of(&table(&[
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
        assert!(text.ends_with("noise floor: select against itself 1.00 (1.00 to 1.00).\n"));
    }
}
