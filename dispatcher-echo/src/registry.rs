//! The part of the loop that a handler can reach through its channel.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::Clock;
use common::sys::{self, Poll, Stream, Token};
use slotmap::{Key as _, KeyData, SlotMap};
use tracing::debug;

use crate::entry::{ChannelState, ConnectionState, Entry, Socket};
use crate::{Dispatcher, Key};

/// Registers channels with the kernel at once, and records all other requests to the loop.
pub(crate) struct Registry {
    pub poll: Poll,
    pub clock: Clock,
    /// Allocates the keys of the channels.
    keys: SlotMap<Key, ()>,
    /// The requests of the current call, in order.
    pub requests: Vec<Request>,
    /// How many connections can expire.
    pub live: usize,
    /// When each channel's draining ends. Channels that have closed since are still in here.
    pub draining: BinaryHeap<Reverse<(Instant, Key)>>,
    /// The listeners that couldn't accept because descriptors or memory ran out.
    pub starved: Vec<Key>,
    /// See [`Channel::collect`](crate::Channel::collect).
    pub spare_buffer: Vec<u8>,
}

/// A request of a handler. The loop applies it when the handler has returned.
pub(crate) enum Request {
    /// Add this entry, already registered with the kernel, to the map.
    Open(Key, Entry),
    Close(Key),
    CloseAll,
    StopAll(Duration),
    Reconsider(Key),
}

impl Registry {
    pub fn new() -> io::Result<Self> {
        Ok(Registry {
            poll: Poll::new()?,
            clock: Clock::default(),
            keys: SlotMap::with_key(),
            requests: Vec::new(),
            live: 0,
            draining: BinaryHeap::new(),
            starved: Vec::new(),
            spare_buffer: Vec::new(),
        })
    }

    pub fn open(&mut self, socket: Stream, object: impl Dispatcher + 'static) -> io::Result<Key> {
        let mut state = ChannelState::new(Socket::Stream(socket), self.clock.now());
        state.readiness.set_write(); // Nothing fills its buffer yet.
        self.insert(state, object)
    }

    pub fn connect(
        &mut self,
        address: SocketAddr,
        object: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        let socket = Socket::Stream(Stream::connect(address)?);
        let mut state = ChannelState::new(socket, self.clock.now());
        state.connection = ConnectionState::Connecting;
        if sys::spurious() {
            state.readiness.set_write();
        }
        self.insert(state, object)
    }

    pub fn insert(
        &mut self,
        state: ChannelState,
        object: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        let object = Box::new(object);
        let mut entry = Entry { state, object };
        let key = self.keys.insert(());
        match self.update_interest(key, &mut entry) {
            Ok(()) => {
                self.live += usize::from(entry.state.can_expire());
                self.requests.push(Request::Open(key, entry));
                Ok(key)
            }
            Err(error) => {
                self.keys.remove(key);
                entry.state.socket.close();
                Err(error)
            }
        }
    }

    /// Updates what the object is interested in, and what the kernel watches for if that has
    /// changed.
    pub fn update_interest(&self, key: Key, entry: &mut Entry) -> io::Result<()> {
        let Entry { state, object } = entry;
        state.query_interest(&**object);
        let (wanted, descriptor) = (state.wanted(), state.socket.descriptor());
        match (state.interest, wanted) {
            (before, wanted) if before == wanted => {}
            (None, Some(wanted)) => self.poll.register(descriptor, token(key), wanted)?,
            (Some(_), Some(wanted)) => self.poll.reregister(descriptor, token(key), wanted)?,
            (_, None) => self.poll.deregister(descriptor)?,
        }
        state.interest = wanted;
        Ok(())
    }

    /// Starts to drain or close a channel. Its object is not called any more.
    pub fn end(&mut self, state: &mut ChannelState, connection: ConnectionState) {
        self.live -= usize::from(state.can_expire());
        state.connection = connection;
    }

    /// Closes a channel that was removed from the map, and then drops its object.
    // CONCEPT: open-file-descriptions
    pub fn close(&mut self, key: Key, entry: Entry) {
        let Entry { state, object } = entry;
        self.keys.remove(key);
        if state.interest.is_some()
            && let Err(error) = self.poll.deregister(state.socket.descriptor())
        {
            debug!(%error, "a channel could not be deregistered");
        }
        state.socket.close();
        drop(object);
    }
}

/// The number that the kernel returns with each event: the key, version included. So an event of a
/// closed channel finds nothing, even if a new channel reuses its slot.
// CONCEPT: stale-events
pub(crate) fn token(key: Key) -> Token {
    Token(key.data().as_ffi())
}

pub(crate) fn key(token: Token) -> Key {
    KeyData::from_ffi(token.0).into()
}
