//! One connection, as its protocol sees it.
//!
//! | Twisted (`ITCPTransport`, `IProducer`, `TimeoutMixin`) | here | difference |
//! |---|---|---|
//! | `write`, `writeSequence` | [`write`](Transport::write), [`write_sequence`](Transport::write_sequence) | sent at once if nothing is pending before it, as in asyncio; Twisted records it, waits for the next writable event, and sends at most 128 KiB with one call (`SendPolicy::Queued`) |
//! | `loseConnection` | [`lose_connection`](Transport::lose_connection) | also waits, for a bounded time, that the peer closes, so that no reset destroys the last answer |
//! | `loseWriteConnection` | [`lose_write_connection`](Transport::lose_write_connection) | no callback says that the end was sent (`writeConnectionLost`) |
//! | `abortConnection` | [`abort_connection`](Transport::abort_connection) | |
//! | `getPeer`, `getHost` | [`peer`](Transport::peer), [`host`](Transport::host) | |
//! | `registerProducer`, `unregisterProducer` | [`register_producer`](Transport::register_producer), [`unregister_producer`](Transport::unregister_producer) | see [`Producer`] |
//! | `pauseProducing`, `resumeProducing` | [`pause_producing`](Transport::pause_producing), [`resume_producing`](Transport::resume_producing) | the loop also pauses by itself while much is [`pending_output`](Transport::pending_output) |
//! | `setTimeout`, `resetTimeout`, `timeoutConnection` | [`set_timeout`](Transport::set_timeout) | the loop notes when a byte moves, in either direction: nothing is to be reset, and nothing to be overridden |
//! | the global `reactor` | [`reactor`](Transport::reactor) | |

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use crate::connection::Connection;
use crate::producer::Registered;
use crate::{Key, Producer, Reactor, Reason};

/// One connection, lent to a callback. Its requests are recorded, and applied once the callback has
/// returned.
pub struct Transport<'a> {
    reactor: &'a mut Reactor,
    key: Key,
    peer: SocketAddr,
}

impl<'a> Transport<'a> {
    pub(crate) fn new(reactor: &'a mut Reactor, key: Key, peer: SocketAddr) -> Self {
        Transport { reactor, key, peer }
    }

    /// Sends these bytes after those that were written before: at once if nothing is pending, as far
    /// as the kernel takes them. Ignored once everything is sent and nothing more was to follow;
    /// until then, more may follow even a [`lose_connection`](Self::lose_connection).
    ///
    /// Nothing limits what may wait to be sent but the protocol itself. The loop helps by not
    /// reading from a connection that has more than the high-water mark
    /// [`pending_output`](Self::pending_output); who writes to the connections of others looks
    /// there, or registers as their [producer](Self::register_producer).
    pub fn write(&mut self, data: &[u8]) {
        self.reactor.write(self.key, data);
    }

    /// Sends all of these, one after the other, with one call.
    #[doc(alias = "writeSequence")]
    pub fn write_sequence<'d>(&mut self, data: impl IntoIterator<Item = &'d [u8]>) {
        let parts: Vec<&[u8]> = data.into_iter().collect();
        self.write(&parts.concat());
    }

    /// Closes the connection once everything written is sent, and a pull producer has
    /// [unregistered](Self::unregister_producer). Nothing more is read.
    #[doc(alias = "loseConnection")]
    pub fn lose_connection(&mut self) {
        self.request(Connection::begin_closing);
    }

    /// Tells the peer, once everything written is sent, that there will be no more; data still
    /// comes in.
    #[doc(alias = "loseWriteConnection")]
    pub fn lose_write_connection(&mut self) {
        self.request(Connection::finish_writing);
    }

    /// Closes the connection at once with a reset: pending output is thrown away.
    #[doc(alias = "abortConnection")]
    pub fn abort_connection(&mut self) {
        self.request(|connection| connection.end(Reason::ConnectionAborted));
    }

    /// No data for now, please: what the peer sends stays in the kernel, and soon with the peer.
    #[doc(alias = "pauseProducing")]
    pub fn pause_producing(&mut self) {
        self.request(|connection| connection.pause_requested = true);
    }

    /// Data again.
    #[doc(alias = "resumeProducing")]
    pub fn resume_producing(&mut self) {
        self.request(|connection| connection.pause_requested = false);
    }

    /// From now on `producer` produces what is written to this connection, and is paused and
    /// resumed by what is [`pending_output`](Self::pending_output): a push producer (`streaming`),
    /// or a pull producer. It is dropped with the connection; a second one takes the place of the
    /// first.
    ///
    /// A connection with a producer is itself read whatever its pending output, since it isn't its
    /// own data that it doesn't take.
    ///
    /// ```
    /// # use reactor_echo::{Key, Protocol, Transport};
    /// /// Passes on to another connection what it receives, and no faster than that takes it.
    /// struct Relay { other: Key }
    ///
    /// impl Protocol for Relay {
    ///     fn connection_made(&mut self, transport: &mut Transport<'_>) {
    ///         let this = transport.key();
    ///         if let Some(mut other) = transport.reactor().transport(self.other) {
    ///             other.register_producer(this, true);
    ///         }
    ///     }
    ///
    ///     fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
    ///         if let Some(mut other) = transport.reactor().transport(self.other) {
    ///             other.write(data);
    ///         }
    ///     }
    /// }
    /// ```
    #[doc(alias = "registerProducer")]
    pub fn register_producer(&mut self, producer: impl Producer + 'static, streaming: bool) {
        let registered = Registered::new(Box::new(producer), streaming);
        self.request(|connection| connection.producer = Some(registered));
    }

    /// The producer, if there is one, has nothing more to send, and is dropped. It isn't told.
    #[doc(alias = "unregisterProducer")]
    pub fn unregister_producer(&mut self) {
        self.request(|connection| connection.producer = None);
    }

    /// Closes the connection when from now on no byte has gone in or out for so long; `None` lets
    /// it be silent for ever. Pending output is still sent then, unless no byte moves for as long
    /// again. The reason is [`TimedOut`](Reason::TimedOut) where nothing was sent, and else
    /// `ConnectionDone`.
    ///
    /// One [`call_later`](Reactor::call_later) looks when the last byte moved, and asks to be
    /// called again for the time that is left. A busy connection costs no timer.
    #[doc(alias = "setTimeout")]
    #[doc(alias = "TimeoutMixin")]
    pub fn set_timeout(&mut self, limit: Option<Duration>) {
        self.reactor.set_timeout(self.key, limit);
    }

    /// How many bytes are written and not yet taken by the kernel.
    pub fn pending_output(&self) -> usize {
        self.reactor
            .connection(self.key)
            .map_or(0, |connection| connection.pending_output.len())
    }

    /// The address of the other side.
    #[doc(alias = "getPeer")]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The address of this side.
    ///
    /// # Errors
    /// What getsockname(2) answers, `NotConnected` where there is no socket.
    #[doc(alias = "getHost")]
    pub fn host(&self) -> io::Result<SocketAddr> {
        let socket = self
            .reactor
            .connection(self.key)
            .and_then(|connection| connection.socket.as_ref());
        socket.ok_or(ErrorKind::NotConnected)?.local_addr()
    }

    /// The name of this connection, by which [`Reactor::transport`] finds it as long as it is
    /// there.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The reactor.
    pub fn reactor(&mut self) -> &mut Reactor {
        self.reactor
    }

    fn request(&mut self, request: impl FnOnce(&mut Connection)) {
        self.reactor.request(self.key, request);
    }
}

impl fmt::Debug for Transport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, peer) = (self.key, self.peer);
        write!(f, "Transport({key}, {peer})")
    }
}
