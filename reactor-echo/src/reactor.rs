//! The loop: it waits, makes the callbacks, and applies what they have requested.
//!
//! | Twisted | here | difference |
//! |---|---|---|
//! | `reactor.run()` | [`Reactor::run`] | takes the reactor: it can neither be run twice nor from inside a callback |
//! | `ReactorBase.mainLoop`: `runUntilCurrent`, `doIteration` | `iterate` | the other way round: the calls that are due come after the events |
//! | `tcp.Connection.doRead`, `doWrite`, `tcp.Port.doRead` | one place for all engines, in the modules below | |
//! | a callback's `write` and `loseConnection` record, and add a writer | `apply_requests` looks after each callback at those of whom something was asked | |

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::sys::{AsDescriptor, Listener};
use common::{ConnectionLimit, Settings, net};

use crate::engine::{Engine, EngineKind, Event};
use crate::handle::Entry;
use crate::key::SecondaryMap;
use crate::{ClientFactory, DelayedCall, Factory, Key, Protocol, ReactorHandle};

mod connections;
mod connects;
mod ending;
mod ports;
#[cfg(test)]
mod tests;

pub use connections::Write;

/// An event loop, with everything that it watches.
///
/// ```
/// use std::{net::{SocketAddr, TcpStream}, io::{Read, Write}, thread, time::Duration};
/// use reactor_echo::{EngineKind, Protocol, Reactor, Transport};
///
/// struct Greeter;
///
/// impl Protocol for Greeter {
///     fn connection_made(&mut self, transport: &mut Transport<'_>) {
///         transport.write(b"hello\n");
///         transport.lose_connection();
///         transport.reactor().stop();
///     }
///     fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
/// }
///
/// let mut reactor = Reactor::new(EngineKind::default(), Default::default())?;
/// let port = reactor.listen_tcp(SocketAddr::from(([127, 0, 0, 1], 0)), |_| Greeter, 50)?;
/// let address = reactor.handle().host_of(port).expect("it listens");
/// let client = thread::spawn(move || {
///     let mut greeting = String::new();
///     TcpStream::connect(address)?.read_to_string(&mut greeting)?;
///     std::io::Result::Ok(greeting)
/// });
/// reactor.run()?;
/// assert_eq!(client.join().unwrap()?, "hello\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Reactor {
    handle: ReactorHandle,
    engine: Box<dyn Engine>,
    /// Of every connection. Not in the handle, since their callbacks have that in hand.
    protocols: SecondaryMap<Box<dyn Protocol>>,
    settings: Settings,
    write: Write,
    limit: ConnectionLimit,
    ports: Vec<Key>,
    /// Whether the ports are watched: in each iteration what the limit says.
    accepting: bool,
    /// The one read buffer.
    buffer: Vec<u8>,
    /// What the engine has found ready in this iteration.
    ready: Vec<Event>,
    /// Set once the reactor was asked to stop: the time at which it does, whatever output is still
    /// pending.
    stop_at: Option<Instant>,
}

impl Reactor {
    /// A reactor that runs on this engine.
    ///
    /// # Errors
    /// The kernel gives no descriptor for the engine, or no memory for the read buffer.
    pub fn new(engine: EngineKind, settings: Settings) -> io::Result<Self> {
        Self::on(engine.start()?, settings)
    }

    fn on(engine: Box<dyn Engine>, settings: Settings) -> io::Result<Self> {
        Ok(Reactor {
            handle: ReactorHandle::new(),
            protocols: SecondaryMap::new(),
            write: Write::default(),
            limit: ConnectionLimit::new(settings.max_connections),
            engine,
            ports: Vec::new(),
            accepting: true,
            buffer: settings.read_buffer()?,
            ready: Vec::new(),
            stop_at: None,
            settings,
        })
    }

    /// The same reactor, but sending at that moment.
    pub fn sending(mut self, write: Write) -> Self {
        self.write = write;
        self
    }

    /// What callbacks will ask, asked from outside.
    pub fn handle(&mut self) -> &mut ReactorHandle {
        &mut self.handle
    }

    /// Listens on an address; see [`ReactorHandle::listen_tcp`].
    ///
    /// # Errors
    /// What bind(2) answers, or a socket that the engine cannot watch.
    #[doc(alias = "listenTCP")]
    pub fn listen_tcp(
        &mut self,
        address: SocketAddr,
        factory: impl Factory + 'static,
        backlog: i32,
    ) -> io::Result<Key> {
        let port = self.handle.listen_tcp(address, factory, backlog)?;
        self.watch_port(port)?;
        Ok(port)
    }

