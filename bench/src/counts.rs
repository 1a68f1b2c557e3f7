//! What a server costs, counted instead of timed: the same figures come out on a slow machine, a
//! fast one and a busy one.
//!
//! | module | for |
//! |---|---|
//! | [`tools`] | what counts, and finding out which of it this machine lacks |
//! | `under` | a server that runs under a tool |
//! | `calls` | system calls, by strace and by the server's own counters |
//! | `instructions` | instructions outside the kernel, by callgrind |
//! | `idle` | memory and wake-ups of connections that are silent |
//! | `source` | what somebody writes, and what is built from it |
//! | [`bands`] | how much each figure may be |
//! | [`table`] | all of it for people |

use std::fmt::Display;
use std::io;

use serde::{Deserialize, Serialize};

use crate::builder::Ready;
use crate::harness::Harness;

pub mod bands;
mod calls;
mod idle;
mod instructions;
mod source;
pub mod table;
pub mod tools;
mod under;

pub use calls::{Calls, counted, per_echo as calls_per_echo};
pub use idle::{bytes_per_connection, wake_ups};
pub use instructions::per_echo as instructions_per_echo;
pub use source::build_seconds;
pub use tools::Tools;

/// Connections that echo while something is counted for each echo.
pub const CONNECTIONS: usize = 50;
/// The bytes of such a message.
pub const SIZE: usize = 64;

/// What one candidate costs. What could not be counted is `None`, and a note tells why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Whose counts they are.
    pub candidate: String,
    /// System calls for each echo, as strace sees them.
    pub system_calls: Option<Calls>,
    /// The same as the server's own counters have it in a run without strace: waits, reads and
    /// writes. Only the four servers have such counters.
    pub counted_calls: Option<f64>,
    /// Instructions for each echo outside the kernel.
    pub instructions: Option<f64>,
    /// Bytes of resident memory for each idle connection.
    pub bytes_per_idle_connection: Option<f64>,
    /// How often a thread of it woke up in three seconds with silent clients only.
    pub idle_wake_ups: Option<u64>,
    /// Bytes of the program as it was built, with its symbols; a script has none.
    pub binary: Option<u64>,
    /// Lines that somebody writes who makes a server of this kind: neither blank nor comment, nor
    /// unit test.
    pub lines: Option<usize>,
    /// Seconds that a build of the package takes from nothing, where that was asked for.
    pub build_seconds: Option<f64>,
    /// What could not be counted, or is to be doubted.
    pub notes: Vec<String>,
}

/// Counts everything of one candidate that can be counted here, but for its build.
///
/// # Errors
/// A candidate that does not start. That a figure cannot be had is no error, but a note.
pub fn count(ready: &Ready, harness: &Harness, tools: &Tools) -> io::Result<Counts> {
    harness.start(ready)?.stop()?;
    let mut notes = Vec::new();
    let calls = noted(
        "system calls",
        calls_per_echo(ready, harness, tools),
        &mut notes,
    );
    if let Some(doubt) = calls.as_ref().and_then(Calls::doubt) {
        notes.push(doubt);
    }
    Ok(Counts {
        candidate: ready.candidate.name.to_owned(),
        system_calls: calls,
        counted_calls: noted("counters", counted(ready, harness), &mut notes),
        instructions: noted(
            "instructions",
            instructions_per_echo(ready, harness, tools),
            &mut notes,
        ),
        bytes_per_idle_connection: noted(
            "bytes per idle connection",
            bytes_per_connection(ready, harness),
            &mut notes,
        ),
        idle_wake_ups: noted("wake-ups", wake_ups(ready, harness).map(Some), &mut notes),
        binary: noted("binary", source::binary(ready), &mut notes),
        lines: noted(
            "lines",
            source::lines(ready.candidate).map(Some),
            &mut notes,
        ),
        build_seconds: None,
        notes,
    })
}

/// A figure, or `None` and a note if it could not be had; that there is none needs no note.
fn noted<T>(
    figure: impl Display,
    had: io::Result<Option<T>>,
    notes: &mut Vec<String>,
) -> Option<T> {
    had.unwrap_or_else(|error| {
        notes.push(format!("{figure}: {error}"));
        None
    })
}
