//! The echo server as a whole, in a thread of its own.

use std::io::{self, ErrorKind, Read, Write as _};
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::client::EchoClient;
use common::stop::Stopper;
use common::{Settings, StopSignal, net, sys};
use reactor_echo::{EngineKind, Write, serve};
use socket2::SockRef;

use crate::hooks::{connect, result_of};

struct Server {
    address: SocketAddr,
    stopper: Stopper,
    thread: JoinHandle<io::Result<()>>,
}

impl Server {
    fn start(engine: EngineKind) -> io::Result<Self> {
        Self::start_with(engine, Settings::default(), Write::AtOnce, None)
    }

    fn start_with(
        engine: EngineKind,
        settings: Settings,
        write: Write,
        faults: Option<&str>,
    ) -> io::Result<Self> {
        let listener = net::listen("127.0.0.1", 0, 50)?;
        let address = listener.local_addr()?;
        let (stopper, stop) = StopSignal::pair()?;
        let faults = faults.map(|spec| spec.parse()).transpose();
        let faults = faults.map_err(io::Error::other)?;
        let thread = thread::spawn(move || {
            if let Some(faults) = faults {
                sys::inject(faults);
            }
            serve(listener, settings, engine, write, stop)
        });
        Ok(Server {
            address,
            stopper,
            thread,
        })
    }

    fn stop(self) -> io::Result<()> {
        self.stopper.stop()?;
        result_of(self.thread)
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

/// Sends from a second thread while receiving, since a large message fills every buffer on the way.
fn exchange(address: SocketAddr, bytes: Vec<u8>) -> io::Result<()> {
    let mut client = EchoClient::connect(address)?;
    let mut sender = client.try_clone()?;
    let expected = bytes.clone();
    let sending = thread::spawn(move || {
        sender.send(&bytes)?;
        sender.finish()
    });
    assert!(
        client.receive_to_end()? == expected,
        "other bytes came back"
    );
    result_of(sending)
}

pub fn every_byte_comes_back(engine: EngineKind) -> io::Result<()> {
    let server = Server::start(engine)?;
    let mut client = EchoClient::connect(server.address)?;
    assert_eq!(client.echo(b"hello\n")?, b"hello\n");
    exchange(server.address, pattern(5_000_000))?;
    assert_eq!(client.echo(b"still here\n")?, b"still here\n");
    server.stop()
}

pub fn queued_writes_come_back_too(engine: EngineKind) -> io::Result<()> {
    let server = Server::start_with(engine, Settings::default(), Write::Queued, None)?;
    exchange(server.address, pattern(1_000_000))?;
    server.stop()
}

pub fn a_bad_day_changes_nothing(engine: EngineKind) -> io::Result<()> {
    for faults in [
        "1:short=80,eintr=30,spurious=30,aborted=20",
        "2",
        "3:spurious=99",
        "4:short=99",
    ] {
        let settings = Settings {
            recv_size: 1000,
            high_water: 2000,
            ..Settings::default()
        };
        let server = Server::start_with(engine, settings, Write::AtOnce, Some(faults))?;
        let address = server.address;
        let clients: Vec<_> = (1..=4)
            .map(|number| thread::spawn(move || exchange(address, pattern(number * 10_000))))
            .collect();
        for client in clients {
            result_of(client)?;
        }
        server.stop()?;
    }
    Ok(())
}

pub fn data_behind_an_urgent_mark_is_read(engine: EngineKind) -> io::Result<()> {
    let server = Server::start(engine)?;
    let mut client = connect(server.address)?;
    client.write_all(b"before")?;
    SockRef::from(&client).send_out_of_band(b"!")?;
    client.write_all(b"behind")?;
    let mut answer = [0; 12];
    client.read_exact(&mut answer)?;
    assert_eq!(&answer, b"beforebehind");
    server.stop()
}

pub fn no_more_than_the_limit_are_accepted(engine: EngineKind) -> io::Result<()> {
    let settings = Settings {
        max_connections: 2,
        ..Settings::default()
    };
    let server = Server::start_with(engine, settings, Write::AtOnce, None)?;
    let mut first = EchoClient::connect(server.address)?;
    let mut second = EchoClient::connect(server.address)?;
    first.echo(b"1\n")?;
    second.echo(b"2\n")?;
    let mut third = EchoClient::connect(server.address)?;
    third.send(b"3\n")?;
    third.set_time_limit(Duration::from_millis(50))?;
    let error = third.receive(2).expect_err("the third has to wait");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(first);
    third.set_time_limit(Duration::from_secs(5))?;
    assert_eq!(third.receive(2)?, b"3\n");
    server.stop()
}

pub fn a_stop_delivers_what_is_owed(engine: EngineKind) -> io::Result<()> {
    let server = Server::start(engine)?;
    let mut idle = EchoClient::connect(server.address)?;
    idle.echo(b"idle\n")?;
    let mut slow = EchoClient::connect(server.address)?;
    let mut sender = slow.try_clone()?;
    sender.set_time_limit(Duration::from_millis(200))?;
    // Until the server reads no more: now it owes something, and has input unread.
    let mut sent = 0;
    while sender.send(&pattern(251 * 64)).is_ok() {
        sent += 251 * 64;
        assert!(sent < 100_000_000, "it is read without end");
    }
    server.stopper.stop()?;
    assert_eq!(idle.receive_to_end()?, b"");
    let received = slow.receive_to_end()?;
    assert!(received.len() > 64 * 1024 && received.len() <= sent + 251 * 64);
    assert!(received == pattern(received.len()), "other bytes came back");
    drop((slow, sender));
    result_of(server.thread)
}

pub fn a_silent_connection_is_closed(engine: EngineKind) -> io::Result<()> {
    let settings = Settings {
        idle_timeout: Some(Duration::from_millis(150)),
        ..Settings::default()
    };
    let server = Server::start_with(engine, settings, Write::AtOnce, None)?;
    let mut client = EchoClient::connect(server.address)?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(300) {
        client.echo(b"busy\n")?;
    }
    let silent_since = Instant::now();
    assert_eq!(client.receive_to_end()?, b"");
    assert!(silent_since.elapsed() >= Duration::from_millis(140));
    server.stop()
}
