//! What is done to a server to measure it, once.

mod fairness;

use std::io;
use std::time::{Duration, Instant};

use common::client::EchoClient;
use common::client::load::{Length, Settings};

use crate::harness::Server;
use fairness::PingsBesideFlood;

/// In so long there are five hundred pings, of which a 99th percentile leaves out five.
const ENOUGH_PINGS: Duration = Duration::from_millis(50);

/// What is done to a server.
#[derive(Debug, Clone)]
pub enum Trial {
    /// Messages go to and fro, in a closed loop: time for each.
    Echo(Settings),
    /// Connect, one message to and fro, close: time for each, one after the other.
    Connect,
    /// Ten pingers at a fixed rate beside one flooder: the pingers' 99th percentile.
    Fairness,
}

/// What it has shown.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Seconds for each message or connection, or the percentile in seconds.
    pub seconds: f64,
    /// The server's processor time for each, in seconds.
    pub server_cpu: f64,
    /// The client's processor time for each, in seconds; 0 where it was not measured.
    pub client_cpu: f64,
    /// Whether a faster server would have made no difference.
    pub client_was_the_bottleneck: bool,
}

impl Trial {
    /// Puts the server to it for about so long.
    ///
    /// # Errors
    /// A connection that cannot be had, or that was lost or answered wrongly.
    pub fn run(&self, server: &Server, duration: Duration) -> io::Result<Sample> {
        let named = |error| server.named(error);
        match self {
            Trial::Echo(settings) => echo(server, settings, duration),
            Trial::Connect => connect(server, duration).map_err(named),
            Trial::Fairness => fairness(server, duration.max(ENOUGH_PINGS)).map_err(named),
        }
    }
}

fn echo(server: &Server, settings: &Settings, duration: Duration) -> io::Result<Sample> {
    let settings = Settings {
        length: Length::Duration(duration),
        ..settings.clone()
    };
    let slice = server.slice(&settings)?;
    if slice.summary.messages == 0 {
        // Too short a time for so slow a server, or for so busy a machine.
        return echo(server, &settings, duration * 2);
    }
    Ok(Sample {
        seconds: 1.0 / slice.summary.messages_per_second,
        server_cpu: slice.server_cpu.as_secs_f64(),
        client_cpu: slice.client_cpu.as_secs_f64(),
        client_was_the_bottleneck: slice.summary.client_was_the_bottleneck(),
    })
}

fn connect(server: &Server, duration: Duration) -> io::Result<Sample> {
    let (begun, cpu) = (Instant::now(), server.cpu_time()?);
    let mut connections = 0;
    while begun.elapsed() < duration {
        let mut client = EchoClient::connect(server.address())?;
        if client.echo(b"hello\n")? != b"hello\n" {
            return Err(io::Error::other("an answer was wrong"));
        }
        connections += 1;
    }
    let each = |time: Duration| time.as_secs_f64() / f64::from(connections);
    Ok(Sample {
        seconds: each(begun.elapsed()),
        server_cpu: each(server.cpu_time()? - cpu),
        client_cpu: 0.0,
        client_was_the_bottleneck: false,
    })
}

fn fairness(server: &Server, duration: Duration) -> io::Result<Sample> {
    let pings = PingsBesideFlood::open(server.address())?;
    server.rest()?;
    let cpu = server.cpu_time()?;
    let mut times = pings.run(duration)?;
    let server_cpu = (server.cpu_time()? - cpu).div_f64(times.len() as f64);
    times.sort_unstable();
    Ok(Sample {
        seconds: times[times.len() * 99 / 100].as_secs_f64(),
        server_cpu: server_cpu.as_secs_f64(),
        client_cpu: 0.0,
        client_was_the_bottleneck: false,
    })
}
