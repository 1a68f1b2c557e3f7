//! The columns of the table: as many as fit a width.

use common::comparison::{Benchmark, Estimate, Row, Unit, Verdict};

use super::changes::Changes;
use super::graph;
use super::words;

/// The least and the greatest width of a bar and of a sparkline.
const BAR: (usize, usize) = (6, 24);
const SPARK: (usize, usize) = (6, 30);

/// A table, and what its columns need.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) benchmark: &'a Benchmark,
    /// The rows that are shown.
    pub(super) rows: &'a [&'a Row],
    /// The changes since the last run, if there is one.
    pub(super) changes: Option<&'a Changes>,
    /// Whether pictures matter more than words: the table is redrawn while it grows.
    pub(super) is_live: bool,
}

/// As many columns as fit into `width` cells, the most important ones first, in the order of
/// the page.
pub(super) fn of(view: &View<'_>, width: usize) -> Vec<Column> {
    let rows = view.rows;
    let [p50, p99, cpu, calls] = numbers(rows);
    let rate = rate(view);
    let name = Column {
        coloured: true,
        ..Column::new("server", rows, |row| row.candidate.clone())
    };
    let ratio = Column::new("  ratio", rows, ratio).at_least(16);
    let verdict = Column::new("", rows, verdict).at_least(13);
    let last = view
        .changes
        .map(|changes| Column::number("last", rows, |row| changes.of(&row.candidate)).at_least(5));

    let needed = [&name, &ratio, &p50, &p99, &calls].into_iter().chain(&rate);
    let needed = needed.filter(|column| column.is_filled);
    let needed: usize = needed.map(|column| column.width + 1).sum();
    // The row begins with a pointer and a marker.
    let mut left = width.saturating_sub(needed + 2);
    let mut has_room = |column_width: usize| {
        let has_room = column_width < left;
        left -= if has_room { column_width + 1 } else { 0 };
        has_room
    };
    let (mut has_bar, mut has_spark) = (false, false);
    if view.is_live {
        (has_bar, has_spark) = (has_room(BAR.0), has_room(SPARK.0));
    }
    let has_cpu = cpu.is_filled && has_room(cpu.width);
    let last = last.filter(|column| has_room(column.width));
    let has_verdict = has_room(verdict.width);
    has_bar = has_bar || (rate.is_some() && has_room(BAR.0));
    let bar_width = BAR.0 + (left / 2).min(BAR.1 - BAR.0);
    let spark_width = SPARK.0 + (left - (bar_width - BAR.0)).min(SPARK.1 - SPARK.0);

    let mut columns = vec![name];
    columns.extend(rate);
    columns.extend(has_bar.then(|| bars(rows, bar_width)));
    columns.extend(has_spark.then(|| sparklines(rows, spark_width)));
    columns.push(ratio);
    columns.extend(has_verdict.then_some(verdict));
    columns.extend([p50, p99].into_iter().filter(|column| column.is_filled));
    columns.extend(has_cpu.then_some(cpu));
    columns.extend(Some(calls).filter(|column| column.is_filled));
    columns.extend(last);
    columns
}

/// The rate, in its unit; `None` for a latency.
fn rate(view: &View<'_>) -> Option<Column> {
    let benchmark = view.benchmark;
    let (head, factor) = match benchmark.unit {
        Unit::Messages => ("msgs/s", 1.0),
        Unit::Connections => ("conns/s", 1.0),
        Unit::Bytes => ("MB/s", benchmark.bytes as f64 / 1e6),
        Unit::Latency => return None,
    };
    let cell = |row: &Row| row.rate().map(|rate| graph::count(rate.median * factor));
    Some(Column::number(head, view.rows, cell).at_least(7))
}

