//! A transport without a socket, for testing protocols.
//!
//! | Twisted (`twisted.internet.testing`) | here | difference |
//! |---|---|---|
//! | `StringTransport` and `protocol.makeConnection(transport)` | [`StringTransport::new`] | |
//! | `protocol.dataReceived(data)` | [`receive`](StringTransport::receive) | |
//! | `protocol.transport` | [`transport`](StringTransport::transport) | |
//! | `value()`, `clear()` | [`value`](StringTransport::value), [`clear`](StringTransport::clear) | |
//! | `registerProducer`, and the test calls `resumeProducing` | [`clear`](StringTransport::clear) calls a pull producer | pending output pauses no push producer: there is no high-water mark |
//! | `disconnecting`, `disconnected`, `producerState` | [`disconnecting`](StringTransport::disconnecting), [`disconnected`](StringTransport::disconnected), [`is_paused`](StringTransport::is_paused) | |
//! | `Clock().advance(seconds)` | [`advance`](StringTransport::advance) | |

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use common::Settings;

use crate::connection::{Connection, Lifecycle, Opened};
use crate::engine::without_descriptors;
use crate::entry::Object;
use crate::{Key, Protocol, Reactor, Reason, Transport};

/// A connection without a socket. It keeps what the protocol writes, and the test passes in what
/// the protocol receives.
///
/// ```
/// use reactor_echo::{echo::EchoFactory, Factory, testing::{PEER, StringTransport}};
///
/// let echo = EchoFactory::default().build_protocol(PEER).expect("a protocol for every peer");
/// let mut transport = StringTransport::new(echo);
/// transport.receive(b"hello");
/// assert_eq!(transport.value(), b"hello");
/// ```
pub struct StringTransport {
    reactor: Reactor,
    key: Key,
}

/// The other side of a [`StringTransport`], as its protocol sees it: an address from the range for
/// documentation (RFC 5737).
pub const PEER: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    54321,
);

impl StringTransport {
    /// Connects the protocol.
    #[doc(alias = "makeConnection")]
    pub fn new(protocol: Box<dyn Protocol>) -> Self {
        let mut reactor = Reactor::on(without_descriptors(), Settings::default(), Vec::new());
        let (opened, now) = (Opened::ByUs(PEER), reactor.iteration());
        let connection = Connection::new(opened, None, protocol, now);
        let key = reactor.insert(Object::Connection(connection));
        let mut transport = StringTransport { reactor, key };
        transport.call(|protocol, transport| protocol.connection_made(transport));
        transport
    }

    /// Receives data from the peer. Ignored if the connection doesn't receive any more.
    #[doc(alias = "dataReceived")]
    pub fn receive(&mut self, data: &[u8]) {
        self.reactor.clock.waited(true);
        let now = self.reactor.iteration();
        self.reactor
            .request(self.key, |connection| connection.last_active = now);
        if self.is(Connection::delivers) {
            self.call(|protocol, transport| protocol.data_received(transport, data));
        }
    }

    /// Receives the end of the peer's stream.
    #[doc(alias = "readConnectionLost")]
    pub fn receive_end(&mut self) {
        self.reactor.request(self.key, Connection::peer_closed);
        self.call(|protocol, transport| protocol.read_connection_lost(transport));
    }

    /// Ends the connection.
    #[doc(alias = "connectionLost")]
    pub fn lose(&mut self, reason: Reason) {
        self.reactor
            .request(self.key, |connection| connection.end(reason));
        self.reactor.apply_requests();
    }

    /// Returns the bytes that the protocol has written.
    pub fn value(&self) -> Vec<u8> {
        let connection = self.reactor.connection(self.key);
        connection.map_or(Vec::new(), |connection| {
            connection.pending_output.iter().copied().collect()
        })
    }

    /// Removes the bytes that the protocol has written, as if they had been sent: a pull producer
    /// is called for more, and a closing connection continues to close.
    pub fn clear(&mut self) {
        self.reactor.request(self.key, |connection| {
            if !connection.pending_output.is_empty() {
                connection.all_sent();
            }
        });
        self.reactor.flush(self.key, true);
        self.reactor.apply_requests();
    }

    /// Advances the clock, and makes the due calls.
    pub fn advance(&mut self, time: Duration) {
        self.reactor.ahead += time;
        self.reactor.clock.waited(true);
        self.reactor.clock.waited(true); // The first wait began before that time.
        self.reactor.run_until_current();
    }

    /// Whether the connection closes when all output is sent, or is closed.
    pub fn disconnecting(&self) -> bool {
        self.reactor
            .connection(self.key)
            .is_none_or(Connection::is_closing)
    }

    /// Whether the connection is closed.
    pub fn disconnected(&self) -> bool {
        self.reactor.connection(self.key).is_none()
    }

    /// Whether the protocol has finished writing.
    pub fn is_finished(&self) -> bool {
        self.is(|connection| {
            !matches!(
                connection.lifecycle,
                Lifecycle::Open | Lifecycle::PeerClosed
            )
        })
    }

