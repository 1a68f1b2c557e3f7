//! What is done to a server to measure it, once.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::client::EchoClient;
use common::load::{Length, Settings};

use crate::arena::Server;

/// Pingers beside the flooder, and the messages that all of them send in a second.
const PINGERS: usize = 10;
const PINGS_PER_SECOND: f64 = 2_000.0;
/// The flooder keeps so many chunks of so many bytes under way.
const FLOOD_AHEAD: usize = 4;
const FLOOD_CHUNK: usize = 32 << 10;

/// In so long there are enough pings for a 99th percentile.
const ENOUGH_PINGS: Duration = Duration::from_millis(120);

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
        match self {
            Trial::Echo(settings) => echo(server, settings, duration),
            Trial::Connect => connect(server, duration),
            Trial::Fairness => fairness(server, duration.max(ENOUGH_PINGS)),
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
    let pings = Settings {
        connections: PINGERS,
        rate: Some(PINGS_PER_SECOND),
        length: Length::Duration(duration),
        ..Settings::default()
    };
    let (address, over) = (server.address(), AtomicBool::new(false));
    thread::scope(|scope| {
        let flooder = scope.spawn(|| flood(address, &over));
        let slice = server.slice(&pings);
        over.store(true, Ordering::Relaxed);
        let flooded = flooder.join();
        flooded.unwrap_or_else(|_| Err(io::Error::other("the flooder panicked")))?;
        let slice = slice?;
        Ok(Sample {
            seconds: slice.summary.percentile(99.0).as_secs_f64(),
            server_cpu: slice.server_cpu.as_secs_f64(),
            client_cpu: slice.client_cpu.as_secs_f64(),
            client_was_the_bottleneck: false,
        })
    })
}

/// Keeps the server's input full and reads every answer.
fn flood(address: SocketAddr, over: &AtomicBool) -> io::Result<()> {
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    let chunk = line.repeat(FLOOD_CHUNK / line.len());
    let mut client = EchoClient::connect(address)?;
    for _ in 0..FLOOD_AHEAD {
        client.send(&chunk)?;
    }
    while !over.load(Ordering::Relaxed) {
        client.receive(chunk.len())?;
        client.send(&chunk)?;
    }
    client.finish()?;
    client.receive_to_end().map(drop)
}
