//! The contract checker: numbered, named cases that grade any echo server, in any language.
//!
//! A *wire* case needs only an address. A *process* case starts the server itself, because it
//! inspects the process (memory, descriptors, CPU, exit status) or sends it signals. To be started
//! by the checker, a server has to
//! - print `listening on ADDRESS` on its standard output once it is bound,
//! - take `--port`, and for the cases on limits `--max-connections`, `--idle-timeout`,
//!   `--max-line` and `--shutdown-timeout`,
//! - be the process that was started: otherwise the checker would measure `cargo run`, or a script
//!   without `exec`, instead.
//!
//! Each server starts in its own process group. The checker kills the whole group when its case is
//! over, and when a signal ends the checker itself.
//!
//! ```no_run
//! use common::client::check::{self, Kind, Selection, Target};
//!
//! let target = Target::command("target/release/select-echo", ["--port", "0"]);
//! let report = check::run(&target, &Selection::of(Kind::Stream))?;
//! assert!(report.failed().is_empty(), "{report}");
//! # Ok::<(), check::NotGraded>(())
//! ```

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

mod case_run;
mod cases;
mod options;
mod proc;
mod report;
mod runner;
mod server;
mod traffic;

pub use options::{CheckOptions, command};
pub(in crate::client) use proc::wake_ups_if_asleep;
pub use report::{Finding, Outcome, Report};
pub use runner::{NotGraded, run, run_with};

/// What the server does with a line that isn't complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Returns every byte as it comes.
    Stream,
    /// Returns each line once it is complete, its `\n` included.
    Line,
}

/// What a case needs in order to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// The server's address.
    Wire,
    /// The server's command, so that the checker can start it and inspect its process.
    Process,
}

/// The server to grade.
#[derive(Debug, Clone)]
pub enum Target {
    /// A server that is already running. Only wire cases can run.
    Address(SocketAddr),
    /// A program and its arguments. Every case starts its own server.
    Command(Vec<OsString>),
}

impl Target {
    /// A server for the checker to start. Adds the argument `--port 0` if there is no
    /// `--port`.
    pub fn command<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into);
        Target::Command(std::iter::once(program.into()).chain(arguments).collect())
    }
}

/// One numbered promise of the contract, and the test of whether a server keeps it.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its place in the list, from 1.
    pub number: usize,
    /// Its permanent name, in lower case with hyphens.
    pub name: &'static str,
    /// What it tests, in one line.
    pub about: &'static str,
    /// Where the promise comes from: a line of the contract, an RFC, or a man page.
    pub rule: &'static str,
    /// What it needs in order to run.
    pub needs: Needs,
    /// The kind of server it is for; `None` means both.
    pub only: Option<Kind>,
    /// Whether it mostly waits, so that it can run at the same time as others.
    waits: bool,
    body: fn(&case_run::CaseRun) -> case_run::CaseResult,
}

impl Case {
    /// Whether this is the case's name or number.
    fn has_name(&self, name: &str) -> bool {
        name == self.name || name == self.number.to_string()
    }

    /// Whether the case is for servers of this kind.
    pub fn is_for(&self, kind: Kind) -> bool {
        self.only.is_none_or(|only| only == kind)
    }
}

/// Every case, in order.
pub fn cases() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(cases::numbered);
    &CASES
}

/// Which cases to run, and how strictly.
#[derive(Debug, Clone)]
pub struct Selection {
    kind: Kind,
    only: Vec<String>,
    skipped: Vec<String>,
    wire_only: bool,
    slack: f64,
    is_hurried: bool,
}

impl Selection {
    /// Selects every case for servers of this kind, with the contract's own limits.
    pub fn of(kind: Kind) -> Self {
        let (only, skipped) = (Vec::new(), Vec::new());
        Selection {
            kind,
            only,
            skipped,
            wire_only: false,
            slack: 1.0,
            is_hurried: false,
        }
    }

    /// Selects only the cases with these names or numbers; no name means all.
    #[must_use]
    pub fn only<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.only.extend(names.into_iter().map(Into::into));
        self
    }

    /// Leaves out the cases with these names or numbers.
    #[must_use]
    pub fn skip<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.skipped.extend(names.into_iter().map(Into::into));
        self
    }

    /// Selects only wire cases, even if the server's command is known.
    #[must_use]
    pub fn wire_only(mut self) -> Self {
        self.wire_only = true;
        self
    }

    /// Multiplies every limit on time or CPU by `factor`: for debug builds and busy machines. Limits
    /// on bytes and counts stay.
    #[must_use]
    pub fn slack(mut self, factor: f64) -> Self {
        self.slack = factor;
        self
    }

    /// Runs all cases at the same time, even those that measure. They disturb each other, so use it
    /// with a lot of [`slack`](Self::slack).
    #[must_use]
    pub fn hurried(mut self) -> Self {
        self.is_hurried = true;
        self
    }

    /// The selected cases, in order.
    pub fn cases(&self) -> impl Iterator<Item = &'static Case> {
        cases().iter().filter(move |case| {
            case.is_for(self.kind)
                && (self.only.is_empty() || named(&self.only, case))
                && !named(&self.skipped, case)
                && !(self.wire_only && case.needs == Needs::Process)
        })
    }

    /// Why this selection doesn't run what it names: no case has the name, or the case is both
    /// named and left out. A typo must not look like a success.
    pub fn mistake(&self) -> Option<String> {
        let names = self.only.iter().chain(&self.skipped);
        let mut unknown = names.filter(|name| !cases().iter().any(|case| case.has_name(name)));
        if let Some(name) = unknown.next() {
            return Some(format!("unknown case '{name}'; --list shows all"));
        }
        let selected: Vec<_> = self.cases().map(|case| case.number).collect();
        let is_missed = |case: &&Case| named(&self.only, case) && !selected.contains(&case.number);
        match cases().iter().find(is_missed) {
            Some(case) => Some(format!(
                "case '{}' {}",
                case.name,
                self.reason_against(case)
            )),
            None if selected.is_empty() => Some("no case left to run".into()),
            None => None,
        }
    }

    fn reason_against(&self, case: &Case) -> &'static str {
        match case.only {
            Some(Kind::Stream) if self.kind != Kind::Stream => "is for --kind stream",
            Some(Kind::Line) if self.kind != Kind::Line => "is for --kind line",
            _ if named(&self.skipped, case) => "is both named and skipped",
            _ => "needs the server's process, and --wire-only leaves it out",
        }
    }

    fn relaxed(&self, limit: Duration) -> Duration {
        limit.mul_f64(self.slack)
    }
}

fn named(names: &[String], case: &Case) -> bool {
    names.iter().any(|name| case.has_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_is_named_and_left_out_is_a_mistake() {
        let stream = || Selection::of(Kind::Stream);
        assert_eq!(stream().mistake(), None);
        assert_eq!(stream().only(["one-line", "13"]).mistake(), None);
        for (selection, expected) in [
            (stream().only(["one-lime"]), "unknown case 'one-lime'"),
            (stream().skip(["99"]), "unknown case '99'"),
            (stream().only(["one-line", "max-line"]), "--kind line"),
            (
                Selection::of(Kind::Line).only(["half-a-line"]),
                "--kind stream",
            ),
            (stream().wire_only().only(["sigterm-idle"]), "--wire-only"),
            (stream().only(["1"]).skip(["1"]), "both named and skipped"),
        ] {
            let mistake = selection.mistake().unwrap_or_default();
            assert!(mistake.contains(expected), "{mistake:?}, not {expected:?}");
        }
    }
}