    /// Listens with a socket that listens already.
    ///
    /// # Errors
    /// A socket that the engine cannot watch.
    #[doc(alias = "adoptStreamPort")]
    pub fn adopt_stream_port(
        &mut self,
        listener: Listener,
        factory: impl Factory + 'static,
    ) -> io::Result<Key> {
        let port = self.handle.adopt_stream_port(listener, factory);
        self.watch_port(port)?;
        Ok(port)
    }

    /// Connects to an address; see [`ReactorHandle::connect_tcp`].
    #[doc(alias = "connectTCP")]
    pub fn connect_tcp(
        &mut self,
        address: SocketAddr,
        factory: impl ClientFactory + 'static,
        timeout: Duration,
    ) -> Key {
        self.handle.connect_tcp(address, factory, timeout)
    }

    /// Watches a descriptor of the user's own; see [`ReactorHandle::add_reader`].
    ///
    /// # Errors
    /// A descriptor that the engine cannot watch.
    #[doc(alias = "addReader")]
    pub fn add_reader(
        &mut self,
        descriptor: Rc<dyn AsDescriptor>,
        callback: impl FnMut(&mut ReactorHandle) + 'static,
    ) -> io::Result<Key> {
        let reader = self.handle.add_reader(descriptor, callback);
        self.watch_reader(reader)?;
        Ok(reader)
    }

    /// Calls `call` once the reactor runs and `delay` has passed; see
    /// [`ReactorHandle::call_later`].
    #[doc(alias = "callLater")]
    pub fn call_later(
        &mut self,
        delay: Duration,
        call: impl FnOnce(&mut ReactorHandle) + 'static,
    ) -> DelayedCall {
        self.handle.call_later(delay, call)
    }

    /// Runs until it is asked to [`stop`](ReactorHandle::stop).
    ///
    /// # Errors
    /// What the engine's wait answers. A connection's error costs that connection only.
    pub fn run(mut self) -> io::Result<()> {
        self.apply_requests();
        let mut turned = Ok(());
        // CONCEPT: who-owns-the-loop
        while turned.is_ok() && !self.is_done() {
            if self.handle.stopping && self.stop_at.is_none() {
                self.begin_to_stop();
            } else {
                turned = self.iterate();
            }
        }
        self.drop_all();
        turned
    }

    /// One iteration: waits, handles what is ready, and then makes the calls that are due.
    #[doc(alias = "doIteration")]
    fn iterate(&mut self) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        let waited = self.engine.wait(self.timeout(), &mut ready);
        self.handle.clock.waited(waited.is_ok());
        match waited {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for &event in &ready {
            self.dispatch(event);
            if !self.handle.dirty.is_empty() {
                self.apply_requests(); // Mostly nothing else was requested.
            }
        }
        self.ready = ready;
        self.run_until_current();
        self.open_or_shut_ports();
        Ok(())
    }

    /// Makes the calls that are due, but none that these add.
    #[doc(alias = "runUntilCurrent")]
    fn run_until_current(&mut self) {
        let mark = self.handle.timers.mark();
        while self.handle.call_next(mark) {
            self.apply_requests();
        }
    }

    /// How long the engine may wait: until the next thing is due that no descriptor tells of.
    // CONCEPT: timers
    fn timeout(&self) -> Option<Duration> {
        if !self.handle.dirty.is_empty() {
            return Some(Duration::ZERO);
        }
        let times = [
            self.handle.timers.next_time(),
            self.limit.retry_at(),
            self.stop_at,
        ];
        let next = times.into_iter().flatten().min();
        next.map(|next| self.handle.clock.until(next))
    }

    fn dispatch(&mut self, Event { key, ready }: Event) {
        // Mostly it is a connection.
        if self.handle.connection(key).is_some() {
            return self.handle_ready(key, ready);
        }
        match self.handle.entries.get(key) {
            Some(Entry::Port(_)) => self.accept(key, net::ACCEPTS_PER_ITERATION),
            Some(Entry::PendingConnect(_)) => self.handle_connect(key),
            Some(Entry::Reader(_)) => self.handle_reader(key),
            Some(Entry::Connection(_) | Entry::Call(_)) | None => {}
        }
    }

    /// Applies requests, and those that are made meanwhile, in that order.
    // CONCEPT: stale-events
    fn apply_requests(&mut self) {
        while let Some(key) = self.handle.dirty.pop_front() {
            match self.handle.entries.get(key) {
                Some(Entry::Connection(_)) => self.flush(key, false),
                Some(Entry::Port(_)) => self.update_port(key),
                Some(Entry::PendingConnect(_)) => self.update_pending_connect(key),
                Some(Entry::Reader(_)) => self.update_reader(key),
                Some(Entry::Call(_)) => self.handle.call_now(key),
                None => {}
            }
        }
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("engine", &self.engine)
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
