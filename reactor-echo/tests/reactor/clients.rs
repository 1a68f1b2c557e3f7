//! The client's side.

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use common::net;
use common::sys::{self, Stream};
use reactor_echo::{ClientFactory, Connector, EngineKind, Protocol, Reason};

use crate::hooks::{ANYWHERE, Hooks, Log, TIME_LIMIT, Trial};

/// Notes what its factory hears; stops the reactor once it has tried often enough.
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
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    let (_, address) =
        trial.listen(|_| Hooks::default().data(|transport, data| transport.write(data)))?;
    let mut factory = Noting::new(&log);
    factory.protocol = |log| {
        let made = |transport: &mut reactor_echo::Transport<'_>| transport.write(b"hello");
        Hooks::default().made(made).data(move |transport, data| {
            log.note(String::from_utf8_lossy(data));
            transport.lose_connection();
        })
    };
    trial.reactor.connect_tcp(address, factory, TIME_LIMIT);
    trial.run()?;
    let expected = ["started", "connected", "hello", "factory: ConnectionDone"];
    assert_eq!(log.lines(), expected);
    Ok(())
}

pub fn a_refused_connect_is_tried_again(engine: EngineKind) -> io::Result<()> {
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    let nobody = TcpListener::bind(ANYWHERE)?.local_addr()?;
    let mut factory = Noting::new(&log);
    factory.attempts = 2;
    trial.reactor.connect_tcp(nobody, factory, TIME_LIMIT);
    trial.run()?;
    let once = ["started", "ConnectionRefused"];
    assert_eq!(log.lines(), [once, once].concat());
    Ok(())
}

pub fn an_attempt_can_be_given_up(engine: EngineKind) -> io::Result<()> {
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    let listener = TcpListener::bind(ANYWHERE)?;
    let mut factory = Noting::new(&log);
    factory.gives_up = true;
    trial
        .reactor
        .connect_tcp(listener.local_addr()?, factory, TIME_LIMIT);
    trial.run()?;
    assert_eq!(log.lines(), ["started", "ConnectionAborted"]);
    Ok(())
}

/// A connect that fails at once, and is always tried again, leaves the loop to others.
pub fn a_connect_that_fails_at_once_lets_the_loop_go_on(engine: EngineKind) -> io::Result<()> {
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    let everyone = SocketAddr::from(([127, 255, 255, 255], 1)); // Not for TCP.
    let mut factory = Noting::new(&log);
    factory.attempts = 5_000;
    trial.reactor.connect_tcp(everyone, factory, TIME_LIMIT);
    let timer = log.clone();
    let _ = trial
        .reactor
        .call_later(Duration::from_millis(1), move |_| timer.note("timer"));
    trial.run()?;
    assert!(log.lines().iter().any(|line| line == "timer"));
    Ok(())
}

pub fn a_factory_that_makes_no_protocol_hears_of_the_end(engine: EngineKind) -> io::Result<()> {
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    let (_, address) = trial.listen(|_| Hooks::default())?;
    let mut factory = Noting::new(&log);
    factory.refuses = true;
    factory.attempts = 2;
    trial.reactor.connect_tcp(address, factory, TIME_LIMIT);
    trial.run()?;
    let once = ["started", "connected", "factory: ConnectionDone"];
    assert_eq!(log.lines(), [once, once].concat());
    Ok(())
}

/// A listener whose backlog is full lets further clients wait, on Linux at least.
pub fn an_attempt_takes_only_so_long(engine: EngineKind) -> io::Result<()> {
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    // That the socket seems to be writable does not mean that it is connected.
    sys::inject("1:spurious=90".parse().map_err(io::Error::other)?);
    let listener = net::listen("127.0.0.1", 0, 1)?;
    let address = listener.local_addr()?;
    let waiting = [
        Stream::connect(address)?,
        Stream::connect(address)?,
        Stream::connect(address)?,
    ];
    trial
        .reactor
        .connect_tcp(address, Noting::new(&log), Duration::from_millis(30));
    trial.run()?;
    drop(waiting);
    if cfg!(target_os = "linux") {
        assert_eq!(log.lines(), ["started", "TimedOut"]);
    }
    Ok(())
}

pub fn a_lost_connection_is_heard_by_its_factory(engine: EngineKind) -> io::Result<()> {
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    let served = Rc::new(Cell::new(0));
    let count = Rc::clone(&served);
    let (_, address) = trial.listen(move |_| {
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
    trial.reactor.connect_tcp(address, factory, TIME_LIMIT);
    trial.run()?;
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
