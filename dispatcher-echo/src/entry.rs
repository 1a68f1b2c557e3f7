//! What the map holds for each channel.

use std::io;
use std::time::Instant;

use common::sys::{
    self, AsDescriptor, Descriptor, Event, File, Interest, Listener, Readiness, Stream,
};

use slotmap::new_key_type;

use crate::Dispatcher;

new_key_type! {
    /// Names a channel. Once that channel is closed the key finds nothing, even when its place is
    /// given to another.
    pub struct Key;
}

/// A channel, and the object that it belongs to.
pub(crate) struct Entry {
    pub state: ChannelState,
    pub object: Box<dyn Dispatcher>,
}

/// A channel: its socket, and what is known of it.
pub(crate) struct ChannelState {
    pub socket: Socket,
    pub connection: ConnectionState,
    /// What the object is still to be called for.
    pub readiness: Readiness,
    /// Urgent data has arrived, and `handle_expt` is still to be called.
    pub urgent: bool,
    /// The kernel has told of an error, and no call has met it yet.
    pub failed: bool,
    /// Whether the object wants to read and to write, as it answered when it was last asked:
    /// whether it is in asyncore's lists `r` and `w`.
    reads: bool,
    writes: bool,
    /// What the kernel was asked to tell of.
    pub interest: Option<Interest>,
    /// It is in the list of those to call.
    pub queued: bool,
    /// The object was told to stop.
    pub told_to_stop: bool,
    /// When a byte last went in or out.
    pub last_active: Instant,
}

/// The kinds of sockets, and of what else can be waited for.
pub(crate) enum Socket {
    Listener(Listener),
    Stream(Stream),
    Other(File),
}

/// Where a channel is in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// It was opened by `connect`, whose outcome is not known yet.
    Connecting,
    Open,
    /// The end of the stream was read, and `handle_close` is still to be called.
    EndOfStream,
    /// The object knows that the peer has sent its last byte. It may still be sending.
    PeerClosed,
    /// The connection is lost in both directions, and `handle_close` is still to be called.
    Lost,
    /// A FIN is sent, what comes is discarded, and the object is not called any more.
    Draining,
    /// It is removed at the end of the iteration, and the object is not called any more.
    Closed,
}

impl ConnectionState {
    /// Whether the object's part is over.
    pub fn is_over(self) -> bool {
        matches!(self, ConnectionState::Draining | ConnectionState::Closed)
    }

    /// Whether the connection has ended in a way that the object doesn't know of yet.
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

    /// Asks the object whether it wants to read and to write.
    #[inline]
    pub fn query_interest(&mut self, object: &dyn Dispatcher) {
        (self.reads, self.writes) = match self.connection {
            ConnectionState::Connecting => (false, true),
            ConnectionState::Draining => (true, false),
            ConnectionState::Open => (object.readable(), object.writable()),
            _ => (false, object.writable()),
        };
    }

    /// What the kernel is to tell of: of writing only while the socket is known to refuse it.
    // CONCEPT: level-and-edge
    #[inline]
    pub fn wanted(&self) -> Option<Interest> {
        Interest::of(self.reads, self.writes && !self.readiness.may_write())
    }

    /// Remembers what an event tells.
    #[inline]
    pub fn record(&mut self, event: Event<'_>) {
        self.readiness |= Readiness::from(event);
        self.urgent |= event.is_priority();
        self.failed |= event.is_error();
    }

    /// Records the result of a read of at most `offered` bytes. If there may be more, the object is
    /// called again, without another edge.
    // CONCEPT: level-and-edge
    #[inline(always)] // As in `common::sys`.
    pub fn record_read(&mut self, result: &io::Result<usize>, offered: usize) {
        self.readiness.set_read();
        self.readiness.record_read(result, offered);
        if result.is_ok() && !self.readiness.may_read() && sys::spurious() {
            self.readiness.set_read();
        }
    }

    /// Whether the object can be called at once, without any waiting.
    pub fn can_be_called(&self) -> bool {
        self.can_read() || self.can_write() || self.urgent
    }

    fn can_read(&self) -> bool {
        self.reads && self.readiness.may_read()
    }

    fn can_write(&self) -> bool {
        self.writes && self.readiness.may_write()
    }

    /// Whether it has only to wait for what the kernel was already asked to tell of.
    #[inline]
    pub fn is_up_to_date(&self) -> bool {
        self.connection != ConnectionState::Closed
            && self.wanted() == self.interest
            && !self.can_be_called()
    }

    /// Whether the object is to be called for a read. It is called once for an edge: what was
    /// remembered is cleared, and set again by a `recv` or `accept` behind which there may be more.
    #[inline]
    pub fn takes_read(&mut self) -> bool {
        let is_due = self.can_read();
        if is_due {
            self.readiness.clear_read();
        }
        is_due
    }

    /// The same for a write. Reading may have changed the object's mind.
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

    /// Whether this is a connection that its object still cares for.
    pub fn can_expire(&self) -> bool {
        matches!(self.socket, Socket::Stream(_)) && !self.connection.is_over()
    }

    /// Whether the kernel has told of urgent data, or of an error that no read will meet.
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

    /// What the kernel knows it by.
    pub fn descriptor(&self) -> Descriptor<'_> {
        match self {
            Socket::Listener(listener) => listener.descriptor(),
            Socket::Stream(socket) => socket.descriptor(),
            Socket::Other(file) => file.descriptor(),
        }
    }
}
