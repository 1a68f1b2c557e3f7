//! The ratios of a group with several shapes of load: a line for each server, a column for each
//! shape, and the noise floors below.

use common::comparison::{Benchmark, Family, Verdict};

use super::columns::Column;
use super::layout::Line;
use super::style;

/// The name of the last row.
const NOISE: &str = "noise floor";

/// The grid of these servers, in as many parts as it needs to fit the width.
pub(super) fn of(benchmarks: &[Benchmark], servers: &[(&str, Family)], width: usize) -> Vec<Line> {
    let servers: Vec<&str> = servers.iter().map(|(name, _)| *name).collect();
    let rows = servers.iter().copied().chain([NOISE]).map(str::to_owned);
    let names = Column::of_cells("server", rows, false);
    let columns = benchmarks.iter().map(|benchmark| {
        let cells = servers.iter().map(|name| cell(benchmark, name));
        let cells = cells.chain([noise(benchmark)]);
        Column::of_cells(&benchmark.name, cells, true)
    });
    let columns: Vec<Column> = columns.collect();
    let mut lines = Vec::new();
    let mut left = &columns[..];
    while !left.is_empty() {
        let mut room = width.saturating_sub(names.width() + 3);
        let fits = |column: &&Column| {
            let fits = column.width() < room;
            room = room.saturating_sub(column.width() + 1);
            fits
        };
        let count = left.iter().take_while(fits).count().max(1);
        let (part, rest) = left.split_at(count);
        left = rest;
        lines.extend((0..servers.len() + 2).map(|row| line(&names, part, &servers, row)));
    }
    lines
}

fn line(names: &Column, part: &[Column], servers: &[&str], row: usize) -> Line {
    let server = row.checked_sub(1).and_then(|place| servers.get(place));
    let style = server.map(|server| style::of(server));
    let (marker, colour) = style.map_or((' ', None), |style| (style.marker, style.colour));
    let mut line = vec![(format!(" {marker}"), colour)];
    line.push((format!(" {}", names.cell(row)), colour));
    let cells = part
        .iter()
        .map(|column| (format!(" {}", column.cell(row)), None));
    line.extend(cells);
    Line(line)
}

/// The least ratio that noise alone can produce.
fn noise(benchmark: &Benchmark) -> String {
    let floor = benchmark.noise_floor.as_ref();
    floor.map_or("-".to_owned(), |floor| format!("{:.2}", floor.least()))
}

/// For example `≈0.98`.
fn cell(benchmark: &Benchmark, server: &str) -> String {
    let Some(row) = benchmark.row(server) else {
        return "-".to_owned();
    };
    let ratio = row.to_fastest.map_or(f64::NAN, |ratio| ratio.median);
    match row.verdict {
        Some(Verdict::Fastest) => "fastest".to_owned(),
        Some(Verdict::WithinNoise) => format!("≈{ratio:.2}"),
        Some(Verdict::TooEarly | Verdict::TooNoisy) => format!("?{ratio:.2}"),
        Some(Verdict::Slower) => format!("{ratio:.2}"),
        None => "-".to_owned(),
    }
}
