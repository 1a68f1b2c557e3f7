//! The costs of a server, counted instead of timed: the numbers are the same on a slow, a fast, and
//! a busy machine.
//!
//! | module | for |
//! |---|---|
//! | [`tools`] | the tools that count, and finding out which of them this machine lacks |
//! | `under` | a server that runs under a tool |
//! | `calls` | system calls, by strace and by the server's own counters |
//! | `instructions` | instructions outside the kernel, by callgrind |
//! | `idle` | memory and wake-ups of silent connections |
//! | `source` | lines that you write, and the program built from them |
//! | [`bands`] | limits for each figure |
//! | [`table`] | all of it as text |

use std::fmt::Display;
use std::io;

use common::comparison::Counts;

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

pub use calls::{counted, doubt, per_echo as calls_per_echo};
pub use idle::{bytes_per_connection, wake_ups};
pub use instructions::per_echo as instructions_per_echo;
pub use source::build_seconds;
pub use tools::Tools;

/// Connections that send while something is counted per echo.
pub const CONNECTIONS: usize = 50;
/// The size of such a message in bytes.
pub const SIZE: usize = 64;

/// Counts everything about one candidate that can be counted here, except its build time.
///
/// # Errors
/// A candidate doesn't start. A figure that can't be counted isn't an error, but gives a note.
pub fn count(ready: &Ready, harness: &Harness, tools: &Tools) -> io::Result<Counts> {
    harness.start(ready)?.stop()?;
    let mut notes = Vec::new();
    let calls = noted(
        "system calls",
        calls_per_echo(ready, harness, tools),
        &mut notes,
    );
    if let Some(doubt) = calls.as_ref().and_then(doubt) {
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

/// A figure, or `None` and a note if it couldn't be counted. A figure that doesn't exist gets no note.
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
