//! What is counted while a load runs.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::Settings;
use super::summary::{Latency, Summary};

/// A longer latency counts as this one: an hour, in nanoseconds.
const LONGEST: u64 = 3_600_000_000_000;

/// Answers and errors, as they come in.
pub(super) struct Tally {
    /// When the last answer was complete.
    pub(super) last_answer: Instant,
    pub(super) errors: u64,
    first_error: Option<String>,
    histogram: Histogram<u64>,
}

impl Tally {
    /// Nothing counted yet.
    pub(super) fn new(begin: Instant) -> io::Result<Self> {
        let histogram = Histogram::new_with_max(LONGEST, 3).map_err(io::Error::other)?;
        Ok(Tally {
            last_answer: begin,
            errors: 0,
            first_error: None,
            histogram,
        })
    }

    /// How many messages have been answered.
    pub(super) fn messages(&self) -> u64 {
        self.histogram.len()
    }

    /// Counts a message that was due at `due` and whose answer was complete at `now`.
    pub(super) fn record(&mut self, due: Instant, now: Instant) {
        let nanoseconds = now.duration_since(due).as_nanos();
        self.histogram.saturating_record(nanoseconds as u64);
        self.last_answer = now;
    }

    /// Counts an error, of which the first is told.
    pub(super) fn count_error(&mut self, message: impl FnOnce() -> String) {
        self.errors += 1;
        self.first_error.get_or_insert_with(message);
    }

    /// All that can be told from what was counted in `duration`.
    pub(super) fn summarise(
        self,
        address: SocketAddr,
        settings: &Settings,
        duration: Duration,
    ) -> Summary {
        let (seconds, messages) = (duration.as_secs_f64(), self.messages());
        let messages_per_second = if seconds > 0.0 {
            messages as f64 / seconds
        } else {
            0.0
        };
        Summary {
            address,
            connections: settings.connections,
            idle: settings.idle,
            size: settings.size,
            depth: settings.depth,
            rate: settings.rate,
            messages,
            seconds,
            messages_per_second,
            megabytes_per_second: messages_per_second * settings.size as f64 / 1e6,
            latency: Latency::of(&self.histogram),
            never_sent: 0,
            errors: self.errors,
            first_error: self.first_error,
            client_cpu: 0.0,
            histogram: self.histogram,
        }
    }
}
