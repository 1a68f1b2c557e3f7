//! The live comparison: a table that is redrawn while servers are loaded one at a time.
//!
//! | module | for |
//! |---|---|
//! | `options` | the command line |
//! | `run` | the servers, and what their slices of load have shown |
//! | `calls` | system calls per echo |
//! | `conditions` | what is measured, and on what |
//! | `table` | what all this amounts to, as `--json` prints it |
//! | `layout` | the table in lines of text, for any width |
//! | `columns` | its columns |
//! | `words` | its sentences |
//! | `graph` | a bar, a sparkline, a number |
//! | `style` | the marker and the colour of each of the four styles |
//! | `screen` | drawing over what was drawn before |
//! | `markdown` | `--markdown` |

mod calls;
mod columns;
mod conditions;
mod graph;
mod layout;
mod markdown;
mod options;
mod run;
mod screen;
mod style;
mod table;
mod words;

use std::io;
use std::time::Instant;

use common::client::interrupt::{self, Interrupt};
use common::output;

use crate::builder::Builder;
use crate::harness::{Harness, rotated};
use crate::machine::Machine;
use conditions::{Conditions, Skipped};
use options::{Format, Until};
use run::Run;
use screen::Screen;
use table::Table;

pub use options::Options;

/// Runs the comparison and shows it, until it is over or a signal comes.
///
/// # Errors
/// A server that does not build or start, or loses a connection, or answers wrongly.
pub fn run(options: &Options) -> io::Result<()> {
    let (entrants, mut skipped) = options.entrants();
    let builder = Builder::open(entrants, options.profile())?;
    skipped.extend(builder.missing.iter().map(Skipped::from));
    // A signal only asks for the end: there is a table to show.
    let stop = interrupt::catch()?;
    // Before this thread keeps to one core: it would see no other.
    let machine = Machine::here();
    let harness = Harness::enter()?;
    let mut view = View::of(options);
    let mut run = Run::start(&harness, &builder.ready, options.settings())?;
    let conditions = Conditions::of(options, machine, harness.cores(), skipped);
    let outcome = rounds(options, &conditions, &mut run, &mut view, &stop);
    let table = Table::of(&conditions, run.records());
    // The servers are gone before anybody reads that it is over.
    drop(run);
    outcome?;
    view.end(&table)
}

fn rounds(
    options: &Options,
    conditions: &Conditions,
    run: &mut Run,
    view: &mut View,
    stop: &Interrupt,
) -> io::Result<()> {
    let begun = Instant::now();
    for round in 0.. {
        let is_over = match options.until() {
            Until::Rounds(rounds) => round >= rounds,
            Until::Elapsed(duration) => begun.elapsed() >= duration,
        };
        if is_over {
            break;
        }
        for series in rotated(run.records().len(), round) {
            view.show(|| Table::of(conditions, run.records()), series)?;
            run.slice(series)?;
            if stop.is_raised() {
                return Ok(());
            }
        }
        view.round_is_over(round + 1, options.until());
    }
    Ok(())
}

/// How the table reaches its reader.
enum View {
    /// Redrawn in place.
    Live(Screen),
    /// Printed once, at the end.
    AtTheEnd(Format),
}

impl View {
    fn of(options: &Options) -> Self {
        match (options.format(), Screen::open()) {
            (Format::Text, Some(screen)) => View::Live(screen),
            (format, _) => View::AtTheEnd(format),
        }
    }

    /// Shows how things stand before `series` is loaded.
    fn show(&mut self, table: impl FnOnce() -> Table, series: usize) -> io::Result<()> {
        match self {
            View::Live(screen) => screen.draw(&table(), Some(series)),
            View::AtTheEnd(_) => Ok(()),
        }
    }

    /// Where nobody sees the table grow, standard error tells how far it is.
    fn round_is_over(&self, round: usize, until: Until) {
        if let View::AtTheEnd(_) = self {
            output::complain(format_args!("round {round} of {until}"));
        }
    }

    fn end(self, table: &Table) -> io::Result<()> {
        let text = match self {
            View::Live(mut screen) => return screen.draw(table, None),
            View::AtTheEnd(Format::Text) => screen::plain(table),
            View::AtTheEnd(Format::Markdown) => markdown::of(table),
            View::AtTheEnd(Format::Json) => serde_json::to_string(table)? + "\n",
        };
        output::print(format_args!("{text}"))
    }
}
