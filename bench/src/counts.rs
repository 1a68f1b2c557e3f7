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
//! | `source` | lines that you write, and the program built from them |
//! | [`bands`] | limits for each figure |
//! | [`table`] | all of it for people |

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

/// Connections that echo while something is counted for each echo.
pub const CONNECTIONS: usize = 50;
/// The bytes of such a message.
pub const SIZE: usize = 64;

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
