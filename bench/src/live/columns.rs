//! The columns of the table: as many as a width has room for.

use super::graph;
use super::table::{Row, Table, Verdict};
use super::words;
use crate::estimate::Estimate;

/// A bar and a sparkline are at least and at most so wide.
const BAR: (usize, usize) = (6, 24);
const SPARK: (usize, usize) = (6, 30);

/// As many columns as `width` cells have room for, the most important ones first; in the order of
/// the page.
pub(super) fn of(table: &Table, width: usize) -> Vec<Column> {
    let [rate, p50, p99, cpu, calls] = numbers(table);
    let name = Column {
        coloured: true,
        ..Column::new("server", table, |row| row.name.to_owned())
    };
    let ratio = Column::new("  ratio", table, ratio).at_least(16);
    let verdict = Column::new("", table, verdict).at_least(13);

    let needed = [&name, &rate, &p50, &p99, &ratio, &calls];
    let needed: usize = needed.iter().map(|column| column.width + 1).sum();
    // The row begins with a pointer and a marker.
    let mut left = width.saturating_sub(needed + 2);
    let mut has_room = |wanted: usize| {
        let has_room = wanted < left;
        left -= if has_room { wanted + 1 } else { 0 };
        has_room
    };
    let (has_bar, has_spark) = (has_room(BAR.0), has_room(SPARK.0));
    let (has_cpu, has_verdict) = (has_room(cpu.width), has_room(verdict.width));
    let bar_width = BAR.0 + (left / 2).min(BAR.1 - BAR.0);
    let spark_width = SPARK.0 + (left - (bar_width - BAR.0)).min(SPARK.1 - SPARK.0);

    let mut columns = vec![name, rate];
    columns.extend(has_bar.then(|| bars(table, bar_width)));
    columns.extend(has_spark.then(|| sparklines(table, spark_width)));
    columns.extend([p50, p99, ratio]);
    columns.extend(has_verdict.then_some(verdict));
    columns.extend(has_cpu.then_some(cpu));
    columns.push(calls);
    columns
}

/// Rate, p50, p99, processor time, system calls: each wide enough for usual figures from the start,
/// so that the table stands still as they change.
fn numbers(table: &Table) -> [Column; 5] {
    let number = |head, width, text: fn(f64) -> String, value: fn(&Row) -> Option<Estimate>| {
        let median = |row: &Row| value(row).map(|estimate| text(estimate.median));
        Column::number(head, table, median).at_least(width)
    };
    [
        number("msgs/s", 7, graph::count, |row| row.messages_per_second),
        number("p50", 5, graph::microseconds, |row| row.p50_us),
        number("p99", 6, graph::microseconds, |row| row.p99_us),
        number("cpu", 4, graph::microseconds, |row| row.server_cpu_us),
        Column::number("calls", table, |row| {
            row.system_calls_per_echo.map(|calls| format!("{calls:.2}"))
        }),
    ]
}

fn bars(table: &Table, width: usize) -> Column {
    let rate = |row: &Row| row.messages_per_second.map_or(0.0, |rate| rate.median);
    let most = table.servers.iter().map(rate).fold(0.0, f64::max);
    Column::picture("", table, width, |row| {
        let is_known = row.messages_per_second.is_some();
        let bar = is_known.then(|| graph::bar(rate(row) / most, width));
        bar.unwrap_or_default()
    })
}

fn sparklines(table: &Table, width: usize) -> Column {
    let head = if width < 11 { "slices" } else { "last slices" };
    Column::picture(head, table, width, |row| {
        let median = row.messages_per_second.map_or(1.0, |rate| rate.median);
        graph::sparkline(&row.rates, median, width)
    })
}

/// The ratio with its interval, after a sign for what it says.
fn ratio(row: &Row) -> String {
    let sign = match row.verdict {
        Some(Verdict::Fastest) => return "  1.00 fastest".to_owned(),
        Some(Verdict::WithinNoise) => '≈',
        Some(Verdict::TooEarly) => '?',
        _ => ' ',
    };
    let ratio = row.ratio.map(|ratio| graph::ratio(&ratio));
    format!("{sign} {}", ratio.unwrap_or_default())
}

/// The verdict in words; of the fastest, the ratio says it already.
fn verdict(row: &Row) -> String {
    match row.verdict {
        Some(Verdict::Fastest) => String::new(),
        _ => words::verdict(row),
    }
}

/// One column: its head, and a cell for each server.
pub(super) struct Column {
    cells: Vec<String>,
    /// Numbers stand at the right.
    right: bool,
    /// Whether it wears the style's colour.
    pub(super) coloured: bool,
    width: usize,
}

impl Column {
    fn new(head: &str, table: &Table, cell: impl Fn(&Row) -> String) -> Self {
        let cells = std::iter::once(head.to_owned()).chain(table.servers.iter().map(cell));
        let cells: Vec<_> = cells.collect();
        let width = cells.iter().map(|cell| cell.chars().count());
        Column {
            width: width.max().unwrap_or(0),
            cells,
            right: false,
            coloured: false,
        }
    }

    fn number(head: &str, table: &Table, cell: impl Fn(&Row) -> Option<String>) -> Self {
        Column {
            right: true,
            ..Self::new(head, table, |row| {
                cell(row).unwrap_or_else(|| "-".to_owned())
            })
        }
    }

    /// A picture in the style's colour that keeps its width while it grows.
    fn picture(head: &str, table: &Table, width: usize, cell: impl Fn(&Row) -> String) -> Self {
        Column {
            coloured: true,
            width,
            ..Self::new(head, table, cell)
        }
    }

    /// The same, no narrower than that.
    fn at_least(self, width: usize) -> Self {
        Column {
            width: self.width.max(width),
            ..self
        }
    }

    /// The head at 0, then a cell for each server, all of the same width.
    pub(super) fn cell(&self, row: usize) -> String {
        let (cell, width) = (&self.cells[row], self.width);
        if self.right {
            format!("{cell:>width$}")
        } else {
            format!("{cell:<width$}")
        }
    }
}
