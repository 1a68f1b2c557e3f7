//! The traits that a user implements: a protocol for each connection, and a factory that creates
//! them.
//!
//! | Twisted (`twisted.internet.protocol`) | here | difference |
//! |---|---|---|
//! | `self.transport` | an argument | valid only during the callback |
//! | `Protocol.connectionMade`, `dataReceived` | [`connection_made`](Protocol::connection_made), [`data_received`](Protocol::data_received) | |
//! | `Protocol.connectionLost(reason)` | [`connection_lost`](Protocol::connection_lost) | also gets the reactor, since there is no global one |
//! | `IHalfCloseableProtocol.readConnectionLost` | [`read_connection_lost`](Protocol::read_connection_lost) | part of every protocol; Twisted drops the pending output of a protocol without it |
//! | `Factory.buildProtocol`, `startFactory`, `stopFactory` | the same on [`Factory`] | |
//! | `protocol.factory` | an `Rc` of your choice, which the factory passes to its protocols | |
//! | `ClientFactory` | [`ClientFactory`] | serves one connection at a time, since its connection owns it; has no `startFactory` and `stopFactory` |
//! | `reason.type`, `reason.value` | [`Reason`] | |

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::{Connector, Reactor, Transport};

/// Handles the events of one connection. Every method has a default except
/// [`data_received`](Self::data_received).
pub trait Protocol {
    /// Called when the connection is established.
    #[doc(alias = "connectionMade")]
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let _ = transport;
    }

    /// Called with bytes from the peer. They can be any part of the stream, not only whole
    /// messages.
    #[doc(alias = "dataReceived")]
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]);

    /// Called when the peer has sent its last byte. The peer can still receive. The default closes
    /// the connection as soon as all pending output is sent.
    #[doc(alias = "readConnectionLost")]
    fn read_connection_lost(&mut self, transport: &mut Transport<'_>) {
        transport.lose_connection();
    }

    /// Called when the connection is closed: once for every established connection, as its last
    /// callback.
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, reactor: &mut Reactor, reason: &Reason) {
        let _ = (reactor, reason);
    }
}

/// Creates the protocols of a port, and holds the state that they share.
pub trait Factory {
    /// Called when the port starts to listen.
    #[doc(alias = "startFactory")]
    fn start_factory(&mut self, reactor: &mut Reactor) {
        let _ = reactor;
    }

    /// Returns a protocol for the connection that `peer` has opened. `None` closes the connection.
    #[doc(alias = "buildProtocol")]
    fn build_protocol(&mut self, peer: SocketAddr) -> Option<Box<dyn Protocol>>;

    /// Called when the port stops listening.
    #[doc(alias = "stopFactory")]
    fn stop_factory(&mut self, reactor: &mut Reactor) {
        let _ = reactor;
    }
}

/// A function that returns protocols is a factory, like a class passed to Twisted's
/// `Factory.forProtocol`.
impl<P: Protocol + 'static, F: FnMut(SocketAddr) -> P> Factory for F {
    fn build_protocol(&mut self, peer: SocketAddr) -> Option<Box<dyn Protocol>> {
        Some(Box::new(self(peer)))
    }
}

/// Creates the protocol of a connection that this side opens. Its callbacks report how that ends.
pub trait ClientFactory {
    /// Called when connecting starts.
    #[doc(alias = "startedConnecting")]
    fn started_connecting(&mut self, connector: &mut Connector<'_>) {
        let _ = connector;
    }

    /// Returns a protocol for the established connection. `None` closes the connection, and then
    /// [`client_connection_lost`](Self::client_connection_lost) is called.
    #[doc(alias = "buildProtocol")]
    fn build_protocol(&mut self, peer: SocketAddr) -> Option<Box<dyn Protocol>>;

    /// Called when the connection couldn't be established.
    #[doc(alias = "clientConnectionFailed")]
    fn client_connection_failed(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        let _ = (connector, reason);
    }

    /// Called when the connection is closed, after its protocol's `connection_lost`.
    #[doc(alias = "clientConnectionLost")]
    fn client_connection_lost(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        let _ = (connector, reason);
    }
}

/// Why a connection was closed, or couldn't be established.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The connection was closed in an orderly way, by the peer or with
    /// [`lose_connection`](Transport::lose_connection).
    ConnectionDone,
    /// The connection broke: the peer reset it, or the network failed.
    ConnectionLost(io::Error),
    /// The connection was aborted with [`abort_connection`](Transport::abort_connection), or the
    /// reactor stopped.
    ConnectionAborted,
    /// No byte moved for the time that [`set_timeout`](Transport::set_timeout) allows, or
    /// connecting took too long.
    #[doc(alias = "TimeoutError")]
    TimedOut,
    /// The connection couldn't be established.
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
