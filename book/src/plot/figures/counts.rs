//! Costs that were counted instead of timed.

use anyhow::{Result, ensure};
use common::comparison::{Calls, Comparison, Counts, Estimate};

use super::{Drawing, Figure};
use crate::plot::number;
use crate::plot::rows::{Entry, Rows};
use crate::plot::scale::Spread;
use crate::plot::table::Table;

/// What can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Instructions outside the kernel, per echo.
    Instructions,
    /// Bytes of memory per idle connection.
    Memory,
    /// System calls per echo.
    Calls,
}

impl Counted {
    fn title(self) -> &'static str {
        match self {
            Counted::Instructions => "Instructions outside the kernel per echo",
            Counted::Memory => "Memory per idle connection",
            Counted::Calls => "System calls per echo",
        }
    }

    fn axis(self) -> &'static str {
        match self {
            Counted::Instructions => "instructions per echo (log scale)",
            Counted::Memory => "resident bytes per connection (log scale)",
            Counted::Calls => "system calls per echo",
        }
    }

    fn spread(self) -> Spread {
        match self {
            Counted::Calls => Spread::Linear,
            Counted::Instructions | Counted::Memory => Spread::Log,
        }
    }

    fn of(self, counts: &Counts) -> Option<f64> {
        match self {
            Counted::Instructions => counts.instructions,
            Counted::Memory => counts.bytes_per_idle_connection,
            Counted::Calls => counts.system_calls.as_ref().map(|calls| calls.per_echo),
        }
    }
}

/// A bar for each candidate, the shortest first.
pub fn figure(record: &Comparison, what: Counted) -> Result<Figure> {
    let entries = record.counts.iter().filter_map(|counts| {
        let value = Estimate::exact(what.of(counts)?);
        Some(Entry::of(&counts.candidate, value))
    });
    let mut entries: Vec<Entry> = entries.collect();
    ensure!(!entries.is_empty(), "nothing of this was counted");
    entries.sort_by(|one, other| one.value.median.total_cmp(&other.value.median));
    Ok(Figure {
        title: what.title().to_owned(),
        reading: match what.spread() {
            Spread::Linear => "Shorter is cheaper.",
            _ => "Shorter is cheaper; each step to the right is ten times as much.",
        },
        drawing: Drawing::Rows(Rows {
            axis: what.axis().to_owned(),
            spread: what.spread(),
            bars: true,
            band: None,
            entries,
        }),
        table: table(record, what),
    })
}

fn table(record: &Comparison, what: Counted) -> Table {
    let rows = record.counts.iter().map(|counts| {
        let value = what.of(counts).map_or("–".to_owned(), number::short);
        let mut row = vec![counts.candidate.clone(), value];
        if what == Counted::Calls {
            row.push(counts.system_calls.as_ref().map_or("–".to_owned(), by_name));
        }
        row
    });
    let notes = record.counts.iter().flat_map(|counts| {
        let notes = counts.notes.iter();
        notes.map(|note| format!("{}: {note}", counts.candidate))
    });
    let mut headings = vec!["candidate", what.axis()];
    if what == Counted::Calls {
        headings.push("by name");
    }
    Table {
        headings,
        rows: rows.collect(),
        notes: notes.collect(),
    }
}

fn by_name(calls: &Calls) -> String {
    let names = calls.by_name.iter();
    let names: Vec<_> = names
        .map(|(name, count)| format!("{name} {}", number::short(*count)))
        .collect();
    names.join(", ")
}
