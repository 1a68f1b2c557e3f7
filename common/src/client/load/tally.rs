//! What is counted while a load runs.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::LoadSettings;
use super::latency::Latency;
use super::summary::Summary;

/// A longer latency counts as this one: an hour, in nanoseconds.
const LONGEST: u64 = 3_600_000_000_000;

/// The answers and errors of one thread so far, and in the end of all threads.
pub(super) struct Tally {
    /// When the last answer was complete.
    pub(super) last_answer: Instant,
    pub(super) errors: u64,
    first_error: Option<(Instant, String)>,
    /// Messages that became due and were not sent.
    pub(super) never_sent: u64,
    /// Whether the run was ended early.
    pub(super) interrupted: bool,
    /// The share of a core in use, and the connections found answered at each wait: of the busiest
    /// thread, once the warm-up is over.
    pub(super) client_cpu: Option<f64>,
    pub(super) answers_waiting: Option<f64>,
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
            never_sent: 0,
            interrupted: false,
            client_cpu: None,
            answers_waiting: None,
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

    /// Counts an error. The first one is reported.
    pub(super) fn count_error(&mut self, now: Instant, message: impl FnOnce() -> String) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| (now, message()));
    }

    /// Adds the counts of another thread.
    pub(super) fn add(&mut self, other: Tally) {
        // Both histograms have the same limits, so no value of one is too large for the other.
        let _ = self.histogram.add(&other.histogram);
        self.last_answer = self.last_answer.max(other.last_answer);
        self.errors += other.errors;
        self.never_sent += other.never_sent;
        self.interrupted |= other.interrupted;
        let errors = [self.first_error.take(), other.first_error];
        self.first_error = errors.into_iter().flatten().min();
        if other.client_cpu > self.client_cpu {
            self.client_cpu = other.client_cpu;
            self.answers_waiting = other.answers_waiting;
        }
    }

    /// Makes the summary of what was counted from `begin` on.
    pub(super) fn summarise(
        self,
        address: SocketAddr,
        settings: &LoadSettings,
        begin: Instant,
    ) -> Summary {
        let seconds = self.last_answer.duration_since(begin).as_secs_f64();
        let messages = self.messages();
        let messages_per_second = if seconds > 0.0 {
            messages as f64 / seconds
        } else {
            0.0
        };
        Summary {
            address,
            threads: settings.threads,
            connections: settings.connections,
            idle: settings.idle,
            size: settings.size,
            depth: settings.depth,
            rate: settings.rate,
            messages,
            interrupted: self.interrupted,
            seconds,
            messages_per_second,
            megabytes_per_second: messages_per_second * settings.size as f64 / 1e6,
            latency: Latency::of(&self.histogram),
            never_sent: self.never_sent,
            errors: self.errors,
            first_error: self.first_error.map(|(_, message)| message),
            client_cpu: self.client_cpu,
            answers_waiting: self.answers_waiting,
            histogram: self.histogram,
        }
    }
}
