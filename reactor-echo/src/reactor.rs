//! The loop: it waits, makes the callbacks, and applies what they have requested.
//!
//! | Twisted | here | difference |
//! |---|---|---|
//! | `from twisted.internet import reactor` | [`Reactor`], which every callback can reach | a value, no global |
//! | `reactor.run()` | [`Reactor::run`] | takes the reactor: it can neither be run twice nor from inside a callback |
//! | `ReactorBase.mainLoop`: `runUntilCurrent`, `doIteration` | `iterate` | the other way round: the calls that are due come after the events |
//! | `tcp.Connection.doRead`, `doWrite`, `tcp.Port.doRead` | `connection`, `port`, `connector`: one place for all engines | |
//! | a callback's `loseConnection` records, and adds a writer | `apply_requests` looks after each callback at those of which something was requested | |
//! | `IReactorTCP.listenTCP`, `IListeningPort.stopListening`, `getHost` | [`listen_tcp`](Reactor::listen_tcp), [`stop_listening`](Reactor::stop_listening), [`host_of`](Reactor::host_of) | a port is named by a key |
//! | `IReactorSocket.adoptStreamPort` | [`adopt_stream_port`](Reactor::adopt_stream_port) | takes the listener itself, no copy of its descriptor |
//! | `IReactorTCP.connectTCP` | [`connect_tcp`](Reactor::connect_tcp) | to an address; Twisted also resolves names |
//! | `IReactorTime.callLater` | [`call_later`](Reactor::call_later) | see [`DelayedCall`](crate::DelayedCall) |
//! | `IReactorCore.callWhenRunning` | [`call_when_running`](Reactor::call_when_running) | a call that is requested while the reactor runs is made right after the current callback; Twisted makes it inside |
//! | `IReactorCore.stop` | [`stop`](Reactor::stop) | accepts who waits and sends what was written; Twisted drops both. Raises nothing if it is requested twice |
//! | `IReactorFDSet.addReader`, `removeReader` | [`add_reader`](Reactor::add_reader), [`remove_reader`](Reactor::remove_reader) | a closure, no object with `fileno` and `doRead` |
//! | a protocol that holds another's `transport` | [`transport`](Reactor::transport) finds it by its key, or returns `None` if it is gone | |

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::mem;
use std::time::{Duration, Instant};

use common::sys::{self, Interest, Readiness};
use common::{Clock, ConnectionLimit, SendPolicy, Settings, net};

use crate::engine::{Engine, EngineKind, Event, Watched};
use crate::entry::{Call, Entries, Entry, Object};
use crate::timers::Timers;
use crate::{Key, Transport};

#[cfg(test)]
mod tests;

/// An event loop, with everything that it watches.
///
/// Callbacks get it as `&mut Reactor`. What they request of it is recorded, and applied once the
/// callback has returned; so no callback ever runs inside another.
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
/// let address = reactor.host_of(port).expect("it listens");
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
    engine: Box<dyn Engine>,
    /// What the engine has reported in this iteration.
    events: Vec<Event>,
    /// Entries that are ready: those that still are, and those that have become so.
    ready: Vec<Key>,
    /// Entries with requests that are to be applied when the callback has returned.
    dirty: VecDeque<Key>,
    pub(crate) timers: Timers<Call>,
    pub(crate) settings: Settings,
    pub(crate) policy: SendPolicy,
    pub(crate) limit: ConnectionLimit,
    pub(crate) ports: Vec<Key>,
    /// Whether the ports are watched: in each iteration what the limit says.
    pub(crate) accepting: bool,
    /// The one read buffer.
    pub(crate) buffer: Vec<u8>,
    pub(crate) clock: Clock,
    /// How far a test has put the clock forward.
    pub(crate) ahead: Duration,
    /// Requested: stop.
    pub(crate) stopping: bool,
    /// Set once the reactor has begun to stop: the time at which it does, whatever output is still
    /// pending.
    pub(crate) stop_at: Option<Instant>,
}

impl Reactor {
    /// A reactor that runs on this engine.
    ///
    /// # Errors
    /// The kernel gives no descriptor for the engine, or no memory for the read buffer.
    pub fn new(engine: EngineKind, settings: Settings) -> io::Result<Self> {
        let buffer = settings.read_buffer()?;
        Ok(Self::on(engine.start()?, settings, buffer))
    }

