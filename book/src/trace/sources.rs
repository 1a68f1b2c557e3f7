//! The source lines around a call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::{StyleTrace, TraceEvent};
use crate::style::Style;

/// Some lines of a file, each with its number.
pub type Source = Vec<(usize, String)>;

/// How many lines to show before the line that makes the call, and as many after it.
const AROUND: usize = 4;

/// The lines around every event, by its place.
///
/// # Errors
/// A file doesn't exist.
pub(super) fn collect(
    root: &Path,
    styles: &BTreeMap<Style, StyleTrace>,
) -> io::Result<BTreeMap<String, Source>> {
    let events = styles.values().flat_map(|trace| &trace.events);
    let places: BTreeSet<String> = events.map(TraceEvent::place).collect();
    let sources = places
        .into_iter()
        .map(|place| Ok((place.clone(), around(root, &place)?)));
    sources.collect()
}

/// The lines around `FILE:LINE`, without the indentation that they share and without the tags of
/// concepts.
fn around(root: &Path, place: &str) -> io::Result<Source> {
    let no_place = || io::Error::new(ErrorKind::InvalidInput, format!("{place}: no FILE:LINE"));
    let (file, line) = place.rsplit_once(':').ok_or_else(no_place)?;
    let line: usize = line.parse().map_err(|_| no_place())?;
    let text = fs::read_to_string(root.join(file))
        .map_err(|error| io::Error::new(error.kind(), format!("{file}: {error}")))?;
    let shown: Vec<(usize, &str)> = (1..)
        .zip(text.lines())
        .filter(|(_, text)| !text.trim_start().starts_with("// CONCEPT:"))
        .collect();
    let middle = shown.partition_point(|(number, _)| *number < line);
    let last = shown.len().min(middle + AROUND + 1);
    Ok(without_indentation(
        &shown[middle.saturating_sub(AROUND)..last],
    ))
}

fn without_indentation(lines: &[(usize, &str)]) -> Source {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let shared = lines
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(_, text)| indentation(text))
        .min()
        .unwrap_or(0);
    lines
        .iter()
        .map(|(number, text)| (*number, text.get(shared..).unwrap_or_default().to_owned()))
        .collect()
}
