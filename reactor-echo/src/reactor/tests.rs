//! Tests the loop with an engine that can't watch a descriptor.

use std::io::{self, ErrorKind, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use common::sys::Descriptor;

use super::*;
use crate::engine::Engine;
use crate::{Protocol, Transport};

const TIME_LIMIT: Duration = Duration::from_secs(10);

/// An engine that fails to watch at one call.
#[derive(Debug)]
struct Failing {
    engine: AnyEngine,
    calls_left: usize,
}

impl Engine for Failing {
    fn watch(
        &mut self,
        key: Key,
        descriptor: Descriptor<'_>,
        was: Option<Interest>,
        wanted: Option<Interest>,
    ) -> io::Result<()> {
        if wanted.is_some() {
            self.calls_left = self.calls_left.wrapping_sub(1);
            if self.calls_left == 0 {
                return Err(ErrorKind::OutOfMemory.into());
            }
        }
        self.engine.get().watch(key, descriptor, was, wanted)
    }

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        watched: Watched<'_>,
        events: &mut Vec<Event>,
    ) -> io::Result<()> {
        self.engine.get().wait(timeout, watched, events)
    }
}

/// Sends one answer and closes. Stops the reactor after the request `stop`.
struct Once;

impl Protocol for Once {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
        transport.lose_connection();
        if data == b"stop" {
            transport.reactor().stop();
        }
    }
}

/// Serves clients one after the other, with an engine that fails at the `nth` call. Returns what
/// the clients have received.
fn serve(nth: usize, requests: &'static [&[u8]]) -> io::Result<Vec<Vec<u8>>> {
    let engine = Failing {
        engine: EngineKind::Mio.start(1)?,
        calls_left: nth,
    };
    let settings = Settings {
        max_connections: 1,
        ..Settings::default()
    };
    let buffer = settings.read_buffer()?;
    let mut reactor = Reactor::on(AnyEngine::Readiness(Box::new(engine)), settings, buffer);
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let port = reactor.listen_tcp(anywhere, |_| Once, 50)?;
    let address = reactor.host_of(port).ok_or(ErrorKind::NotFound)?;
    let _ = reactor.call_later(TIME_LIMIT, Reactor::stop);
    let clients = thread::spawn(move || {
        let request = |request: &&[u8]| {
            let mut client = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
            client.set_read_timeout(Some(TIME_LIMIT))?;
            client.write_all(request)?;
            let mut answer = Vec::new();
            match client.read_to_end(&mut answer) {
                Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error),
                _ => Ok(answer),
            }
        };
        requests.iter().map(request).collect()
    });
    reactor.run()?;
    clients.join().expect("the clients did not panic")
}

#[test]
fn a_connection_that_cannot_be_watched_costs_that_connection_only() -> io::Result<()> {
    // The port's call is the first.
    assert_eq!(serve(2, &[b"first", b"stop"])?, [b"".as_slice(), b"stop"]);
    Ok(())
}

#[test]
fn a_port_that_cannot_be_watched_again_is_tried_later() -> io::Result<()> {
    // The first connection's call is the second. The port isn't watched while it is open.
    assert_eq!(
        serve(3, &[b"first", b"stop"])?,
        [b"first".as_slice(), b"stop"]
    );
    Ok(())
}
