//! The echo client in this style: says a few lines, shows the answers, and leaves.
//!
//! `cargo run -p reactor-echo --example reactor_client -- 127.0.0.1:8881`

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use common::Settings;
use reactor_echo::{ClientFactory, Connector, EngineKind, Protocol, Reactor, Reason, Transport};

const LINES: [&str; 3] = ["one", "two", "three"];

/// Says the next line when the one before has come back.
struct EchoClient {
    said: usize,
    heard: Vec<u8>,
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
            let _ = write!(io::stdout(), "heard {line}");
            self.heard.clear();
            self.say_next(transport);
        }
    }
}

/// Stops the reactor when there is nothing more to do.
struct EchoClientFactory;

impl ClientFactory for EchoClientFactory {
    fn build_protocol(&mut self, _peer: SocketAddr) -> Option<Box<dyn Protocol>> {
        let (said, heard) = (0, Vec::new());
        Some(Box::new(EchoClient { said, heard }))
    }

    fn client_connection_failed(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        let _ = writeln!(io::stderr(), "{}: {reason}", connector.destination());
        connector.reactor().stop();
    }

    fn client_connection_lost(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        let _ = writeln!(io::stdout(), "{reason}");
        connector.reactor().stop();
    }
}

fn main() -> io::Result<()> {
    let server = std::env::args().nth(1).unwrap_or("127.0.0.1:8881".into());
    let mut addresses = server.to_socket_addrs()?;
    let address = addresses.next().ok_or(io::ErrorKind::NotFound)?;
    let mut reactor = Reactor::new(EngineKind::default(), Settings::default())?;
    reactor.connect_tcp(address, EchoClientFactory, Duration::from_secs(5));
    reactor.run()
}
