//! What a user of this style writes: a protocol for each connection, and a factory that makes them.
//!
//! | Twisted (`twisted.internet.protocol`) | here | difference |
//! |---|---|---|
//! | `self.transport` | an argument | lent for the time of the callback |
//! | `Protocol.connectionMade`, `dataReceived` | [`connection_made`](Protocol::connection_made), [`data_received`](Protocol::data_received) | |
//! | `Protocol.connectionLost(reason)` | [`connection_lost`](Protocol::connection_lost) | has the reactor too, since there is no global reactor |
//! | `IHalfCloseableProtocol.readConnectionLost` | [`read_connection_lost`](Protocol::read_connection_lost) | every protocol has it; Twisted drops pending output for one that has not |
//! | `Factory.buildProtocol`, `startFactory`, `stopFactory` | the same on [`Factory`] | |
//! | `protocol.factory` | an `Rc` of the user's choice that the factory hands to its protocols | |
//! | `ClientFactory` | [`ClientFactory`] | it is handed back and forth, so it serves one connection at a time; it has no `startFactory` and `stopFactory` |
//! | `reason.type`, `reason.value` | [`Reason`] | |

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::{Connector, Reactor, Transport};

/// One side of one conversation. Everything has a default but
/// [`data_received`](Self::data_received).
pub trait Protocol {
    /// The connection is there.
    #[doc(alias = "connectionMade")]
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let _ = transport;
    }

    /// Bytes have come: some, wherever the network has cut them.
    #[doc(alias = "dataReceived")]
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]);

    /// The peer has sent its last byte, and may still receive. Unless a protocol says otherwise,
    /// the connection is closed as soon as everything written is sent.
    #[doc(alias = "readConnectionLost")]
    fn read_connection_lost(&mut self, transport: &mut Transport<'_>) {
        transport.lose_connection();
    }

    /// The connection is gone. Comes once for every connection that was made, and nothing comes
    /// after it.
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, reactor: &mut Reactor, reason: &Reason) {
        let _ = (reactor, reason);
    }
}

/// Makes the protocols of a port, and holds what they share.
pub trait Factory {
    /// The port begins to listen.
    #[doc(alias = "startFactory")]
    fn start_factory(&mut self, reactor: &mut Reactor) {
        let _ = reactor;
    }

    /// A protocol for the connection that `peer` has opened; `None` closes it.
    #[doc(alias = "buildProtocol")]
    fn build_protocol(&mut self, peer: SocketAddr) -> Option<Box<dyn Protocol>>;

    /// The port listens no more.
    #[doc(alias = "stopFactory")]
    fn stop_factory(&mut self, reactor: &mut Reactor) {
        let _ = reactor;
    }
}

/// A function that makes protocols is a factory, as Twisted's `Factory.forProtocol` makes one of a
/// class.
impl<P: Protocol + 'static, F: FnMut(SocketAddr) -> P> Factory for F {
    fn build_protocol(&mut self, peer: SocketAddr) -> Option<Box<dyn Protocol>> {
        Some(Box::new(self(peer)))
    }
}

/// Makes the protocol of a connection that this side opens, and is told what becomes of it.
pub trait ClientFactory {
    /// The attempt begins.
    #[doc(alias = "startedConnecting")]
    fn started_connecting(&mut self, connector: &mut Connector<'_>) {
        let _ = connector;
    }

    /// A protocol for the connection, which is there; `None` closes it, and
    /// [`client_connection_lost`](Self::client_connection_lost) is told.
    #[doc(alias = "buildProtocol")]
    fn build_protocol(&mut self, peer: SocketAddr) -> Option<Box<dyn Protocol>>;

    /// No connection came about.
    #[doc(alias = "clientConnectionFailed")]
    fn client_connection_failed(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        let _ = (connector, reason);
    }

    /// The connection is gone, and its protocol, if there was one, was told.
    #[doc(alias = "clientConnectionLost")]
    fn client_connection_lost(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        let _ = (connector, reason);
    }
}

/// Why a connection is gone, or never was.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// It was closed in good order, by the peer or with
    /// [`lose_connection`](Transport::lose_connection).
    ConnectionDone,
    /// It broke: the peer reset it, or the network did.
    ConnectionLost(io::Error),
    /// It was thrown away with [`abort_connection`](Transport::abort_connection), or the reactor
    /// stopped.
    ConnectionAborted,
    /// Nothing happened for the time that [`set_timeout`](Transport::set_timeout) allows, or the
    /// attempt to connect took too long.
    #[doc(alias = "TimeoutError")]
    TimedOut,
    /// It could not be opened.
    #[doc(alias = "ConnectError")]
    ConnectFailed(io::Error),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::ConnectionDone => f.write_str("finished"),
            Reason::ConnectionLost(error) => error.fmt(f),
            Reason::ConnectionAborted => f.write_str("aborted"),
            Reason::TimedOut => f.write_str("timed out"),
            Reason::ConnectFailed(error) => write!(f, "cannot connect: {error}"),
        }
    }
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Reason::ConnectionLost(error) | Reason::ConnectFailed(error) => Some(error),
            _ => None,
        }
    }
}
