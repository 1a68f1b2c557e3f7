//! The map of all channels, and the loop over it.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::Clock;
use common::sys::{self, Events, File, Listener, Poll, Stream};
use slotmap::{SlotMap, new_key_type};

use crate::Dispatcher;
use crate::entry::{Entry, Socket, State};

mod iteration;

new_key_type! {
    /// Names a channel. Once that channel is closed the key finds nothing, even when its place is
    /// given to another.
    pub struct Key;
}

/// All channels and the objects that they belong to: asyncore's `socket_map`, and the functions
/// around it.
///
/// [`Poll`] tells of *edges*: once, when a socket becomes ready. The map remembers in each entry
/// that the socket may still be ready, until a call answers that it is not, and gives each one call
/// an iteration for as long as that is so.
pub struct SocketMap {
    /// An entry is not there while its object is being called: so nobody can call it again.
    entries: SlotMap<Key, Option<Box<Entry>>>,
    poll: Poll,
    events: Events,
    /// The one read buffer.
    buffer: Box<[u8]>,
    /// The error with which the connection of the object that is being called was lost.
    pub(crate) lost_with: Option<io::Error>,
    /// Memory that an object had for its answer, and that the next one can have.
    #[expect(
        clippy::box_collection,
        reason = "it is handed on from object to object"
    )]
    pub(crate) recycled: Option<Box<VecDeque<u8>>>,
    /// Those to call in the next iteration.
    ready: Vec<Key>,
    /// Those to call in this iteration: a list of its own, so that who stays ready has to wait for
    /// the next.
    current: Vec<Key>,
    /// Those to be closed, or whose interest is to be updated.
    dirty: Vec<Key>,
    /// The listeners: they are few, and asked on every iteration whether they are readable.
    listeners: Vec<Key>,
    /// How many channels are streams.
    streams: usize,
    /// Those that are draining, and until when.
    draining: BTreeSet<(Instant, Key)>,
    /// All objects are to be told to stop.
    stop_requested: bool,
    clock: Clock,
}

/// Most events that one wait brings at first; the rest come with the next.
const EVENTS_PER_WAIT: usize = 1024;

impl SocketMap {
    /// An empty map, whose channels all read into `buffer`, and so at most as much in an iteration.
    ///
    /// # Errors
    /// No descriptor for the [`Poll`].
    pub fn new(buffer: Vec<u8>) -> io::Result<Self> {
        Ok(SocketMap {
            entries: SlotMap::with_key(),
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            buffer: buffer.into(),
            lost_with: None,
            recycled: None,
            ready: Vec::new(),
            current: Vec::new(),
            dirty: Vec::new(),
            listeners: Vec::new(),
            streams: 0,
            draining: BTreeSet::new(),
            stop_requested: false,
            clock: Clock::default(),
        })
    }

    /// Puts a connected socket into the map.
    ///
    /// # Errors
    /// What registering it with the kernel returns; the socket is closed then.
    pub fn open(
        &mut self,
        socket: Stream,
        dispatcher: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        let mut state = State::new(Socket::Stream(socket), self.now());
        state.may_write = true; // Nothing fills its buffer yet.
        self.insert(state, dispatcher)
    }

    /// Puts a non-blocking listener into the map.
    ///
    /// # Errors
    /// What registering it with the kernel answers.
    pub fn open_listener(
        &mut self,
        listener: Listener,
        dispatcher: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        let state = State::new(Socket::Listener(listener), self.now());
        let key = self.insert(state, dispatcher)?;
        self.listeners.push(key);
        Ok(key)
    }

    /// Puts anything else that has a descriptor into the map, a pipe for example. Its object reads
    /// from a duplicate of it, until it would block: it is called once for each edge.
    ///
    /// # Errors
    /// What registering it with the kernel answers.
    #[doc(alias = "file_dispatcher")]
    pub fn open_file(
        &mut self,
        file: impl Into<File>,
        dispatcher: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        let state = State::new(Socket::Other(file.into()), self.now());
        self.insert(state, dispatcher)
    }

    /// Begins to connect; the object is told of the outcome through `handle_connect`, or
    /// `handle_error`, or `handle_close` if the connection was lost while it was made.
    ///
    /// # Errors
    /// What socket(2) or connect(2) returns at once.
    pub fn connect(
        &mut self,
        address: SocketAddr,
        dispatcher: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        let socket = Stream::connect(address)?;
        let mut state = State::new(Socket::Stream(socket), self.now());
        state.connecting = true;
        state.may_write = sys::spurious();
        self.insert(state, dispatcher)
    }

