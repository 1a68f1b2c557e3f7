//! The loop: it waits, makes the callbacks, and applies their requests.
//!
//! | Twisted | here | difference |
//! |---|---|---|
//! | `from twisted.internet import reactor` | [`Reactor`], which every callback can reach | a value, not a global |
//! | `reactor.run()` | [`Reactor::run`] | consumes the reactor, so it can't run twice or from inside a callback |
//! | `ReactorBase.mainLoop`: `runUntilCurrent`, `doIteration` | `iterate` | the other way round: due calls come after the events |
//! | `tcp.Connection.doRead`, `doWrite`, `tcp.Port.doRead` | `connection`, `port`, `connector`: one place for all engines | |
//! | a callback's `loseConnection` records, and adds a writer | `apply_requests` updates the objects with requests after each callback | |
//! | `IReactorTCP.listenTCP`, `IListeningPort.stopListening`, `getHost` | [`listen_tcp`](Reactor::listen_tcp), [`stop_listening`](Reactor::stop_listening), [`host_of`](Reactor::host_of) | a key identifies the port |
//! | `IReactorSocket.adoptStreamPort` | [`adopt_stream_port`](Reactor::adopt_stream_port) | takes the listener itself, not a copy of its descriptor |
//! | `IReactorTCP.connectTCP` | [`connect_tcp`](Reactor::connect_tcp) | to an address; Twisted also resolves names |
//! | `IReactorTime.callLater` | [`call_later`](Reactor::call_later) | see [`DelayedCall`](crate::DelayedCall) |
//! | `IReactorCore.callWhenRunning` | [`call_when_running`](Reactor::call_when_running) | while the reactor runs, the call is made right after the current callback; Twisted makes it inside |
//! | `IReactorCore.stop` | [`stop`](Reactor::stop) | accepts waiting clients and sends pending output; Twisted drops both. A second call raises nothing |
//! | `IReactorFDSet.addReader`, `removeReader` | [`add_reader`](Reactor::add_reader), [`remove_reader`](Reactor::remove_reader) | a closure, not an object with `fileno` and `doRead` |
//! | a protocol that holds another's `transport` | [`transport`](Reactor::transport) finds it by its key, or returns `None` if it is closed | |

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::mem;
use std::time::{Duration, Instant};

use common::sys::{self, Interest, Readiness};
use common::{Clock, ConnectionLimit, SendPolicy, Settings, net};

use crate::engine::{AnyEngine, EngineKind, Event, Watched};
use crate::entry::{Call, Entries, Entry, Object};
use crate::timers::Timers;
use crate::{Key, Transport};

#[cfg(test)]
mod tests;

/// An event loop with everything that it watches.
///
/// Callbacks get it as `&mut Reactor`. Their requests are recorded, and applied when the callback
/// has returned, so no callback ever runs inside another.
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
/// let address = reactor.host_of(port).expect("the port is open");
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
    pub(crate) entries: Entries,
    pub(crate) engine: AnyEngine,
    /// The events of this iteration, as the engine reported them.
    events: Vec<Event>,
    /// The ready entries: those that still are, and those that have become ready.
    ready: Vec<Key>,
    /// The entries with requests to apply when the callback has returned.
    dirty: VecDeque<Key>,
    pub(crate) timers: Timers<Call>,
    pub(crate) settings: Settings,
    pub(crate) policy: SendPolicy,
    pub(crate) limit: ConnectionLimit,
    pub(crate) ports: Vec<Key>,
    /// Whether the ports are watched. Follows the limit in each iteration.
    pub(crate) accepting: bool,
    /// The only read buffer.
    pub(crate) buffer: Vec<u8>,
    pub(crate) clock: Clock,
    /// How far a test has moved the clock forward.
    pub(crate) ahead: Duration,
    /// A request to stop.
    pub(crate) stopping: bool,
    /// Set when the reactor begins to stop: the time at which it ends, even if output is still
    /// pending.
    pub(crate) stop_at: Option<Instant>,
}

