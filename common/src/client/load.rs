//! The load generator: how many messages a server echoes in a second, and how long each one takes.
//!
//! It runs on one thread, or deals its connections out over several, each with a loop of its own.
//! Each message costs one send, one recv and a share of the wait, which is what it costs the server
//! too. A server here has one thread, so two threads on cores of their own outrun every one of
//! them. With more than one message under way on a connection, those that are due together leave in
//! one send. Every byte that comes back is verified.
//!
//! ```no_run
//! use common::client::load::{self, LoadSettings};
//!
//! let settings = LoadSettings { connections: 10, ..LoadSettings::default() };
//! let summary = load::run("127.0.0.1:8881".parse().unwrap(), &settings)?.verified()?;
//! assert!(summary.messages_per_second > 10_000.0, "{summary}");
//! # Ok::<(), std::io::Error>(())
//! ```

mod connect;
mod connection;
mod engine;
mod latency;
mod meter;
mod options;
mod payload;
mod run;
mod schedule;
mod summary;
mod tally;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

pub use engine::{Load, Progress};
pub use latency::Latency;
pub use options::{LoadOptions, command};
pub use summary::Summary;

/// Puts the server at `address` under load and tells what was seen.
///
/// # Errors
/// As [`Load::open`] and [`Load::run`]. A connection that fails later is counted in the summary.
pub fn run(address: SocketAddr, settings: &LoadSettings) -> io::Result<Summary> {
    Load::open(address, settings)?.run()
}

/// What load to make.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// Threads over which connections and messages are dealt out evenly, each in need of a core of
    /// its own. There are never more of them than connections or messages to count.
    pub threads: usize,
    /// Connections that exchange messages.
    pub connections: usize,
    /// Connections that are opened beside them and stay silent.
    pub idle: usize,
    /// Length of a message in bytes. The last one is `\n`, so that a line server answers it too.
    pub size: usize,
    /// Most messages under way on one connection.
    pub depth: usize,
    /// When to end.
    pub length: Length,
    /// Messages a second over all connections, each latency counted from when the message *should*
    /// have been sent; or `None` for a closed loop, in which a message follows as soon as an
    /// earlier one is answered.
    pub rate: Option<f64>,
    /// Time under load before anything is measured.
    pub warm_up: Duration,
    /// If nothing moves for so long, what has not come back counts as lost and the run ends; each
    /// thread looks after its own connections.
    pub stall_limit: Duration,
}

/// When a run ends.
#[derive(Debug, Clone, Copy)]
pub enum Length {
    /// After so long, the warm-up not included, and once all that was sent is answered.
    Duration(Duration),
    /// After so many messages, those of the warm-up not included.
    Count(u64),
}

/// The same as without any option on the command line.
impl Default for LoadSettings {
    fn default() -> Self {
        LoadSettings {
            threads: 1,
            connections: 50,
            idle: 0,
            size: 64,
            depth: 1,
            length: Length::Duration(Duration::from_secs(5)),
            rate: None,
            warm_up: Duration::ZERO,
            stall_limit: Duration::from_secs(10),
        }
    }
}

impl LoadSettings {
    /// The most bytes that one connection may have under way, so that a slip of the keyboard does
    /// not take all memory.
    const MOST_UNDER_WAY: usize = 1 << 30;

    /// Messages a second.
    const RATES: RangeInclusive<f64> = 0.001..=1e9;

    /// The settings, if they make sense together, with no more threads than have something to do.
    ///
    /// # Errors
    /// `InvalidInput`: what is wrong.
    pub fn checked(&self) -> io::Result<Self> {
        let under_way = self.size.saturating_mul(self.depth.saturating_add(1));
        let wrong =
            if self.threads == 0 || self.connections == 0 || self.size == 0 || self.depth == 0 {
                "threads, connections, size and depth must be at least 1"
            } else if under_way > Self::MOST_UNDER_WAY {
                "size × depth is more than one connection may have under way: 1 GiB"
            } else if self.rate.is_some_and(|rate| !Self::RATES.contains(&rate)) {
                "the rate must lie between 0.001 and 1e9 messages a second"
            } else if matches!(
                self.length,
                Length::Duration(Duration::ZERO) | Length::Count(0)
            ) {
                "the run must have some length"
            } else {
                return Ok(LoadSettings {
                    threads: self.useful_threads(),
                    ..self.clone()
                });
            };
        Err(io::Error::new(ErrorKind::InvalidInput, wrong))
    }

    fn useful_threads(&self) -> usize {
        let most = match self.length {
            Length::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Length::Duration(_) => usize::MAX,
        };
        self.threads.min(self.connections).min(most)
    }
}
