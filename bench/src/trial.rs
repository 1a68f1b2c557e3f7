//! What to do with a server to take one sample.

mod fairness;

use std::io;
use std::time::{Duration, Instant};

use common::client::EchoClient;
use common::client::load::{Length, LoadSettings};

use crate::harness::Server;
use fairness::PingsBesideFlood;

/// This long has five hundred pings, of which a 99th percentile leaves out five.
const ENOUGH_PINGS: Duration = Duration::from_millis(50);

/// What to do with a server.
#[derive(Debug, Clone)]
pub enum Trial {
    /// Messages and their echoes, in a closed loop: measures the time for each.
    Echo(LoadSettings),
    /// Connect, one message and its echo, close, one after the other: measures the time for each.
    Connect,
    /// Ten pingers at a fixed rate next to one flooder: measures the pingers' 99th percentile.
    Fairness,
}

/// The measurements of one visit to a server. All times are in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// Time per message or connection, or the percentile.
    pub seconds: f64,
    /// The median latency, where latencies were measured.
    pub p50: Option<f64>,
    /// The 99th percentile of the latency, where latencies were measured.
    pub p99: Option<f64>,
    /// The server's processor time per message or connection.
    pub server_cpu: Option<f64>,
    /// The client's processor time per message.
    pub client_cpu: Option<f64>,
    /// Connections with an answer to read each time the client's wait returned.
    pub answers_waiting: Option<f64>,
    /// Whether a faster server would have made no difference.
    pub client_was_the_bottleneck: bool,
}

impl Trial {
    /// Runs the trial for about this long.
    ///
    /// # Errors
    /// A connection can't be opened, was lost, or returned wrong bytes.
    pub fn run(&self, server: &Server, duration: Duration) -> io::Result<Sample> {
        let named = |error| server.named(error);
        match self {
            Trial::Echo(settings) => echo(server, settings, duration),
            Trial::Connect => connect(server, duration).map_err(named),
            Trial::Fairness => fairness(server, duration.max(ENOUGH_PINGS)).map_err(named),
        }
    }
}

fn echo(server: &Server, settings: &LoadSettings, duration: Duration) -> io::Result<Sample> {
    let settings = LoadSettings {
        length: Length::Duration(duration),
        ..settings.clone()
    };
    let slice = server.slice(&settings)?;
    let summary = &slice.summary;
    let Some(latency) = summary.latency else {
        // The time is too short for so slow a server, or for so busy a machine.
        return echo(server, &settings, duration * 2);
    };
    Ok(Sample {
        seconds: 1.0 / summary.messages_per_second,
        p50: Some(latency.p50_us / 1e6),
        p99: Some(latency.p99_us / 1e6),
        server_cpu: Some(slice.server_cpu.as_secs_f64()),
        client_cpu: Some(slice.client_cpu.as_secs_f64()),
        answers_waiting: summary.answers_waiting,
        client_was_the_bottleneck: summary.client_was_the_bottleneck(),
    })
}

fn connect(server: &Server, duration: Duration) -> io::Result<Sample> {
    let (begun, cpu) = (Instant::now(), server.cpu_time()?);
    let mut connections = 0;
    while begun.elapsed() < duration {
        let mut client = EchoClient::connect(server.address())?;
        if client.echo(b"hello\n")? != b"hello\n" {
            return Err(io::Error::other("wrong bytes came back"));
        }
        connections += 1;
    }
    let each = |time: Duration| time.as_secs_f64() / f64::from(connections);
    Ok(Sample {
        seconds: each(begun.elapsed()),
        server_cpu: Some(each(server.cpu_time()? - cpu)),
        ..Sample::default()
    })
}

fn fairness(server: &Server, duration: Duration) -> io::Result<Sample> {
    let pings = PingsBesideFlood::open(server.address())?;
    server.rest()?;
    let mut times = pings.run(duration)?;
    times.sort_unstable();
    let percentile = |percent: usize| times[times.len() * percent / 100].as_secs_f64();
    // Nearly all of the processor's time goes into the flood, so a time per ping makes no sense.
    Ok(Sample {
        seconds: percentile(99),
        p50: Some(percentile(50)),
        p99: Some(percentile(99)),
        ..Sample::default()
    })
}
