//! The load generator: measures how many messages per second a server echoes, and how long each takes.
//!
//! It runs on one thread, or distributes its connections over several, each with its own loop.
//! Each message costs one send, one recv, and a share of the wait, which is what it costs the server
//! too. A server here has one thread, so two threads on their own cores are faster than any of
//! them. With more than one message in flight per connection, messages that are due together go out
//! in one send. Every byte that comes back is verified.
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

/// Puts the server at `address` under load and returns the results.
///
/// # Errors
/// The errors of [`Load::open`] and [`Load::run`]. The summary counts connections that fail later.
pub fn run(address: SocketAddr, settings: &LoadSettings) -> io::Result<Summary> {
    Load::open(address, settings)?.run()
}

/// The load to generate.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// Threads that share the connections and messages evenly; each needs its own core. There are
    /// never more threads than connections or messages to count.
    pub threads: usize,
    /// Connections that exchange messages.
    pub connections: usize,
    /// More connections that stay silent.
    pub idle: usize,
    /// Length of a message in bytes. The last byte is `\n`, so that a line server returns it too.
    pub size: usize,
    /// Most messages in flight on one connection.
    pub depth: usize,
    /// When to end.
    pub length: Length,
    /// Messages per second over all connections, with each latency counted from when the message
    /// *should* have been sent; or `None` for a closed loop, in which each answer triggers the next
    /// message.
    pub rate: Option<f64>,
    /// Time under load before the measurement begins.
    pub warm_up: Duration,
    /// If nothing arrives for this long, unanswered messages count as lost and the run ends. Each
    /// thread watches its own connections.
    pub stall_limit: Duration,
}

/// When a run ends.
#[derive(Debug, Clone, Copy)]
pub enum Length {
    /// After this long, without the warm-up, and once all that was sent is answered.
    Duration(Duration),
    /// After this many messages, without those of the warm-up.
    Count(u64),
}

/// The defaults of the command line.
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
    /// The most bytes that one connection can have in flight, so that a typo doesn't take all
    /// memory.
    const MOST_UNDER_WAY: usize = 1 << 30;

    /// Messages per second.
    const RATES: RangeInclusive<f64> = 0.001..=1e9;

    /// The settings, if they make sense together, with no more threads than needed.
    ///
    /// # Errors
    /// `InvalidInput`, with what is wrong.
    pub fn checked(&self) -> io::Result<Self> {
        let under_way = self.size.saturating_mul(self.depth.saturating_add(1));
        let wrong =
            if self.threads == 0 || self.connections == 0 || self.size == 0 || self.depth == 0 {
                "threads, connections, size, and depth must be at least 1"
            } else if under_way > Self::MOST_UNDER_WAY {
                "size × depth is more than one connection can have in flight: 1 GiB"
            } else if self.rate.is_some_and(|rate| !Self::RATES.contains(&rate)) {
                "the rate must be between 0.001 and 1e9 messages per second"
            } else if matches!(
                self.length,
                Length::Duration(Duration::ZERO) | Length::Count(0)
            ) {
                "the duration and the number of messages must be above zero"
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
