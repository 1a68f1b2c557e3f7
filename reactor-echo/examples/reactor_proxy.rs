//! A proxy: it connects each client to the same server, and neither side notices that the proxy is
//! there. Shows producers.
//!
//! What the proxy receives on one connection, it writes to the other. So each connection is the
//! other's push producer: the loop stops reading from one while the other has too much pending
//! output. So a slow receiver slows down its sender, and the proxy holds at most the high-water
//! mark and one read for each direction. It also forwards the end of the stream (a half-close) and
//! a reset.
//!
//! ```sh
//! cargo run -p reactor-echo -- --port 7000                           # some server
//! cargo run -p reactor-echo --example reactor_proxy -- 127.0.0.1:7000 7001
//! nc 127.0.0.1 7001
//! ```

use std::env;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use common::sys::Listener;
use common::{Settings, StopSignal, output};
use reactor_echo::{
    ClientFactory, Connector, EngineKind, Key, Protocol, Reactor, Reason, Transport,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One of the two connections. Forwards what it receives to the other one.
struct Side {
    server: SocketAddr,
    /// `None` for a client until the proxy connects to the server.
    other: Option<Key>,
}

impl Side {
    fn other<'a>(&self, reactor: &'a mut Reactor) -> Option<Transport<'a>> {
        reactor.transport(self.other?)
    }
}

impl Protocol for Side {
    // CONCEPT: two-connections
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let this = transport.key();
        let Some(client) = self.other else {
            // A client: don't read from it until the server is connected.
            transport.pause_producing();
            let server = Server {
                address: self.server,
                client: this,
            };
            let reactor = transport.reactor();
            self.other = Some(reactor.connect_tcp(self.server, server, CONNECT_TIMEOUT));
            return;
        };
        transport.register_producer(client, true);
        match transport.reactor().transport(client) {
            Some(mut client) => {
                client.register_producer(this, true);
                client.resume_producing();
            }
            None => transport.abort_connection(),
        }
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        if let Some(mut other) = self.other(transport.reactor()) {
            other.write(data);
        }
    }

    fn read_connection_lost(&mut self, transport: &mut Transport<'_>) {
        if let Some(mut other) = self.other(transport.reactor()) {
            other.lose_write_connection();
        }
    }

    fn connection_lost(&mut self, reactor: &mut Reactor, reason: &Reason) {
        match (self.other(reactor), reason) {
            (Some(mut other), Reason::ConnectionDone) => other.lose_connection(),
            (Some(mut other), _) => other.abort_connection(),
            // Or it isn't connected yet.
            (None, _) => self
                .other
                .into_iter()
                .for_each(|other| reactor.stop_connecting(other)),
        }
    }
}

/// Connects to the server for one client.
struct Server {
    address: SocketAddr,
    client: Key,
}

impl ClientFactory for Server {
    fn build_protocol(&mut self, _peer: SocketAddr) -> Option<Box<dyn Protocol>> {
        let (server, other) = (self.address, Some(self.client));
        Some(Box::new(Side { server, other }))
    }

    fn client_connection_failed(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        output::print_to_stderr(format_args!("{}: {reason}", self.address));
        if let Some(mut client) = connector.reactor().transport(self.client) {
            client.lose_connection();
        }
    }
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let server = arguments.next().unwrap_or("127.0.0.1:8881".into());
    let server: SocketAddr = server.parse().map_err(io::Error::other)?;
    let port = arguments.next().unwrap_or("0".into());
    let port = port.parse().map_err(io::Error::other)?;

    let stop = StopSignal::on_signals()?;
    let reactor = Reactor::new(EngineKind::default(), Settings::default())?;
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], port)), 128)?;
    output::print(format_args!("listening on {}\n", listener.local_addr()?))?;
    serve(reactor, listener, server, stop)
}

/// Serves the clients of this listener until the stop signal is raised.
pub fn serve(
    mut reactor: Reactor,
    listener: Listener,
    server: SocketAddr,
    stop: StopSignal,
) -> io::Result<()> {
    let client = move |_| Side {
        server,
        other: None,
    };
    reactor.adopt_stream_port(listener, client)?;
    let stop = Rc::new(stop);
    reactor.add_reader(Rc::<StopSignal>::clone(&stop), move |reactor| {
        if stop.is_raised() {
            reactor.stop();
        }
    })?;
    reactor.run()
}
