//! What the map holds for each channel.

use std::io::{self, ErrorKind};
use std::mem;
use std::time::Instant;

use common::sys::{AsDescriptor, Descriptor, Event, File, Interest, Listener, Poll, Stream, Token};

use crate::Dispatcher;

/// A channel, and the object that it belongs to, which is dropped right after the socket was
/// closed.
pub(crate) struct Entry<D: ?Sized = dyn Dispatcher> {
    pub state: State,
    pub dispatcher: D,
}

/// A channel: its socket, and what is known of it.
pub(crate) struct State {
    pub socket: Socket,
    /// When a byte last went in or out. Once the channel is draining, when it is closed even if the
    /// peer hasn't closed by then.
    pub since_or_until: Instant,
    /// Whether the object wants to read and to write, as it answered when it was last asked:
    /// whether it is in asyncore's lists `r` and `w`.
    reads: bool,
    writes: bool,
    /// What the kernel was asked to tell of.
    interest: Option<Interest>,
    /// A read may find something: an edge has told so, and no call has found the opposite since.
    pub may_read: bool,
    /// The same for a write.
    pub may_write: bool,
    /// The peer has sent its last byte: the end of the stream waits to be read, behind the bytes
    /// that came before it.
    pub read_closed: bool,
    /// Urgent data has come, of which the object is still to be told.
    pub urgent: bool,
    /// The kernel has told of an error, and no call has met it yet.
    pub failed: bool,
    /// Urgent data stands among the bytes to be read: a read stops before it, however much comes
    /// behind.
    pub marked: bool,
    /// How far the end of the connection has come, and whether the object knows.
    pub connection: ConnectionState,
    /// It was opened by `connect`, whose outcome is not known yet.
    pub connecting: bool,
    /// It is a listener that could not accept for want of descriptors or memory.
    pub starved: bool,
    /// No more is sent, what comes is discarded, and the object is not called any more.
    pub draining: bool,
    pub closing: bool,
    /// The object was told to stop.
    pub told_to_stop: bool,
    /// It is in the list of those to call.
    pub queued: bool,
}

/// The kinds of sockets, and of what else can be waited for.
pub(crate) enum Socket {
    Listener(Listener),
    Stream(Stream),
    Other(File),
    /// It was closed.
    Gone,
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    Open,
    /// The end of the stream was read: the peer has sent its last byte. The object doesn't know
    /// yet.
    EndOfStream,
    /// The object knows that the peer has sent its last byte. It may still be sending.
    PeerClosed,
    /// The connection is lost, in both directions.
    Lost,
}

impl State {
    pub fn new(socket: Socket, now: Instant) -> Self {
        State {
            socket,
            since_or_until: now,
            reads: false,
            writes: false,
            interest: None,
            may_read: false,
            may_write: false,
            read_closed: false,
            urgent: false,
            failed: false,
            marked: false,
            connection: ConnectionState::Open,
            connecting: false,
            starved: false,
            draining: false,
            closing: false,
            told_to_stop: false,
            queued: false,
        }
    }

    /// Notes what an event tells.
    pub fn record(&mut self, event: Event<'_>) {
        self.may_read |= event.is_readable();
        self.may_write |= event.is_writable();
        self.read_closed |= event.is_read_closed();
        if event.is_priority() {
            (self.urgent, self.marked) = (true, true);
        }
        if event.is_error() {
            (self.failed, self.may_read, self.may_write) = (true, true, true);
        }
    }

    /// Asks the object what it wants to know of.
    #[inline]
    pub fn query_interest(&mut self, dispatcher: &dyn Dispatcher) {
        if self.draining {
            (self.reads, self.writes) = (true, false);
            return;
        }
        self.reads =
            self.connection == ConnectionState::Open && !self.connecting && dispatcher.readable();
        self.writes = self.connecting || dispatcher.writable();
    }

    /// What the kernel is to tell of: of writing only while the socket is known to refuse it.
    // CONCEPT: level-and-edge
    fn wanted(&self) -> Option<Interest> {
        let reading = Interest::READABLE | Interest::PRIORITY; // Urgent data too.
        match (self.reads, self.writes && !self.may_write) {
            (true, true) => Some(reading | Interest::WRITABLE),
            (true, false) => Some(reading),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        }
    }

    /// Whether there is something that the object can be called for, without any waiting.
    pub fn can_be_called(&self) -> bool {
        self.can_read() || self.can_write() || self.urgent
    }

    fn can_read(&self) -> bool {
        self.may_read && self.reads
    }

    /// Whether the object, when it was last asked, wanted to write what it now can.
    pub fn can_write(&self) -> bool {
        self.may_write && self.writes
    }

    /// Whether the kernel has told of urgent data, or of an error that no read will meet.
    pub fn is_exceptional(&self) -> bool {
        self.urgent || self.failed && !self.can_read()
    }

    /// Whether it has only to wait for what the kernel was already asked to tell of.
    pub fn is_up_to_date(&self) -> bool {
        !self.closing && self.wanted() == self.interest && !self.can_be_called()
    }

    /// Whether the object is to be called for a write. It is called once for an edge: what was
    /// noted is taken back, and `send` notes it anew while more is possible.
    pub fn takes_write(&mut self) -> bool {
        self.writes && mem::take(&mut self.may_write)
    }

    /// Whether the object is to be called for a read; `recv` notes it anew.
    pub fn takes_read(&mut self) -> bool {
        self.reads && mem::take(&mut self.may_read)
    }

    /// Whether the connection has ended and the object doesn't know yet.
    pub fn has_unreported_end(&self) -> bool {
        matches!(
            self.connection,
            ConnectionState::EndOfStream | ConnectionState::Lost
        )
    }

    /// Asks the kernel to tell of what is wanted now.
    fn watch(&mut self, wanted: Option<Interest>, poll: &Poll, token: Token) -> io::Result<()> {
        let descriptor = self.socket.descriptor()?;
        match wanted {
            Some(wanted) if self.interest.is_some() => {
                poll.reregister(descriptor, token, wanted)?;
            }
            Some(wanted) => poll.register(descriptor, token, wanted)?,
            None => poll.deregister(descriptor)?,
        }
        self.interest = wanted;
        Ok(())
    }

    /// Asks the kernel to tell no more.
    pub fn unwatch(&mut self, poll: &Poll) -> io::Result<()> {
        match self.interest.take() {
            Some(_) => poll.deregister(self.socket.descriptor()?),
            None => Ok(()),
        }
    }
}

impl Entry {
    /// Asks the object what it wants to know of, and the kernel to tell of it if that has changed.
    /// Answers whether the object can be called at once.
    pub fn update_interest(&mut self, poll: &Poll, token: Token) -> io::Result<bool> {
        let Entry { state, dispatcher } = self;
        state.query_interest(dispatcher);
        let wanted = state.wanted();
        if wanted != state.interest {
            state.watch(wanted, poll, token)?;
        }
        Ok(state.can_be_called())
    }
}

impl Socket {
    /// Closes it.
    pub fn close(&mut self) {
        match mem::replace(self, Socket::Gone) {
            Socket::Listener(listener) => listener.close(),
            Socket::Stream(socket) => socket.close(),
            Socket::Other(file) => file.close(),
            Socket::Gone => {}
        }
    }

    /// What the kernel knows it by.
    fn descriptor(&self) -> io::Result<Descriptor<'_>> {
        match self {
            Socket::Listener(listener) => Ok(listener.descriptor()),
            Socket::Stream(socket) => Ok(socket.descriptor()),
            Socket::Other(file) => Ok(file.descriptor()),
            Socket::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }
}
