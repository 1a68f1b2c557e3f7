//! `connect_tcp`, connectors, and client factories.

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use common::client::RefusingAddress;
use common::net;
use common::sys::{self, Stream};
use reactor_echo::{ClientFactory, Connector, EngineKind, Protocol, Reason};

use crate::hooks::{ANYWHERE, Fixture, Hooks, Log, TIME_LIMIT};

/// Logs the callbacks of its factory. Stops the reactor when it has connected often enough.
struct Noting {
    log: Log,
    attempts: usize,
    gives_up: bool,
    refuses: bool,
    protocol: fn(Log) -> Hooks,
}

impl Noting {
    fn new(log: &Log) -> Self {
        let log = log.clone();
        Noting {
            log,
            attempts: 1,
            gives_up: false,
            refuses: false,
            protocol: |_| Hooks::default(),
        }
    }

    fn ended(&mut self, connector: &mut Connector<'_>) {
        self.attempts -= 1;
        if self.attempts > 0 {
            connector.connect();
        } else {
            connector.reactor().stop();
        }
    }
}

impl ClientFactory for Noting {
    fn started_connecting(&mut self, connector: &mut Connector<'_>) {
        self.log.note("started");
        if self.gives_up {
            connector.stop_connecting();
        }
    }

    fn build_protocol(&mut self, _: SocketAddr) -> Option<Box<dyn Protocol>> {
        self.log.note("connected");
        let protocol = (self.protocol)(self.log.clone());
        (!self.refuses).then(|| Box::new(protocol) as _)
    }

    fn client_connection_failed(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        match reason {
            Reason::ConnectFailed(error) => self.log.note(format_args!("{:?}", error.kind())),
            reason => self.log.note(format_args!("{reason:?}")),
        }
        self.ended(connector);
    }

    fn client_connection_lost(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        self.log.note(format_args!("factory: {reason:?}"));
        self.ended(connector);
    }
}

pub fn a_client_talks_to_a_server_in_the_same_loop(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let (_, address) =
        fixture.listen(|_| Hooks::default().data(|transport, data| transport.write(data)))?;
    let mut factory = Noting::new(&log);
    factory.protocol = |log| {
        let made = |transport: &mut reactor_echo::Transport<'_>| transport.write(b"hello");
        Hooks::default().made(made).data(move |transport, data| {
            log.note(String::from_utf8_lossy(data));
            transport.lose_connection();
        })
    };
    fixture.reactor.connect_tcp(address, factory, TIME_LIMIT);
    fixture.run()?;
    let expected = ["started", "connected", "hello", "factory: ConnectionDone"];
    assert_eq!(log.lines(), expected);
    Ok(())
}

pub fn a_refused_connect_is_tried_again(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let nobody = RefusingAddress::take()?;
    let mut factory = Noting::new(&log);
    factory.attempts = 2;
    fixture
        .reactor
        .connect_tcp(nobody.address(), factory, TIME_LIMIT);
    fixture.run()?;
    let once = ["started", "ConnectionRefused"];
    assert_eq!(log.lines(), [once, once].concat());
    Ok(())
}

pub fn stop_connecting_ends_a_connect(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let listener = TcpListener::bind(ANYWHERE)?;
    let mut factory = Noting::new(&log);
    factory.gives_up = true;
    fixture
        .reactor
        .connect_tcp(listener.local_addr()?, factory, TIME_LIMIT);
    fixture.run()?;
    assert_eq!(log.lines(), ["started", "ConnectionAborted"]);
    Ok(())
}

/// A client that always reconnects, although connecting fails at once, must not block the others.
pub fn a_connect_that_fails_at_once_lets_the_loop_go_on(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let everyone = SocketAddr::from(([127, 255, 255, 255], 1)); // Not for TCP.
    let mut factory = Noting::new(&log);
    factory.attempts = 5_000;
    fixture.reactor.connect_tcp(everyone, factory, TIME_LIMIT);
    let timer = log.clone();
    let _ = fixture
        .reactor
        .call_later(Duration::from_millis(1), move |_| timer.note("timer"));
    fixture.run()?;
    assert!(log.lines().iter().any(|line| line == "timer"));
    Ok(())
}

pub fn client_connection_lost_is_called_when_no_protocol_is_built(
    engine: EngineKind,
) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let (_, address) = fixture.listen(|_| Hooks::default())?;
    let mut factory = Noting::new(&log);
    factory.refuses = true;
    factory.attempts = 2;
    fixture.reactor.connect_tcp(address, factory, TIME_LIMIT);
    fixture.run()?;
    let once = ["started", "connected", "factory: ConnectionDone"];
    assert_eq!(log.lines(), [once, once].concat());
    Ok(())
}

/// A listener with a full backlog lets further clients wait, at least on Linux.
pub fn a_connect_fails_after_its_timeout(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    // A socket that looks writable may not be connected yet.
    sys::inject("1:spurious=90".parse().map_err(io::Error::other)?);
    let listener = net::listen("127.0.0.1", 0, 1)?;
    let address = listener.local_addr()?;
    let waiting = [
        Stream::connect(address)?,
        Stream::connect(address)?,
        Stream::connect(address)?,
    ];
    fixture
        .reactor
        .connect_tcp(address, Noting::new(&log), Duration::from_millis(30));
    fixture.run()?;
    drop(waiting);
    if cfg!(target_os = "linux") {
        assert_eq!(log.lines(), ["started", "TimedOut"]);
    }
    Ok(())
}

pub fn client_connection_lost_is_called_for_a_lost_connection(
    engine: EngineKind,
) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let served = Rc::new(Cell::new(0));
    let count = Rc::clone(&served);
    let (_, address) = fixture.listen(move |_| {
        let count = Rc::clone(&count);
        Hooks::default().made(move |transport| {
            count.set(count.get() + 1);
            transport.lose_connection();
        })
    })?;
    let mut factory = Noting::new(&log);
    factory.attempts = 2;
    factory.protocol = |log| {
        Hooks::default().lost(move |_, reason| log.note(format_args!("protocol: {reason:?}")))
    };
    fixture.reactor.connect_tcp(address, factory, TIME_LIMIT);
    fixture.run()?;
    let once = [
        "started",
        "connected",
        "protocol: ConnectionDone",
        "factory: ConnectionDone",
    ];
    assert_eq!(log.lines(), [once, once].concat());
    assert_eq!(served.get(), 2);
    Ok(())
}
