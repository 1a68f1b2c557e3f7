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

/// All channels and their objects: asyncore's `socket_map`, with the functions that use
/// it.
pub struct SocketMap {
    entries: SecondaryMap<Key, Entry>,
    registry: Registry,
    events: Events,
    /// The only read buffer.
    buffer: Box<[u8]>,
    /// The objects to call in the next iteration.
    ready: Vec<Key>,
    /// The channels that have to be closed, or watched for something else.
    dirty: Vec<Key>,
    /// The listeners. They are few, so the loop calls their `readable` in every iteration.
    listeners: Vec<Key>,
    /// When to search for idle connections again.
    next_look: Option<Instant>,
    /// A stop was requested: call `handle_stop` of all objects.
    stop_requested: bool,
    /// When the shutdown timeout is over: all channels that are left are closed then.
    stop_at: Option<Instant>,
}

/// The initial capacity for the events of one wait. The others come with the next wait.
const EVENTS_PER_WAIT: usize = 1024;

impl SocketMap {
    /// Creates an empty map. Its channels read into `buffer`, whose size also limits one read.
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

    /// Adds a connected socket to the map.
    ///
    /// # Errors
    /// An error of registering it with the kernel; the socket is closed then.
    pub fn open(&mut self, socket: Stream, object: impl Dispatcher + 'static) -> io::Result<Key> {
        let opened = self.registry.open(socket, object);
        self.take_requests();
        opened
    }

    /// Adds a non-blocking listener to the map.
    ///
    /// # Errors
    /// An error of registering it with the kernel.
    pub fn open_listener(
        &mut self,
        listener: Listener,
        object: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        self.insert(Socket::Listener(listener), object)
    }

    /// Adds anything else that has a descriptor, such as a pipe. The object reads from a duplicate
    /// of it until that would block, since it is called only once for each edge.
    ///
    /// # Errors
    /// An error of registering it with the kernel.
    #[doc(alias = "file_dispatcher")]
    pub fn open_file(
        &mut self,
        file: impl Into<File>,
        object: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        self.insert(Socket::Other(file.into()), object)
    }

    /// Starts to connect. The loop calls the object's `handle_connect` when the connection is
    /// established, `handle_error` if it fails, or `handle_close` if it was lost meanwhile.
    ///
    /// # Errors
    /// An immediate error of socket(2) or connect(2).
    pub fn connect(
        &mut self,
        address: SocketAddr,
        object: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        let opened = self.registry.connect(address, object);
        self.take_requests();
        opened
    }

    /// Runs iterations until all channels are closed, but at most `count`.
    ///
    /// # Errors
    /// The errors of [`poll`](Self::poll).
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

    /// Stops the loop: at the end of the iteration, calls [`Dispatcher::handle_stop`] of all
    /// objects. When the time `within` is over, the connections that are still open fail with
    /// `TimedOut`, and all channels are closed.
    pub fn stop_all(&mut self, within: Duration) {
        self.stop_requested = true;
        self.stop_at = Some(self.clock().now() + within);
    }

    /// Calls `readable` and `writable` of an object again, at the end of the iteration.
    pub fn reconsider(&mut self, key: Key) {
        self.dirty.push(key);
    }

    /// Fails each connection that was idle for `idle_timeout`, with `TimedOut`. Returns when to
    /// call this again, or `None` if there is no connection that can expire. Call it after each
    /// [`poll`](Self::poll): most calls only compare two times. It searches all connections at most
    /// ten times per `idle_timeout`, since a search costs time for each connection.
    ///
    /// A connection counts as idle only if the loop has waited since its deadline and has handled
    /// everything that arrived before that: see [`Clock`].
    ///
    /// asyncore has no timers: its users search the map between two iterations of the loop.
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

    /// Fails the connections that were idle for too long, and returns the next one's deadline.
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

    /// Fails the connections that meet the condition with `TimedOut`.
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

    /// The loop's clock. [`poll`](Self::poll) reads it once, right after the wait.
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
