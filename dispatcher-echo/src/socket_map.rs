//! The map of all channels, and the loop over it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::Clock;
use common::sys::{Events, File, Listener, Stream};
use slotmap::SecondaryMap;

use crate::entry::{ChannelState, ConnectionState, Entry, Socket};
use crate::registry::Registry;
use crate::{Dispatcher, Key};

mod iteration;

/// All channels and the objects that they belong to: asyncore's `socket_map`, and the functions
/// around it.
pub struct SocketMap {
    entries: SecondaryMap<Key, Entry>,
    registry: Registry,
    events: Events,
    /// The one read buffer.
    buffer: Box<[u8]>,
    /// Those to call in the next iteration.
    ready: Vec<Key>,
    /// Those to be closed, or whose interest is to be updated.
    dirty: Vec<Key>,
    /// The listeners: they are few, and asked on every iteration whether they are readable.
    listeners: Vec<Key>,
    /// When to look for connections that have expired.
    next_look: Option<Instant>,
    /// All objects are to be told to stop.
    stop_requested: bool,
    /// When those are closed that haven't stopped by then.
    stop_at: Option<Instant>,
}

/// Most events that one wait brings at first; the rest come with the next.
const EVENTS_PER_WAIT: usize = 1024;

impl SocketMap {
    /// An empty map, whose channels all read into `buffer`, and so at most as much in an iteration.
    ///
    /// # Errors
    /// No descriptor for the [`Poll`](common::sys::Poll).
    pub fn new(buffer: Vec<u8>) -> io::Result<Self> {
        Ok(SocketMap {
            entries: SecondaryMap::new(),
            registry: Registry::new()?,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            buffer: buffer.into(),
            ready: Vec::new(),
            dirty: Vec::new(),
            listeners: Vec::new(),
            next_look: None,
            stop_requested: false,
            stop_at: None,
        })
    }

    /// Puts a connected socket into the map.
    ///
    /// # Errors
    /// What registering it with the kernel returns; the socket is closed then.
    pub fn open(&mut self, socket: Stream, object: impl Dispatcher + 'static) -> io::Result<Key> {
        let opened = self.registry.open(socket, object);
        self.take_requests();
        opened
    }

    /// Puts a non-blocking listener into the map.
    ///
    /// # Errors
    /// What registering it with the kernel answers.
    pub fn open_listener(
        &mut self,
        listener: Listener,
        object: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        self.insert(Socket::Listener(listener), object)
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
        object: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        self.insert(Socket::Other(file.into()), object)
    }

    /// Begins to connect; the object is told of the outcome through `handle_connect`, or
    /// `handle_error`, or `handle_close` if the connection was lost while it was made.
    ///
    /// # Errors
    /// What socket(2) or connect(2) returns at once.
    pub fn connect(
        &mut self,
        address: SocketAddr,
        object: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        let opened = self.registry.connect(address, object);
        self.take_requests();
        opened
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
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        self.registry.end(&mut entry.state, ConnectionState::Closed);
        self.dirty.push(key);
    }

    /// Closes all channels at the end of the iteration.
    pub fn close_all(&mut self) {
        for key in self.keys_where(|_| true) {
            self.close(key);
        }
    }

    /// Tells all objects through [`Dispatcher::handle_stop`], at the end of the iteration, that the
    /// loop is to end. Connections that are not closed `within` this time are failed with
    /// `TimedOut`, and all channels are closed.
    pub fn stop_all(&mut self, within: Duration) {
        self.stop_requested = true;
        self.stop_at = Some(self.clock().now() + within);
    }

    /// Asks an object again whether it is readable and writable, at the end of the iteration.
    pub fn reconsider(&mut self, key: Key) {
        self.dirty.push(key);
    }

    /// Fails each connection that was silent for `idle_timeout`, with `TimedOut`, and returns when
    /// to call this again: `None` if nothing is left that can expire. Call it after each
    /// [`poll`](Self::poll): most calls only compare times. A look at all connections comes at most
    /// ten times in the time of one timeout, for it costs as much as there are.
    ///
    /// A connection has been silent only if the loop has waited since, and has seen all that had
    /// come in time: see [`Clock`].
    ///
    /// asyncore has no timers: its users look through the map between two iterations of the loop.
    // CONCEPT: timers
    pub fn expire(&mut self, idle_timeout: Duration) -> Option<Instant> {
        self.next_look = match self.next_look {
            _ if self.registry.live == 0 => None,
            None => Some(self.clock().now() + idle_timeout),
            Some(due) if self.clock().has_passed(due) => {
                let soonest = due + idle_timeout / 10;
                self.close_idle(idle_timeout).map(|next| next.max(soonest))
            }
            not_yet => not_yet,
        };
        self.next_look
    }

    /// Fails those that were silent for so long, and returns when the next one will have been.
    fn close_idle(&mut self, idle_timeout: Duration) -> Option<Instant> {
        let clock = self.clock();
        let live = self
            .entries
            .values()
            .filter(|entry| entry.state.can_expire());
        let dues = live.map(|entry| entry.state.last_active + idle_timeout);
        let next = dues.filter(|due| !clock.has_passed(*due)).min();
        self.fail_where("idle for too long", |state| {
            clock.has_passed(state.last_active + idle_timeout)
        });
        next
    }

    /// Fails connections with `TimedOut`.
    fn fail_where(&mut self, message: &'static str, is_meant: impl Fn(&ChannelState) -> bool) {
        for key in self.keys_where(|state| state.can_expire() && is_meant(state)) {
            let error = io::Error::new(ErrorKind::TimedOut, message);
            self.call(key, |_, _| Err(error));
        }
    }

    fn keys_where(&self, is_meant: impl Fn(&ChannelState) -> bool) -> Vec<Key> {
        let entries = self.entries.iter();
        let meant = entries.filter(|(_, entry)| is_meant(&entry.state));
        meant.map(|(key, _)| key).collect()
    }

    /// The clock of the loop, which [`poll`](Self::poll) reads once: right after it has waited.
    pub fn clock(&self) -> Clock {
        self.registry.clock
    }

    fn insert(&mut self, socket: Socket, object: impl Dispatcher + 'static) -> io::Result<Key> {
        let state = ChannelState::new(socket, self.clock().now());
        let opened = self.registry.insert(state, object);
        self.take_requests();
        opened
    }
}
