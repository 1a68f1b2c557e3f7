//! The whole server, in this process on a thread of its own, on good days and on bad ones.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use common::client::{EchoClient, TIME_LIMIT};
use common::stop::Stopper;
use common::sys::{self, Counters, Faults};
use common::{Settings, StopSignal, net};

#[test]
fn every_byte_comes_back() -> io::Result<()> {
    let server = Server::start(Settings::default(), None)?;
    converse(EchoClient::connect(server.address)?, 4 * 1024 * 1024)?;
    let counters = server.stop()?;
    // The connection and the listener are closed.
    assert_eq!((counters.accepts, counters.closes), (1, 2));
    assert_eq!(counters.bytes_read, counters.bytes_written);
    Ok(())
}

#[test]
fn every_byte_comes_back_on_a_bad_day() -> io::Result<()> {
    for seed in 1..=12 {
        let settings = Settings {
            recv_size: 4096,
            high_water: 10_000,
            ..Settings::default()
        };
        on_a_bad_day(&format!("{seed}"), settings, 100_000)?;
    }
    Ok(())
}

#[test]
fn every_byte_comes_back_on_the_worst_of_days() -> io::Result<()> {
    for seed in 1..=4 {
        let settings = Settings {
            recv_size: 16,
            high_water: 1,
            ..Settings::default()
        };
        let faults = format!("{seed}:short=95,eintr=60,spurious=60,aborted=60");
        on_a_bad_day(&faults, settings, 5_000)?;
    }
    Ok(())
}

fn on_a_bad_day(faults: &str, settings: Settings, count: usize) -> io::Result<()> {
    let server = Server::start(settings, Some(faults.parse().map_err(io::Error::other)?))?;
    converse(EchoClient::connect(server.address)?, count)
        .map_err(|error| io::Error::other(format!("faults {faults}: {error}")))?;
    server.stop().map(drop)
}

#[test]
fn who_does_not_read_is_not_read_and_delays_nobody() -> io::Result<()> {
    let server = Server::start(Settings::default(), None)?;
    let mut slow = EchoClient::connect(server.address)?;
    let sent = fill(&mut slow)?;
    let mut other = EchoClient::connect(server.address)?;
    assert_eq!(other.echo(b"ping")?, b"ping");
    // And when it reads at last, it has lost nothing, although it half-closed with all that
    // pending.
    slow.finish()?;
    assert!(slow.receive_to_end()? == sent, "the bytes differ");
    server.stop().map(drop)
}

#[test]
fn a_stop_delivers_what_is_owed_and_cuts_off_who_stays() -> io::Result<()> {
    let grace = Settings::default().grace;
    let server = Server::start(Settings::default(), None)?;
    let mut idle = EchoClient::connect(server.address)?;
    assert_eq!(idle.echo(b"ping")?, b"ping");
    let mut owed = EchoClient::connect(server.address)?;
    let sent = fill(&mut owed)?;
    let mut never_reads = EchoClient::connect(server.address)?;
    fill(&mut never_reads)?;

    let begun = Instant::now();
    server.stopper.stop()?;
    assert_eq!(idle.receive_to_end()?, b"");
    assert!(begun.elapsed() < grace);
    // What the server has read is a beginning of what was sent, and it ends in good order although
    // input is unread.
    let received = owed.receive_to_end()?;
    assert!(received.len() >= 64 * 1024 && sent.starts_with(&received));
    server.wait_for_end()?;
    assert!(begun.elapsed() >= grace);
    Ok(())
}

/// Sends `count` bytes, half-closes, and receives as many.
fn converse(mut client: EchoClient, count: usize) -> io::Result<()> {
    let sent = numbered(count);
    let mut sender = client.try_clone()?;
    let bytes = sent.clone();
    let sending = thread::spawn(move || sender.send(&bytes).and_then(|()| sender.finish()));
    assert!(client.receive_to_end()? == sent, "the bytes differ");
    sending.join().expect("the sender panicked")
}

/// Sends without reading until nobody takes more: what was taken. That somebody takes all of 64 MiB
/// is an error.
fn fill(client: &mut EchoClient) -> io::Result<Vec<u8>> {
    let mut bytes = numbered(64 * 1024 * 1024);
    client.set_time_limit(Duration::from_millis(100))?;
    let mut sent = 0;
    let mut socket = client.socket();
    let refused = loop {
        match socket.write(&bytes[sent..]) {
            Ok(0) => break io::Error::other("the server keeps 64 MiB"),
            Ok(count) => sent += count,
            Err(error) => break error,
        }
    };
    client.set_time_limit(TIME_LIMIT)?;
    bytes.truncate(sent);
    match refused.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(bytes),
        _ => Err(refused),
    }
}

/// `count` bytes in which a piece that is lost, doubled or moved shows: the period is a prime.
fn numbered(count: usize) -> Vec<u8> {
    let mut bytes = (0..=250).collect::<Vec<u8>>().repeat(count / 251 + 1);
    bytes.truncate(count);
    bytes
}

/// A server on a thread of its own.
struct Server {
    address: SocketAddr,
    stopper: Stopper,
    ended: Receiver<io::Result<Counters>>,
}

impl Server {
    fn start(settings: Settings, faults: Option<Faults>) -> io::Result<Self> {
        let listener = net::listen("127.0.0.1", 0, 128)?;
        let address = listener.local_addr()?;
        let (stopper, stop) = StopSignal::pair()?;
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            if let Some(faults) = faults {
                sys::inject(faults);
            }
            let served = dispatcher_echo::serve(listener, settings, stop);
            end.send(served.map(|()| sys::counters()))
        });
        Ok(Server {
            address,
            stopper,
            ended,
        })
    }

    /// Stops it: what its loop has done.
    fn stop(self) -> io::Result<Counters> {
        self.stopper.stop()?;
        self.wait_for_end()
    }

    fn wait_for_end(self) -> io::Result<Counters> {
        let ended = self.ended.recv_timeout(TIME_LIMIT);
        ended.map_err(io::Error::other)?
    }
}