impl Reactor {
    /// Creates a reactor on this engine.
    ///
    /// # Errors
    /// An error if there is no descriptor for the engine, or no memory for the read buffer.
    pub fn new(engine: EngineKind, settings: Settings) -> io::Result<Self> {
        let buffer = settings.read_buffer()?;
        Ok(Self::on(
            engine.start(settings.recv_size)?,
            settings,
            buffer,
        ))
    }

    pub(crate) fn on(engine: AnyEngine, settings: Settings, buffer: Vec<u8>) -> Self {
        Reactor {
            entries: Entries::with_key(),
            engine,
            events: Vec::new(),
            ready: Vec::new(),
            dirty: VecDeque::new(),
            timers: Timers::new(),
            policy: SendPolicy::default(),
            limit: ConnectionLimit::new(settings.max_connections),
            settings,
            ports: Vec::new(),
            accepting: true,
            buffer,
            clock: Clock::default(),
            ahead: Duration::ZERO,
            stopping: false,
            stop_at: None,
        }
    }

    /// Sets when to send output, and returns the reactor.
    pub fn with_send_policy(mut self, policy: SendPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Runs until [`stop`](Self::stop) is called and the reactor has stopped.
    ///
    /// # Errors
    /// The errors of the engine's wait. A connection's error ends only that connection.
    pub fn run(mut self) -> io::Result<()> {
        self.apply_requests();
        let mut iterated = Ok(());
        // CONCEPT: who-owns-the-loop
        while iterated.is_ok() && !self.is_done() {
            if self.stopping && self.stop_at.is_none() {
                self.begin_to_stop();
            } else {
                iterated = self.iterate();
            }
        }
        self.drop_all();
        iterated
    }

    /// Calls `call` when the reactor starts to run. If it already runs, makes the call as soon as
    /// the current callback has returned. A call that requests itself again keeps the loop from
    /// waiting: to repeat something, use [`call_later`](Self::call_later).
    #[doc(alias = "callWhenRunning")]
    pub fn call_when_running(&mut self, call: impl FnOnce(&mut Reactor) + 'static) {
        self.insert(Object::Call(Box::new(call)));
    }

    /// Returns the connection with this key, to write to it or to close it; `None` if it is closed.
    pub fn transport(&mut self, key: Key) -> Option<Transport<'_>> {
        let peer = self.connection(key)?.peer();
        Some(Transport::new(self, key, peer))
    }

