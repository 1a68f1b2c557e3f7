//! What a server costs, counted instead of timed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// Lines of code that you write to make a server of this kind.
    pub lines: Option<usize>,
    /// Seconds that a build of the package takes from nothing, where that was measured.
    pub build_seconds: Option<f64>,
    /// What could not be counted, or is to be doubted.
    pub notes: Vec<String>,
}

/// System calls for each echo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    /// All of them together.
    pub per_echo: f64,
    /// Each by its name, the rare ones left out.
    pub by_name: BTreeMap<String, f64>,
    /// What the server has counted itself in the very same runs: waits, reads and writes, those
    /// that found nothing included. Only the four servers do.
    pub own_count: Option<f64>,
}
