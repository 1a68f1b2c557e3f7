//! The map's entry for one channel.

use std::io;
use std::time::Instant;

use common::sys::{
    self, AsDescriptor, Descriptor, Event, File, Interest, Listener, Readiness, Stream,
};

use slotmap::new_key_type;

use crate::Dispatcher;

new_key_type! {
    /// Identifies a channel. After the channel is closed, its key finds nothing, even if a new
    /// channel reuses its slot.
    pub struct Key;
}

/// A channel, and the object that handles its events.
pub(crate) struct Entry {
    pub state: ChannelState,
    pub object: Box<dyn Dispatcher>,
}

/// A channel: its socket and its state.
pub(crate) struct ChannelState {
    pub socket: Socket,
    pub connection: ConnectionState,
    /// Which calls of the object are still due.
    pub readiness: Readiness,
    /// Urgent data has arrived, and `handle_expt` is still to be called.
    pub urgent: bool,
    /// The kernel has reported an error, and no call has returned it yet.
    pub failed: bool,
    /// What the object's `readable` and `writable` returned last: whether it would be in asyncore's
    /// lists `r` and `w`.
    reads: bool,
    writes: bool,
    /// What the kernel watches the socket for.
    pub interest: Option<Interest>,
    /// The key is in the list of objects to call.
    pub queued: bool,
    /// The object's `handle_stop` was called.
    pub told_to_stop: bool,
    /// When a byte was last read or sent.
    pub last_active: Instant,
}

/// The kinds of sockets, and anything else that the loop can watch.
pub(crate) enum Socket {
    Listener(Listener),
    Stream(Stream),
    Other(File),
}

/// Where a channel is in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// Opened by `connect`; not connected yet.
    Connecting,
    Open,
    /// The end of the stream was read, and `handle_close` is still to be called.
    EndOfStream,
    /// The peer has sent its last byte, and `handle_close` was called. The object may still be
    /// sending.
    PeerClosed,
    /// The connection is lost in both directions, and `handle_close` is still to be called.
    Lost,
    /// The FIN is sent, input is discarded, and the object is not called any more.
    Draining,
    /// The channel is removed at the end of the iteration, and the object is not called any more.
    Closed,
}

impl ConnectionState {
    /// Whether the object is not called any more.
    pub fn is_over(self) -> bool {
        matches!(self, ConnectionState::Draining | ConnectionState::Closed)
    }

    /// Whether the connection has ended and `handle_close` is still to be called.
    pub fn is_unreported_end(self) -> bool {
        matches!(self, ConnectionState::EndOfStream | ConnectionState::Lost)
    }

    /// Whether the object can still read or write.
    fn is_usable(self) -> bool {
        matches!(self, ConnectionState::Open | ConnectionState::PeerClosed)
    }
}

impl ChannelState {
    pub fn new(socket: Socket, now: Instant) -> Self {
        ChannelState {
            socket,
            connection: ConnectionState::Open,
            readiness: Readiness::default(),
            urgent: false,
            failed: false,
            reads: false,
            writes: false,
            interest: None,
            queued: false,
            told_to_stop: false,
            last_active: now,
        }
    }

    /// Calls the object's `readable` and `writable`, and keeps the results.
    #[inline]
    pub fn query_interest(&mut self, object: &dyn Dispatcher) {
        (self.reads, self.writes) = match self.connection {
            ConnectionState::Connecting => (false, true),
            ConnectionState::Draining => (true, false),
            ConnectionState::Open => (object.readable(), object.writable()),
            _ => (false, object.writable()),
        };
    }

    /// What the kernel should watch for: for writing only while the socket is known to refuse it.
    // CONCEPT: level-and-edge
    #[inline]
    pub fn wanted(&self) -> Option<Interest> {
        Interest::of(self.reads, self.writes && !self.readiness.may_write())
    }

    /// Records an event.
    #[inline]
    pub fn record(&mut self, event: Event<'_>) {
        self.readiness |= Readiness::from(event);
        self.urgent |= event.is_priority();
        self.failed |= event.is_error();
    }

    /// Records the result of a read of at most `offered` bytes. If there can be more bytes, the
    /// loop calls the object again without another edge.
    // CONCEPT: level-and-edge
    #[inline(always)] // As in `common::sys`.
    pub fn record_read(&mut self, result: &io::Result<usize>, offered: usize) {
        self.readiness.set_read();
        self.readiness.record_read(result, offered);
        if result.is_ok() && !self.readiness.may_read() && sys::spurious() {
            self.readiness.set_read();
        }
    }

    /// Whether the loop can call the object at once, without waiting for an event.
    pub fn can_be_called(&self) -> bool {
        self.can_read() || self.can_write() || self.urgent
    }

    fn can_read(&self) -> bool {
        self.reads && self.readiness.may_read()
    }

    fn can_write(&self) -> bool {
        self.writes && self.readiness.may_write()
    }

    /// Whether nothing is left to do but wait for the events that the kernel already watches for.
    #[inline]
    pub fn is_up_to_date(&self) -> bool {
        self.connection != ConnectionState::Closed
            && self.wanted() == self.interest
            && !self.can_be_called()
    }

    /// Whether to call the object for a read. One edge leads to one call: this clears the recorded
    /// readiness, and a `recv` or `accept` sets it again if there may be more to read.
    #[inline]
    pub fn takes_read(&mut self) -> bool {
        let is_due = self.can_read();
        if is_due {
            self.readiness.clear_read();
        }
        is_due
    }

    /// The same for a write. Calls `writable` again, since a read may have changed its result.
    #[inline]
    pub fn takes_write(&mut self, object: &dyn Dispatcher) -> bool {
        if !self.can_write() || !self.connection.is_usable() {
            return false;
        }
        self.writes = object.writable();
        if self.writes {
            self.readiness.clear_write();
        }
        self.writes
    }

    /// Whether this is a connection whose object is still called.
    pub fn can_expire(&self) -> bool {
        matches!(self.socket, Socket::Stream(_)) && !self.connection.is_over()
    }

    /// Whether the kernel has reported urgent data, or an error that no read will return.
    #[inline]
    pub fn is_exceptional(&self) -> bool {
        (self.urgent || self.failed && !self.can_read()) && self.connection.is_usable()
    }
}

impl Socket {
    pub fn close(self) {
        match self {
            Socket::Listener(listener) => listener.close(),
            Socket::Stream(socket) => socket.close(),
            Socket::Other(file) => file.close(),
        }
    }

    /// The socket's descriptor.
    pub fn descriptor(&self) -> Descriptor<'_> {
        match self {
            Socket::Listener(listener) => listener.descriptor(),
            Socket::Stream(socket) => socket.descriptor(),
            Socket::Other(file) => file.descriptor(),
        }
    }
}
