//! The costs of a server, counted instead of timed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The costs of one candidate. A cost that couldn't be counted is `None`, and a note says why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// The candidate's name.
    pub candidate: String,
    /// System calls per echo, as strace sees them.
    pub system_calls: Option<Calls>,
    /// The same from the server's own counters, in a run without strace: waits, reads, and
    /// writes. Only the four servers have such counters.
    pub counted_calls: Option<f64>,
    /// Instructions per echo outside the kernel.
    pub instructions: Option<f64>,
    /// Bytes of resident memory for each idle connection.
    pub bytes_per_idle_connection: Option<f64>,
    /// How often one of its threads woke up in three seconds with silent clients only.
    pub idle_wake_ups: Option<u64>,
    /// Size of the built program in bytes, with its symbols; a script has none.
    pub binary: Option<u64>,
    /// Lines of code that you write to make such a server.
    pub lines: Option<usize>,
    /// Seconds to build the package from scratch, where that was measured.
    pub build_seconds: Option<f64>,
    /// What couldn't be counted, or is doubtful.
    pub notes: Vec<String>,
}

/// System calls per echo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    /// All of them together.
    pub per_echo: f64,
    /// The calls by name, without the rare ones.
    pub by_name: BTreeMap<String, f64>,
    /// The server's own counts in the same runs: waits, reads, and writes, including those that
    /// found nothing. Only the four servers count.
    pub own_count: Option<f64>,
}
