//! The echo client in this style: sends a few lines, shows the answers, and closes.
//!
//! `cargo run -p reactor-echo --example reactor_client -- 127.0.0.1:8881`

use std::cell::Cell;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::time::Duration;

use common::Settings;
use reactor_echo::{ClientFactory, Connector, EngineKind, Protocol, Reactor, Reason, Transport};

const LINES: [&str; 3] = ["one", "two", "three"];

/// Called with each line to show.
type Show = Rc<dyn Fn(&str)>;

/// Why the client can't connect, if it can't.
type Failure = Rc<Cell<Option<io::Error>>>;

/// Sends the next line when the last one has come back.
struct EchoClient {
    said: usize,
    heard: Vec<u8>,
    show: Show,
}

impl EchoClient {
    fn say_next(&mut self, transport: &mut Transport<'_>) {
        match LINES.get(self.said) {
            Some(line) => transport.write_sequence([line.as_bytes(), b"\n"]),
            None => transport.lose_connection(),
        }
        self.said += 1;
    }
}

impl Protocol for EchoClient {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.say_next(transport);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.heard.extend(data);
        if self.heard.ends_with(b"\n") {
            let line = String::from_utf8_lossy(&self.heard);
            (self.show)(&format!("heard {}", line.trim_end()));
            self.heard.clear();
            self.say_next(transport);
        }
    }
}

/// Stops the reactor when there is nothing more to do.
struct EchoClientFactory {
    show: Show,
    failure: Failure,
}

impl ClientFactory for EchoClientFactory {
    fn build_protocol(&mut self, _peer: SocketAddr) -> Option<Box<dyn Protocol>> {
        let (said, heard, show) = (0, Vec::new(), Rc::clone(&self.show));
        Some(Box::new(EchoClient { said, heard, show }))
    }

    fn client_connection_failed(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        let message = format!("{}: {reason}", connector.destination());
        self.failure.set(Some(io::Error::other(message)));
        connector.reactor().stop();
    }

    fn client_connection_lost(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        (self.show)(&reason.to_string());
        connector.reactor().stop();
    }
}

fn main() -> io::Result<()> {
    let server = std::env::args().nth(1).unwrap_or("127.0.0.1:8881".into());
    let mut addresses = server.to_socket_addrs()?;
    let address = addresses.next().ok_or(io::ErrorKind::NotFound)?;
    let reactor = Reactor::new(EngineKind::default(), Settings::default())?;
    let show = |line: &str| {
        let _ = writeln!(io::stdout(), "{line}");
    };
    run(reactor, address, Rc::new(show))
}

/// Sends the lines to the server at this address.
pub fn run(mut reactor: Reactor, address: SocketAddr, show: Show) -> io::Result<()> {
    let failure = Failure::default();
    let factory = EchoClientFactory {
        show,
        failure: Rc::clone(&failure),
    };
    reactor.connect_tcp(address, factory, Duration::from_secs(5));
    reactor.run()?;
    failure.take().map_or(Ok(()), Err)
}