    pub(crate) fn on(engine: Box<dyn Engine>, settings: Settings, buffer: Vec<u8>) -> Self {
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

    /// The same reactor, but sending at that moment.
    pub fn with_send_policy(mut self, policy: SendPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Runs until it is requested to [`stop`](Self::stop).
    ///
    /// # Errors
    /// What the engine's wait returns. A connection's error costs that connection only.
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

    /// Calls `call` when the reactor begins to run; if it does already, as soon as the current
    /// callback has returned. A call that always requests itself again never lets the loop wait:
    /// use [`call_later`](Self::call_later) for what is to be repeated.
    #[doc(alias = "callWhenRunning")]
    pub fn call_when_running(&mut self, call: impl FnOnce(&mut Reactor) + 'static) {
        self.insert(Object::Call(Box::new(call)));
    }

    /// The connection of that name, to write to it or to close it; `None` if it is gone.
    pub fn transport(&mut self, key: Key) -> Option<Transport<'_>> {
        let peer = self.connection(key)?.peer();
        Some(Transport::new(self, key, peer))
    }

    /// One iteration: waits, handles what is ready, and then makes the calls that are due.
    #[doc(alias = "doIteration")]
    fn iterate(&mut self) -> io::Result<()> {
        match self.wait() {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for place in 0..self.ready.len() {
            self.dispatch(self.ready[place]);
            if !self.dirty.is_empty() {
                self.apply_requests(); // Mostly nothing else was requested.
            }
        }
        self.run_until_current();
        self.open_or_shut_ports();
        Ok(())
    }

    /// Waits, and records what has become ready. What is still ready comes first.
    // CONCEPT: level-and-edge
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        let entries = &mut self.entries;
        self.ready
            .retain(|key| entries.get_mut(*key).is_some_and(Entry::stays_listed));
        let timeout = self.timeout();
        let waited = self
            .engine
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

    /// Takes everything for ready, as a kernel may do by mistake.
    #[cold]
    fn list_all(&mut self) {
        for (key, entry) in &mut self.entries {
            entry.ready |= Readiness::level(true, true);
            if !mem::replace(&mut entry.listed, true) {
                self.ready.push(key);
            }
        }
    }

    /// How long the engine may wait: until the next thing is due that no descriptor tells of.
    // CONCEPT: timers
    fn timeout(&self) -> Option<Duration> {
        if !self.dirty.is_empty() || !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let times = [self.timers.next_time(), self.limit.retry_at(), self.stop_at];
        let next = times.into_iter().flatten().min();
        next.map(|next| self.clock.until(next))
    }

    /// Handles what is ready, unless a callback earlier in this iteration has closed or paused it.
    // CONCEPT: stale-events
    fn dispatch(&mut self, key: Key) {
        let Some(entry) = self.entries.get(key) else {
            return;
        };
        if !entry.can_read() && !entry.can_write() {
            return;
        }
        if matches!(entry.object, Object::Connection(_)) {
            return self.handle_ready(key); // Mostly it is one.
        }
        match &entry.object {
            Object::Port(_) => self.accept(key, net::ACCEPTS_PER_ITERATION),
            Object::PendingConnect(_) => self.handle_connect(key),
            Object::Reader(_) => self.handle_reader(key),
            Object::Connection(_) | Object::Call(_) => {}
        }
    }

    /// Applies requests, and those that are made meanwhile, in that order.
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

    /// Records that this entry has requests to be applied.
    #[inline]
    pub(crate) fn mark_dirty(&mut self, key: Key) {
        if let Some(entry) = self.entries.get_mut(key)
            && !mem::replace(&mut entry.dirty, true)
        {
            self.dirty.push_back(key);
        }
    }

    /// Tells the engine what is wanted of a descriptor, if that has changed.
    pub(crate) fn watch(&mut self, key: Key, wanted: Option<Interest>) -> io::Result<()> {
        let Some(entry) = self.entries.get_mut(key).filter(|it| it.watched != wanted) else {
            return Ok(());
        };
        let Some(descriptor) = entry.descriptor() else {
            return Ok(());
        };
        self.engine.watch(key, descriptor, entry.watched, wanted)?;
        entry.watched = wanted;
        // It can be ready since a time when that was not wanted.
        if (entry.can_read() || entry.can_write()) && !mem::replace(&mut entry.listed, true) {
            self.ready.push(key);
        }
        Ok(())
    }

    /// The engine stops watching a descriptor that is about to be closed.
    pub(crate) fn unwatch(&mut self, key: Key) {
        // Closing it ends the watching in any case.
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
