//! A protocol made of closures, and a reactor with a time limit.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::Settings;
use reactor_echo::{EngineKind, Factory, Key, Protocol, Reactor, Reason, Transport};

/// The time limit of every wait in these tests.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

pub const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

type OnTransport = Box<dyn FnMut(&mut Transport<'_>)>;
type OnData = Box<dyn FnMut(&mut Transport<'_>, &[u8])>;
type OnLost = Box<dyn FnMut(&mut Reactor, &Reason)>;

/// A protocol whose callbacks are closures.
#[derive(Default)]
pub struct Hooks {
    made: Option<OnTransport>,
    data: Option<OnData>,
    read_lost: Option<OnTransport>,
    lost: Option<OnLost>,
}

impl Hooks {
    pub fn made(mut self, made: impl FnMut(&mut Transport<'_>) + 'static) -> Self {
        self.made = Some(Box::new(made));
        self
    }

    pub fn data(mut self, data: impl FnMut(&mut Transport<'_>, &[u8]) + 'static) -> Self {
        self.data = Some(Box::new(data));
        self
    }

    pub fn read_lost(mut self, lost: impl FnMut(&mut Transport<'_>) + 'static) -> Self {
        self.read_lost = Some(Box::new(lost));
        self
    }

    pub fn lost(mut self, lost: impl FnMut(&mut Reactor, &Reason) + 'static) -> Self {
        self.lost = Some(Box::new(lost));
        self
    }
}

impl Protocol for Hooks {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        if let Some(made) = &mut self.made {
            made(transport);
        }
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        if let Some(received) = &mut self.data {
            received(transport, data);
        }
    }

    fn read_connection_lost(&mut self, transport: &mut Transport<'_>) {
        match &mut self.read_lost {
            Some(lost) => lost(transport),
            None => transport.lose_connection(),
        }
    }

    fn connection_lost(&mut self, reactor: &mut Reactor, reason: &Reason) {
        if let Some(lost) = &mut self.lost {
            lost(reactor, reason);
        }
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn note(&self, what: impl Display) {
        self.0.borrow_mut().push(what.to_string());
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

/// A reactor that stops at the time limit.
pub struct Fixture {
    pub reactor: Reactor,
    late: Log,
}

impl Fixture {
    pub fn new(engine: EngineKind) -> io::Result<Self> {
        Self::with(engine, Settings::default())
    }

    pub fn with(engine: EngineKind, settings: Settings) -> io::Result<Self> {
        let (mut reactor, late) = (Reactor::new(engine, settings)?, Log::default());
        let in_time = late.clone();
        let _ = reactor.call_later(TIME_LIMIT, move |reactor| {
            in_time.note("late");
            reactor.stop();
        });
        Ok(Fixture { reactor, late })
    }

    /// Listens with `factory`, and returns the port and its address.
    pub fn listen(&mut self, factory: impl Factory + 'static) -> io::Result<(Key, SocketAddr)> {
        let port = self.reactor.listen_tcp(ANYWHERE, factory, 50)?;
        let address = self.reactor.host_of(port);
        Ok((port, address.ok_or(ErrorKind::NotFound)?))
    }

    /// Runs until something stops the reactor. Fails if only the time limit does.
    pub fn run(self) -> io::Result<()> {
        self.reactor.run()?;
        assert!(self.late.lines().is_empty(), "nothing stopped the reactor");
        Ok(())
    }
}

/// A client's connection, on which every call ends within the time limit.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
    socket.set_read_timeout(Some(TIME_LIMIT))?;
    socket.set_write_timeout(Some(TIME_LIMIT))?;
    Ok(socket)
}

/// Sends until the server has had more than `mark` pending bytes, of which it counts the `most`, and then
/// takes nothing for 100 ms. (Before, it was only delayed.) Returns how many bytes it took.
pub fn fill(client: &mut TcpStream, most: &AtomicUsize, mark: usize) -> io::Result<usize> {
    const LIMIT: usize = 20_000_000;
    client.set_write_timeout(Some(Duration::from_millis(100)))?;
    let (mut sent, started) = (0, Instant::now());
    loop {
        let is_paused = most.load(Ordering::Relaxed) > mark;
        match client.write(&[b'x'; 100_000]) {
            Ok(count) => sent += count,
            Err(_) if is_paused || started.elapsed() > TIME_LIMIT => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        assert!(sent < LIMIT, "the server reads without limit");
    }
    client.set_write_timeout(Some(TIME_LIMIT))?;
    Ok(sent)
}

/// The result of a client's thread.
pub fn result_of<T>(thread: std::thread::JoinHandle<io::Result<T>>) -> io::Result<T> {
    thread.join().expect("the client did not panic")
}
