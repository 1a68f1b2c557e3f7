//! The servers, and what their slices of load have shown.

use std::io;
use std::time::Duration;

use common::client::load::{Latency, Length, Settings};

use super::calls;
use crate::builder::Ready;
use crate::candidate::Candidate;
use crate::harness::{Harness, Server, Slice};

/// How long one server is loaded before it is the next one's turn: long enough to tell a p99, short
/// enough that all meet the same weather.
pub(super) const SLICE: Duration = Duration::from_millis(120);
/// A first slice that does not count: page faults, interpreters that warm up.
const WARM_UP: Duration = Duration::from_millis(20);

/// All servers, each in a series of its own. In the last series the first server runs a second time,
/// which shows how much two instances of one program differ.
#[derive(Debug)]
pub(super) struct Run {
    settings: Settings,
    servers: Vec<Server>,
    records: Vec<Record>,
}

/// What is known of the server in one series.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) candidate: &'static Candidate,
    /// System calls per echo.
    pub(super) calls: Option<f64>,
    /// One for each round.
    pub(super) taken: Vec<Taken>,
}

/// What one slice has shown. Times are in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) messages_per_second: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) server_cpu: f64,
    pub(super) client_cpu: f64,
    pub(super) answers_waiting: f64,
    pub(super) client_was_the_bottleneck: bool,
}

impl Run {
    /// Counts the system calls, starts all servers and warms them up.
    ///
    /// # Errors
    /// Nobody to start, or a server that does not start or answer.
    pub(super) fn start(
        harness: &Harness,
        ready: &[Ready],
        settings: Settings,
    ) -> io::Result<Self> {
        let Some(first) = ready.first() else {
            return Err(io::Error::other("none of them can run here"));
        };
        let mut run = Run {
            servers: Vec::new(),
            records: Vec::new(),
            settings,
        };
        for ready in ready.iter().chain([first]) {
            run.records.push(Record {
                candidate: ready.candidate,
                calls: calls::per_echo(harness, ready, &run.settings)?,
                taken: Vec::new(),
            });
            run.servers.push(harness.start(ready)?);
        }
        for server in &run.servers {
            answered(server, &run.settings, WARM_UP)?;
        }
        Ok(run)
    }

    /// What is known of each series.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Loads the server in this series for one slice.
    ///
    /// # Errors
    /// A connection that cannot be had, or that was lost or answered wrongly.
    pub(super) fn slice(&mut self, series: usize) -> io::Result<()> {
        let taken = answered(&self.servers[series], &self.settings, SLICE)?;
        self.records[series].taken.push(taken);
        Ok(())
    }
}

/// What a slice of that length has shown, or of a longer one if nothing was answered: on a busy
/// machine a server may not even run in so short a time.
fn answered(server: &Server, settings: &Settings, length: Duration) -> io::Result<Taken> {
    let settings = Settings {
        length: Length::Duration(length),
        ..settings.clone()
    };
    let slice = server.slice(&settings)?;
    match slice.summary.latency {
        Some(latency) => Ok(Taken::of(&slice, latency)),
        None => answered(server, &settings, length * 2),
    }
}

impl Taken {
    fn of(slice: &Slice, latency: Latency) -> Self {
        let summary = &slice.summary;
        Taken {
            messages_per_second: summary.messages_per_second,
            p50: latency.p50_us,
            p99: latency.p99_us,
            server_cpu: slice.server_cpu.as_secs_f64() * 1e6,
            client_cpu: slice.client_cpu.as_secs_f64() * 1e6,
            answers_waiting: summary.answers_waiting.unwrap_or_default(),
            client_was_the_bottleneck: summary.client_was_the_bottleneck(),
        }
    }
}