    /// Polls until all channels are closed, or `count` times.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    #[doc(alias = "loop")]
    pub fn run_loop(&mut self, timeout: Option<Duration>, count: Option<usize>) -> io::Result<()> {
        let mut iterations = 0;
        while !self.is_empty() && count.is_none_or(|count| iterations < count) {
            self.poll(timeout)?;
            iterations += 1;
        }
        Ok(())
    }

    /// Whether all channels are closed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Closes a channel at the end of the iteration. Its object is not called any more.
    pub fn close(&mut self, key: Key) {
        if let Some(Some(entry)) = self.entries.get_mut(key) {
            entry.state.closing = true;
            self.dirty.push(key);
        }
    }

    /// Closes all channels at the end of the iteration.
    pub fn close_all(&mut self) {
        let keys: Vec<Key> = self.entries.keys().collect();
        for key in keys {
            self.close(key);
        }
    }

    /// Tells all objects, at the end of the iteration, that the loop is to end; it does once their
    /// channels are closed. Each is told once. The listeners accept the clients that wait before
    /// they are told, and so are these clients' objects.
    pub fn stop_all(&mut self) {
        self.stop_requested = true;
    }

    /// Asks an object again whether it is readable and writable, at the end of the iteration.
    pub fn reconsider(&mut self, key: Key) {
        self.dirty.push(key);
    }

    /// Fails each connection that was silent for `idle_timeout`, with `TimedOut`, and returns when
    /// to look again: `None` if nothing is left that can expire. Call it after
    /// [`poll`](Self::poll).
    ///
    /// A connection has been silent only if the loop has waited since, and has seen all that had
    /// come in time: see [`Clock`].
    ///
    /// asyncore has no timers: its users look through the map between two iterations of the loop.
    /// So does this.
    pub fn expire(&mut self, idle_timeout: Duration) -> Option<Instant> {
        let mut silent = Vec::new();
        let mut next = None;
        for (key, entry) in &self.entries {
            let Some(state) = entry.as_ref().map(|entry| &entry.state) else {
                continue;
            };
            if state.draining || !matches!(state.socket, Socket::Stream(_)) {
                continue;
            }
            let due = state.since_or_until + idle_timeout;
            if self.clock.has_passed(due) {
                silent.push(key);
            } else {
                next = Some(next.map_or(due, |next: Instant| next.min(due)));
            }
        }
        self.time_out(silent, "idle for too long");
        next
    }

    /// Fails each connection that is not closed yet with `TimedOut`, and closes all channels.
    pub(crate) fn fail_all(&mut self, message: &'static str) {
        let is_served =
            |state: &State| !state.draining && matches!(state.socket, Socket::Stream(_));
        let entries = self.entries.iter();
        let served = entries
            .filter(|(_, entry)| entry.as_ref().is_some_and(|entry| is_served(&entry.state)));
        let served = served.map(|(key, _)| key).collect();
        self.time_out(served, message);
        self.close_all();
    }

    fn time_out(&mut self, keys: Vec<Key>, message: &'static str) {
        for key in keys {
            let error = io::Error::new(ErrorKind::TimedOut, message);
            self.call(key, |dispatcher, channel| {
                dispatcher.handle_error(channel, error)
            });
        }
    }

    /// Whether [`expire`](Self::expire) has anything to look at: connections that aren't draining.
    pub(crate) fn can_expire(&self) -> bool {
        self.streams > self.draining.len()
    }

    /// The clock of the loop, which [`poll`](Self::poll) reads once: right after it has waited.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Has a channel that drains closed at this time, unless its peer closes earlier.
    pub(crate) fn drain_until(&mut self, until: Instant, key: Key) {
        self.draining.insert((until, key));
    }

    fn insert(&mut self, state: State, dispatcher: impl Dispatcher + 'static) -> io::Result<Key> {
        let mut entry: Box<Entry> = Box::new(Entry { state, dispatcher });
        let key = self.entries.insert(None);
        if let Err(error) = self.update_interest(key, &mut entry) {
            self.entries.remove(key);
            entry.state.socket.close();
            return Err(error);
        }
        self.streams += usize::from(matches!(entry.state.socket, Socket::Stream(_)));
        self.put_back(key, entry);
        Ok(key)
    }
}