/// p50, p99, processor time, system calls: each wide enough for usual values from the start, so that
/// the table doesn't move while they change.
fn numbers(rows: &[&Row]) -> [Column; 4] {
    let number = |head, width, value: fn(&Row) -> Option<Estimate>| {
        let median =
            |row: &Row| value(row).map(|estimate| graph::microseconds(estimate.median * 1e6));
        let column = Column::number(head, rows, median).at_least(width);
        // Before the first sample, any value can still come.
        let is_empty = rows.iter().all(|row| row.seconds.is_none());
        Column {
            is_filled: column.is_filled || is_empty,
            ..column
        }
    };
    [
        number("p50", 5, |row| row.p50),
        number("p99", 6, |row| row.p99),
        number("cpu", 4, |row| row.server_cpu),
        Column::number("calls", rows, |row| {
            row.system_calls_per_echo.map(|calls| format!("{calls:.2}"))
        }),
    ]
}

fn bars(rows: &[&Row], width: usize) -> Column {
    let rate = |row: &Row| row.rate().map_or(0.0, |rate| rate.median);
    let most = rows.iter().map(|row| rate(row)).fold(0.0, f64::max);
    Column::picture("", rows, width, |row| {
        let is_known = row.seconds.is_some();
        let bar = is_known.then(|| graph::bar(rate(row) / most, width));
        bar.unwrap_or_default()
    })
}

fn sparklines(rows: &[&Row], width: usize) -> Column {
    let head = if width < 11 { "slices" } else { "last slices" };
    Column::picture(head, rows, width, |row| {
        let median = row.rate().map_or(1.0, |rate| rate.median);
        let rates: Vec<f64> = row.samples.iter().map(|seconds| 1.0 / seconds).collect();
        graph::sparkline(&rates, median, width)
    })
}

/// The ratio with its interval, after a sign for what it means.
fn ratio(row: &Row) -> String {
    let sign = match row.verdict {
        Some(Verdict::Fastest) => return "  1.00 fastest".to_owned(),
        Some(Verdict::WithinNoise) => '≈',
        Some(Verdict::TooEarly | Verdict::TooNoisy) => '?',
        _ => ' ',
    };
    let ratio = row.to_fastest.map(|ratio| graph::ratio(&ratio));
    format!("{sign} {}", ratio.unwrap_or_default())
}

/// The verdict in words, except for the fastest server, whose ratio says it already.
fn verdict(row: &Row) -> String {
    match row.verdict {
        Some(Verdict::Fastest) => String::new(),
        _ => words::verdict(row),
    }
}

/// One column: its head, and a cell for each server.
pub(super) struct Column {
    cells: Vec<String>,
    /// Numbers are aligned at the right.
    right: bool,
    /// Whether it has the style's colour.
    pub(super) coloured: bool,
    width: usize,
    /// Whether any server has a value.
    is_filled: bool,
}

impl Column {
    fn new(head: &str, rows: &[&Row], cell: impl Fn(&Row) -> String) -> Self {
        Self::of_cells(head, rows.iter().map(|row| cell(row)), false)
    }

    fn number(head: &str, rows: &[&Row], cell: impl Fn(&Row) -> Option<String>) -> Self {
        Column {
            right: true,
            is_filled: rows.iter().any(|row| cell(row).is_some()),
            ..Self::new(head, rows, |row| {
                cell(row).unwrap_or_else(|| "-".to_owned())
            })
        }
    }

    /// A picture in the style's colour that keeps its width while it grows.
    fn picture(head: &str, rows: &[&Row], width: usize, cell: impl Fn(&Row) -> String) -> Self {
        Column {
            coloured: true,
            width,
            ..Self::new(head, rows, cell)
        }
    }

    /// A column of these cells.
    pub(super) fn of_cells(head: &str, cells: impl Iterator<Item = String>, right: bool) -> Self {
        let cells: Vec<_> = std::iter::once(head.to_owned()).chain(cells).collect();
        let width = cells.iter().map(|cell| cell.chars().count());
        Column {
            width: width.max().unwrap_or(0),
            cells,
            right,
            coloured: false,
            is_filled: true,
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The same, at least this wide.
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
