//! Which plot shows what.

use anyhow::{Result, bail};
use common::comparison::Comparison;

use super::lines::Lines;
use super::own::Own;
use super::rows::Rows;
use super::svg::Sheet;
use super::table::Table;

mod counts;
mod idle;
mod noise;
mod rates;

pub use counts::Counted;

/// What a plot is about.
#[derive(Debug, PartialEq, Eq)]
pub enum Subject {
    /// Rates divided by the floor's: a group, and one of its benchmarks.
    Rates(&'static str, String),
    /// The slowest of a hundred pings.
    Fairness,
    /// How idle connections slow the busy ones down.
    Idle,
    /// A server compared with itself, and those that are close to it.
    NoiseFloor,
    /// Counted costs.
    Counts(Counted),
}

/// A plot and its words.
#[derive(Debug)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub reading: &'static str,
    /// The plot itself.
    pub drawing: Drawing,
    /// Its numbers.
    pub table: Table,
}

/// One of the two kinds.
#[derive(Debug)]
pub enum Drawing {
    /// A row for each candidate.
    Rows(Rows),
    /// A line for each candidate.
    Lines(Lines),
}

impl Subject {
    /// The subject that a page means by this name.
    ///
    /// # Errors
    /// There is no plot of this name.
    pub fn named(name: &str) -> Result<Self> {
        let (first, rest) = name.split_once(' ').unwrap_or((name, ""));
        let rest = rest.trim();
        let rates = |group| Ok(Subject::Rates(group, rest.to_owned()));
        match (first, rest) {
            ("round-trip", _) => rates("round-trip"),
            ("pipelined-lines", _) => rates("pipelined-lines"),
            ("stream", _) => rates("stream"),
            ("connect", _) => rates("connect"),
            ("fairness", "") => Ok(Subject::Fairness),
            ("idle", "") => Ok(Subject::Idle),
            ("noise-floor", "") => Ok(Subject::NoiseFloor),
            ("counts", "instructions") => Ok(Subject::Counts(Counted::Instructions)),
            ("counts", "memory") => Ok(Subject::Counts(Counted::Memory)),
            ("counts", "calls") => Ok(Subject::Counts(Counted::Calls)),
            _ => bail!("there is no plot {name}"),
        }
    }
}

impl Figure {
    /// The figure of this subject.
    ///
    /// # Errors
    /// The record lacks what it needs.
    pub fn of(subject: &Subject, record: &Comparison, own: &Own) -> Result<Self> {
        match subject {
            Subject::Rates(group, shape) => rates::figure(record, own, group, shape),
            Subject::Fairness => rates::fairness(record, own),
            Subject::Idle => idle::figure(record, own),
            Subject::NoiseFloor => noise::figure(record),
            Subject::Counts(what) => counts::figure(record, *what),
        }
    }
}

impl Drawing {
    /// The plot on this sheet.
    pub fn draw(&self, sheet: Sheet, title: &str) -> String {
        match self {
            Drawing::Rows(rows) => rows.draw(sheet, title),
            Drawing::Lines(lines) => lines.draw(sheet, title),
        }
    }

    /// Whether it shows the reader's own run.
    pub fn has_own(&self) -> bool {
        match self {
            Drawing::Rows(rows) => rows.entries.iter().any(|entry| entry.own.is_some()),
            Drawing::Lines(lines) => lines.lines.iter().any(|line| !line.own.is_empty()),
        }
    }
}