    /// Runs one iteration: waits, handles what is ready, and then makes the due calls.
    #[doc(alias = "doIteration")]
    fn iterate(&mut self) -> io::Result<()> {
        match self.wait() {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for place in 0..self.ready.len() {
            self.dispatch(self.ready[place]);
            if !self.dirty.is_empty() {
                self.apply_requests(); // Usually there are none.
            }
        }
        self.run_until_current();
        self.open_or_shut_ports();
        Ok(())
    }

    /// Waits, and records what has become ready. Entries that are still ready come first.
    // CONCEPT: level-and-edge
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        let entries = &mut self.entries;
        self.ready
            .retain(|key| entries.get_mut(*key).is_some_and(Entry::stays_listed));
        let timeout = self.timeout();
        let waited = self
            .engine
            .get()
            .wait(timeout, Watched(&self.entries), &mut self.events);
        self.clock.waited(waited.is_ok());
        for Event { key, ready } in self.events.drain(..) {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.ready |= ready;
                if !mem::replace(&mut entry.listed, true) {
                    self.ready.push(key);
                }
            }
        }
        if sys::spurious() {
            self.list_all();
        }
        waited
    }

    /// Marks everything as ready, as a kernel can do by mistake.
    #[cold]
    fn list_all(&mut self) {
        for (key, entry) in &mut self.entries {
            entry.ready |= Readiness::level(true, true);
            if !mem::replace(&mut entry.listed, true) {
                self.ready.push(key);
            }
        }
    }

    /// How long the engine can wait: until the next deadline, which no descriptor reports.
    // CONCEPT: timers
    fn timeout(&self) -> Option<Duration> {
        if !self.dirty.is_empty() || !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let times = [self.timers.next_time(), self.limit.retry_at(), self.stop_at];
        let next = times.into_iter().flatten().min();
        next.map(|next| self.clock.until(next))
    }

    /// Handles a ready entry, unless an earlier callback of this iteration has closed or paused it.
    // CONCEPT: stale-events
    fn dispatch(&mut self, key: Key) {
        let Some(entry) = self.entries.get(key) else {
            return;
        };
        if !entry.can_read() && !entry.can_write() {
            return;
        }
        if matches!(entry.object, Object::Connection(_)) {
            return self.handle_ready(key); // The usual case.
        }
        match &entry.object {
            Object::Port(_) => self.accept(key, net::ACCEPTS_PER_ITERATION),
            Object::PendingConnect(_) => self.handle_connect(key),
            Object::Reader(_) => self.handle_reader(key),
            Object::Connection(_) | Object::Call(_) => {}
        }
    }

    /// Applies all requests in order, including those that are made meanwhile.
    pub(crate) fn apply_requests(&mut self) {
        while let Some(key) = self.dirty.pop_front() {
            let Some(entry) = self.entries.get_mut(key) else {
                continue;
            };
            entry.dirty = false;
            match &entry.object {
                Object::Connection(_) => self.flush(key, false),
                Object::Port(_) => self.update_port(key),
                Object::PendingConnect(_) => self.update_pending_connect(key),
                Object::Reader(_) => self.update_reader(key),
                Object::Call(_) => self.call_now(key),
            }
        }
    }

    fn call_now(&mut self, key: Key) {
        if let Some(Entry {
            object: Object::Call(call),
            ..
        }) = self.entries.remove(key)
        {
            call(self);
        }
    }

    pub(crate) fn insert(&mut self, object: Object) -> Key {
        let key = self.entries.insert(Entry::new(object));
        self.mark_dirty(key);
        key
    }

    /// Records that this entry has requests to apply.
    #[inline]
    pub(crate) fn mark_dirty(&mut self, key: Key) {
        if let Some(entry) = self.entries.get_mut(key)
            && !mem::replace(&mut entry.dirty, true)
        {
            self.dirty.push_back(key);
        }
    }

    /// Tells the engine what to watch a descriptor for, if that has changed. A completion engine
    /// doesn't watch connections: it starts the operations that are wanted.
    pub(crate) fn watch(&mut self, key: Key, wanted: Option<Interest>) -> io::Result<()> {
        let Some(entry) = self.entries.get_mut(key) else {
            return Ok(());
        };
        match (&entry.object, self.engine.completion()) {
            (Object::Connection(connection), Some(engine)) => connection.start(engine, key, wanted),
            _ if entry.watched == wanted => return Ok(()),
            _ => {
                let Some(descriptor) = entry.descriptor() else {
                    return Ok(());
                };
                let engine = self.engine.get();
                engine.watch(key, descriptor, entry.watched, wanted)?;
            }
        }
        entry.watched = wanted;
        // It can already be ready for what wasn't watched before.
        if (entry.can_read() || entry.can_write()) && !mem::replace(&mut entry.listed, true) {
            self.ready.push(key);
        }
        Ok(())
    }

    /// Stops watching a descriptor that is about to be closed.
    // CONCEPT: open-file-descriptions
    pub(crate) fn unwatch(&mut self, key: Key) {
        // An error doesn't matter: this is the socket's only descriptor, so closing it ends the watch, too.
        let _ = self.watch(key, None);
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("engine", &self.engine)
            .field("stopping", &self.stopping)
            .finish_non_exhaustive()
    }
}
