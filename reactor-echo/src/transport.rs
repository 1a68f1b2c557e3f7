//! A protocol's access to its connection.
//!
//! | Twisted (`ITCPTransport`, `IProducer`, `TimeoutMixin`) | here | difference |
//! |---|---|---|
//! | `write`, `writeSequence` | [`write`](Transport::write), [`write_sequence`](Transport::write_sequence) | sends at once if nothing is pending, as in asyncio; Twisted queues the bytes, waits for the next writable event, and sends at most 128 KiB with one call (`SendPolicy::Queued`) |
//! | `loseConnection` | [`lose_connection`](Transport::lose_connection) | also waits, for a bounded time, until the peer closes, so that no reset destroys the last answer |
//! | `loseWriteConnection` | [`lose_write_connection`](Transport::lose_write_connection) | no callback reports that the FIN was sent (`writeConnectionLost`) |
//! | `abortConnection` | [`abort_connection`](Transport::abort_connection) | |
//! | `getPeer`, `getHost` | [`peer`](Transport::peer), [`host`](Transport::host) | |
//! | `registerProducer`, `unregisterProducer` | [`register_producer`](Transport::register_producer), [`unregister_producer`](Transport::unregister_producer) | see [`Producer`] |
//! | `pauseProducing`, `resumeProducing` | [`pause_producing`](Transport::pause_producing), [`resume_producing`](Transport::resume_producing) | the loop also pauses by itself while too much is [`pending_output`](Transport::pending_output) |
//! | `setTimeout`, `resetTimeout`, `timeoutConnection` | [`set_timeout`](Transport::set_timeout) | the loop records when a byte moves, in either direction, so a protocol needn't reset or override anything |
//! | the global `reactor` | [`reactor`](Transport::reactor) | |

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use crate::connection::Connection;
use crate::producer::Registered;
use crate::{Key, Producer, Reactor, Reason};

/// One connection, passed to a callback. Its requests are recorded, and applied when the callback
/// has returned.
pub struct Transport<'a> {
    reactor: &'a mut Reactor,
    key: Key,
    peer: SocketAddr,
}

impl<'a> Transport<'a> {
    pub(crate) fn new(reactor: &'a mut Reactor, key: Key, peer: SocketAddr) -> Self {
        Transport { reactor, key, peer }
    }

    /// Sends `data` after everything that was written before. If nothing is pending, this
    /// immediately sends as much as the kernel takes, and keeps the rest. You can write even after
    /// a [`lose_connection`](Self::lose_connection), until the FIN is sent; later data is ignored.
    ///
    /// Only the protocol itself limits the pending output. The loop helps: while a
    /// connection has more [`pending_output`](Self::pending_output) than the high-water mark, the
    /// loop doesn't read from it. A protocol that writes to other connections checks their
    /// `pending_output`, or registers as their [producer](Self::register_producer).
    pub fn write(&mut self, data: &[u8]) {
        self.reactor.write(self.key, data);
    }

    /// Writes all parts, one after the other, as one [`write`](Self::write).
    #[doc(alias = "writeSequence")]
    pub fn write_sequence<'d>(&mut self, data: impl IntoIterator<Item = &'d [u8]>) {
        let parts: Vec<&[u8]> = data.into_iter().collect();
        self.write(&parts.concat());
    }

    /// Closes the connection when all pending output is sent and a pull producer has
    /// [unregistered](Self::unregister_producer). Nothing more is read.
    #[doc(alias = "loseConnection")]
    pub fn lose_connection(&mut self) {
        self.request(Connection::begin_closing);
    }

    /// Sends a FIN when all pending output is sent: the peer learns that no more will follow. Data
    /// from the peer is still received.
    #[doc(alias = "loseWriteConnection")]
    pub fn lose_write_connection(&mut self) {
        self.request(Connection::finish_writing);
    }

    /// Closes the connection at once with a reset, and drops pending output.
    #[doc(alias = "abortConnection")]
    pub fn abort_connection(&mut self) {
        self.request(|connection| connection.end(Reason::ConnectionAborted));
    }

    /// Stops receiving. The peer's data stays in the kernel's buffers and, when they are full, with
    /// the peer.
    #[doc(alias = "pauseProducing")]
    pub fn pause_producing(&mut self) {
        self.request(|connection| connection.pause_requested = true);
    }

    /// Receives again.
    #[doc(alias = "resumeProducing")]
    pub fn resume_producing(&mut self) {
        self.request(|connection| connection.pause_requested = false);
    }

    /// Registers `producer` as the source of this connection's output: a push producer if
    /// `streaming`, otherwise a pull producer. The loop pauses and resumes it depending on the
    /// [`pending_output`](Self::pending_output). It is dropped with the connection, and a second
    /// one replaces it.
    ///
    /// A connection with a producer is read even while its output is pending, since that output
    /// isn't an answer to its own input.
    ///
    /// ```
    /// # use reactor_echo::{Key, Protocol, Transport};
    /// /// Forwards what it receives to another connection, only as fast as that one can send it.
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

    /// Drops the producer, if there is one, without calling it. It has nothing more to send.
    #[doc(alias = "unregisterProducer")]
    pub fn unregister_producer(&mut self) {
        self.request(|connection| connection.producer = None);
    }

    /// Closes the connection when no byte was read or sent for `limit`, counted from now. `None`
    /// removes the timeout. Output that is pending then is still sent, unless no byte moves for
    /// another `limit`. The reason is [`TimedOut`](Reason::TimedOut), or `ConnectionDone` if
    /// pending output was sent.
    ///
    /// A single [`call_later`](Reactor::call_later) checks when the last byte moved, and schedules
    /// itself again for the time that is left. So reading and sending don't touch the timers.
    #[doc(alias = "setTimeout")]
    #[doc(alias = "TimeoutMixin")]
    pub fn set_timeout(&mut self, limit: Option<Duration>) {
        self.reactor.set_timeout(self.key, limit);
    }

    /// How many bytes are written but not yet taken by the kernel.
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
    /// The errors of getsockname(2), or `NotConnected` if there is no socket.
    #[doc(alias = "getHost")]
    pub fn host(&self) -> io::Result<SocketAddr> {
        let socket = self
            .reactor
            .connection(self.key)
            .and_then(|connection| connection.socket.as_ref());
        socket.ok_or(ErrorKind::NotConnected)?.local_addr()
    }

    /// The connection's key. [`Reactor::transport`] finds the connection by it until it is
    /// closed.
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
