//! What several workers change: what the program `workers` of the bench crate writes and the book
//! shows.

use serde::{Deserialize, Serialize};

use super::{Estimate, Machine};

/// Servers with one worker and with two, measured together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkersRecord {
    /// The command that produced it.
    pub command: String,
    /// The machine that it was measured on, and when. The client and the servers share its cores.
    pub machine: Machine,
    /// Threads of the client.
    pub client_threads: usize,
    /// Connections under load.
    pub connections: usize,
    /// The rates and latencies.
    pub rows: Vec<WorkersRow>,
    /// How connections are distributed among two workers.
    pub balances: Vec<Balance>,
    /// The servers that the machine lacked.
    pub skipped: Vec<String>,
}

/// A server with this many workers. All times are in seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkersRow {
    /// Its name.
    pub candidate: String,
    /// How many threads serve.
    pub workers: usize,
    /// Messages per second.
    pub rate: Estimate,
    /// The 99th percentile of the latency.
    pub p99: Option<Estimate>,
    /// The server's processor time per message, of all threads together.
    pub server_cpu: Option<Estimate>,
    /// The client's processor time per message.
    pub client_cpu: Option<Estimate>,
    /// The share of the samples in which the client was the bottleneck, from 0 to 1.
    pub client_was_the_bottleneck: f64,
    /// The median latency of ten pingers while one client floods the server.
    pub flood_p50: Option<Estimate>,
    /// The 99th percentile of the same.
    pub flood_p99: Option<Estimate>,
}

/// How many of the connections the busier one of two workers had, in several runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Balance {
    /// The server.
    pub candidate: String,
    /// Whether the workers shared one listener.
    pub is_shared: bool,
    /// Connections in each run.
    pub connections: u64,
    /// The connections of the busier worker in each run, sorted.
    pub busier: Vec<u64>,
}