    /// Whether the protocol has paused receiving.
    #[doc(alias = "producerState")]
    pub fn is_paused(&self) -> bool {
        self.is(|connection| connection.pause_requested)
    }

    /// The reactor, to check what was requested of it. It has no other connection.
    pub fn reactor(&mut self) -> &mut Reactor {
        &mut self.reactor
    }

    /// The transport itself, as [`Reactor::transport`] returns it for its [key](Transport::key).
    /// `None` if the connection is closed.
    pub fn transport(&mut self) -> Option<Transport<'_>> {
        self.reactor.transport(self.key)
    }

    fn call(&mut self, callback: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>)) {
        self.reactor.call(self.key, callback);
        self.reactor.apply_requests();
    }

    fn is(&self, what: impl FnOnce(&Connection) -> bool) -> bool {
        self.reactor.connection(self.key).is_some_and(what)
    }
}

impl fmt::Debug for StringTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StringTransport")
            .field("reactor", &self.reactor)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Producer;

    /// Does what its input says.
    struct Obedient;

    impl Protocol for Obedient {
        fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
            match data {
                b"pause" => transport.pause_producing(),
                b"resume" => transport.resume_producing(),
                b"finish" => transport.lose_write_connection(),
                b"abort" => transport.abort_connection(),
                b"stop" => transport.reactor().stop(),
                _ => transport.write_sequence([b"<".as_slice(), data, b">"]),
            }
        }

        fn connection_lost(&mut self, reactor: &mut Reactor, _: &Reason) {
            reactor.stop();
        }
    }

    #[test]
    fn requests_of_a_protocol_can_be_inspected() {
        let mut transport = StringTransport::new(Box::new(Obedient));
        transport.receive(b"a");
        transport.receive(b"b");
        assert_eq!(transport.value(), b"<a><b>");
        transport.clear();
        assert_eq!(transport.value(), b"");
        transport.receive(b"pause");
        assert!(transport.is_paused());
        transport.receive(b"resume");
        assert!(!transport.is_paused() && !transport.is_finished());
        transport.receive(b"c");
        transport.receive(b"finish");
        transport.receive(b"and this");
        assert!(transport.is_finished() && transport.value() == b"<c><and this>");
        transport.clear();
        transport.receive(b"too late");
        assert_eq!(transport.value(), b"");
        assert!(!transport.disconnected());
        transport.receive(b"abort");
        assert!(transport.disconnected());
    }

    #[test]
    fn read_connection_lost_and_connection_lost_are_called() {
        let mut transport = StringTransport::new(Box::new(Obedient));
        transport.receive_end();
        assert!(transport.disconnecting(), "the default of every protocol");
        assert!(transport.reactor().stopping);
        assert!(transport.disconnected());
        transport.receive(b"nobody hears this");
        assert_eq!(transport.value(), b"");
    }

    #[test]
    fn a_timeout_sends_what_is_pending_first() {
        const LIMIT: Duration = Duration::from_secs(10);
        let mut transport = StringTransport::new(Box::new(Obedient));
        transport.advance(2 * LIMIT);
        let connection = transport.transport();
        connection
            .expect("the connection is open")
            .set_timeout(Some(LIMIT));
        transport.advance(LIMIT - Duration::from_secs(1));
        assert!(
            !transport.disconnected(),
            "the timeout counts from when it was set"
        );
        transport.receive(b"a");
        transport.advance(LIMIT);
        assert!(transport.disconnecting() && !transport.disconnected());
        assert_eq!(transport.value(), b"<a>");
        transport.advance(LIMIT);
        assert!(transport.disconnected(), "nothing has been sent since");
    }

    /// Counts down, one number for each call.
    struct Countdown(u8);

    impl Producer for Countdown {
        fn resume_producing(&mut self, consumer: &mut Transport<'_>) {
            self.0 -= 1;
            consumer.write(&[b'0' + self.0]);
            if self.0 == 0 {
                consumer.unregister_producer();
            }
        }

        fn stop_producing(&mut self, reactor: &mut Reactor) {
            reactor.stop();
        }
    }

    #[test]
    fn a_pull_producer_is_asked_when_everything_is_sent() {
        let mut transport = StringTransport::new(Box::new(Obedient));
        let mut connection = transport.transport().expect("the connection is open");
        connection.register_producer(Countdown(3), false);
        connection.lose_connection();
        for value in [b"2".as_slice(), b"1", b"0", b""] {
            assert!(!transport.reactor().stopping);
            transport.clear();
            assert_eq!(transport.value(), value);
        }
        transport.receive(b"too late");
        assert_eq!(transport.value(), b"");
        transport.lose(Reason::ConnectionDone);
    }

    #[test]
    fn stop_producing_is_called_when_the_consumer_is_lost() {
        struct Silent;

        impl Protocol for Silent {
            fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
        }

        let mut transport = StringTransport::new(Box::new(Silent));
        let mut connection = transport.transport().expect("the connection is open");
        connection.register_producer(Countdown(3), true);
        transport.lose(Reason::ConnectionDone);
        assert!(transport.reactor().stopping);
    }
}
