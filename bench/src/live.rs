//! The live comparison: a table that is redrawn while servers are loaded one at a time.
//!
//! `options` is its command line. It shares the rest with `cargo bench`: see
//! [`run`](crate::run), [`table`], and [`report`](crate::report).

mod options;

use std::io;
use std::time::Instant;

use common::client::interrupt::{self, Interrupt};
use common::comparison::Comparison;
use common::output;

use crate::builder::Builder;
use crate::comparison;
use crate::harness::Harness;
use crate::machine;
use crate::report::screen::{self, Screen};
use crate::report::{Loaded, markdown};
use crate::run::Run;
use crate::table;
use options::{Format, Until};

pub use options::Options;

/// Runs the comparison and shows it, until it is over or a signal comes.
///
/// # Errors
/// A server doesn't build or start, loses a connection, or returns wrong bytes.
pub fn run(options: &Options) -> io::Result<()> {
    let (entrants, skipped) = options.entrants();
    let builder = Builder::open(entrants, options.profile())?;
    // A signal only ends the rounds: there is a table to show.
    let stop = interrupt::catch()?;
    // Before this thread is kept on one core: after that, it sees only that core.
    let machine = machine::here();
    let harness = Harness::enter()?;
    let mut view = View::of(options);
    let group = options.group();
    let run = Run::start(
        &harness,
        &group,
        &builder.ready,
        options.effort(),
        |_, _| true,
    )?;
    if run.series().iter().all(Vec::is_empty) {
        return Err(io::Error::other("none of these servers can run here"));
    }
    let command = "cargo run --release -p bench";
    let mut begun = comparison::begin(command, machine, &harness, &builder);
    begun.skipped.extend(skipped);
    let mut live = Live {
        options,
        begun,
        run,
    };
    let outcome = live.rounds(&mut view, &stop);
    let comparison = live.comparison();
    // The servers end before the table says that it is over.
    drop(live);
    outcome?;
    view.end(&comparison)
}

struct Live<'a> {
    options: &'a Options,
    /// The comparison without its results.
    begun: Comparison,
    run: Run<'a>,
}

impl Live<'_> {
    fn rounds(&mut self, view: &mut View, stop: &Interrupt) -> io::Result<()> {
        let begun = Instant::now();
        let until = self.options.until();
        for round in 0.. {
            let is_over = match until {
                Until::Rounds(rounds) => round >= rounds,
                Until::Elapsed(duration) => begun.elapsed() >= duration,
            };
            if is_over {
                break;
            }
            for visit in self.run.visits(round) {
                view.show(|| self.comparison(), self.row(visit.server), until)?;
                self.run.visit(&visit)?;
                if stop.is_raised() {
                    return Ok(());
                }
            }
            view.round_is_over(round + 1, until);
        }
        Ok(())
    }

    /// The results so far.
    fn comparison(&self) -> Comparison {
        let mut comparison = self.begun.clone();
        let (group, effort) = (self.options.group(), self.options.effort());
        comparison.add(table::group(&group, effort, self.run.series(), true));
        comparison
    }

    /// The row of a server; `None` for a second instance.
    fn row(&self, server: usize) -> Option<usize> {
        let series = self.run.series().first()?;
        let rows = series[..server].iter().filter(|one| !one.is_twin).count();
        (!series[server].is_twin).then_some(rows)
    }
}

/// How the table is shown.
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

    /// Shows the results before the server of this row is loaded.
    fn show(
        &mut self,
        comparison: impl FnOnce() -> Comparison,
        server: Option<usize>,
        until: Until,
    ) -> io::Result<()> {
        let until = until.to_string();
        match self {
            View::Live(screen) => screen.draw(&comparison(), Some(&Loaded { server, until })),
            View::AtTheEnd(_) => Ok(()),
        }
    }

    /// Without a terminal, prints the progress to standard error.
    fn round_is_over(&self, round: usize, until: Until) {
        if let View::AtTheEnd(_) = self {
            output::print_to_stderr(format_args!("round {round} of {until}"));
        }
    }

    fn end(self, comparison: &Comparison) -> io::Result<()> {
        let text = match self {
            View::Live(mut screen) => return screen.draw(comparison, None),
            View::AtTheEnd(Format::Text) => screen::plain(comparison),
            View::AtTheEnd(Format::Markdown) => markdown::live(comparison),
            View::AtTheEnd(Format::Json) => serde_json::to_string(comparison)? + "\n",
        };
        output::print(format_args!("{text}"))
    }
}
