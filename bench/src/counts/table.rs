//! The counts as text: aligned, or in Markdown.

use std::fmt::Write;

use common::comparison::{Calls, Counts};

const HEAD: [&str; 8] = [
    "",
    "system calls",
    "instructions",
    "bytes/idle",
    "wake-ups",
    "binary",
    "lines",
    "build",
];

/// What the columns mean, in a few lines.
pub const LEGEND: &str = "\
system calls, instructions: per echo (50 connections, 64 bytes), instructions outside the kernel
bytes/idle: resident memory per idle connection; wake-ups: in 3 s with 100 silent clients
binary: bytes as built in the profile, not stripped; lines: what a user of the style writes
build: seconds for the package and its dependencies, from scratch (with --build)
";

/// A table of aligned columns, then the system calls by name, then the notes.
pub fn plain(all: &[Counts]) -> String {
    let rows: Vec<_> = std::iter::once(HEAD.map(str::to_owned))
        .chain(all.iter().map(cells))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = width(column).unwrap_or(0);
            // Writing to a string can't fail.
            let _ = match column {
                0 => write!(line, "{cell:width$}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for (name, words) in remarks(all) {
        let _ = write!(text, "\n{name}: {words}");
    }
    text.push('\n');
    text
}

/// The same as a Markdown table and lists.
pub fn markdown(all: &[Counts]) -> String {
    let line = |cells: [String; 8]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(HEAD.map(str::to_owned));
    text.push_str("|---|");
    text.push_str(&"--:|".repeat(HEAD.len() - 1));
    text.push('\n');
    text.extend(all.iter().map(|counts| line(cells(counts))));
    for (name, words) in remarks(all) {
        let _ = write!(text, "\n- **{name}**: {words}");
    }
    text.push('\n');
    text
}

fn cells(counts: &Counts) -> [String; 8] {
    let calls = counts.system_calls.as_ref().map(|calls| calls.per_echo);
    [
        counts.candidate.clone(),
        cell(calls.map(|calls| format!("{calls:.2}"))),
        cell(counts.instructions.map(|count| grouped(count.round()))),
        cell(
            counts
                .bytes_per_idle_connection
                .map(|bytes| grouped(bytes.round())),
        ),
        cell(counts.idle_wake_ups.map(|count| count.to_string())),
        cell(counts.binary.map(|bytes| grouped(bytes as f64))),
        cell(counts.lines.map(|lines| lines.to_string())),
        cell(
            counts
                .build_seconds
                .map(|seconds| format!("{seconds:.1} s")),
        ),
    ]
}

fn cell(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// What the columns have no space for: each candidate's system calls by name, and its notes.
fn remarks(all: &[Counts]) -> impl Iterator<Item = (&str, String)> {
    all.iter().flat_map(|counts| {
        let calls = counts.system_calls.as_ref().map(by_name);
        let said = calls.into_iter().chain(counts.notes.iter().cloned());
        said.map(|words| (counts.candidate.as_str(), words))
    })
}

/// The calls by name, the most frequent first.
fn by_name(calls: &Calls) -> String {
    let mut named: Vec<_> = calls.by_name.iter().collect();
    named.sort_by(|one, other| other.1.total_cmp(one.1));
    let words: Vec<_> = named
        .iter()
        .map(|(name, calls)| format!("{name} {calls:.2}"))
        .collect();
    words.join(", ")
}

/// A whole number with a comma before every three digits.
fn grouped(number: f64) -> String {
    indicatif::HumanFloatCount(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> Counts {
        Counts {
            candidate: "select".to_owned(),
            system_calls: Some(Calls {
                per_echo: 2.02,
                by_name: [("poll".to_owned(), 0.02), ("recvfrom".to_owned(), 1.0)].into(),
                own_count: Some(2.02),
            }),
            counted_calls: Some(2.05),
            instructions: Some(1234.4),
            bytes_per_idle_connection: None,
            idle_wake_ups: Some(0),
            binary: Some(1_000_000),
            lines: Some(80),
            build_seconds: None,
            notes: vec!["memory: unknown".to_owned()],
        }
    }

    #[test]
    fn columns_are_aligned_and_what_is_missing_is_a_dash() {
        let text = plain(&[counts()]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[1],
            "select          2.02         1,234           -         0  1,000,000     80      -"
        );
        assert_eq!(
            lines[0].find("calls").map(|at| at + 5),
            lines[1].find("2.02").map(|at| at + 4)
        );
        assert_eq!(lines[3], "select: recvfrom 1.00, poll 0.02");
        assert_eq!(lines[4], "select: memory: unknown");
    }

    #[test]
    fn every_row_of_the_markdown_has_every_column() {
        let text = markdown(&[counts()]);
        let bars = |line: &str| line.matches('|').count();
        assert!(
            text.lines()
                .take(3)
                .all(|line| bars(line) == HEAD.len() + 1)
        );
    }
}
