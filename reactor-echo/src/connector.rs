//! The client's side: an attempt to connect, and the factory that hears what becomes of it.
//!
//! | Twisted (`IConnector`) | here | difference |
//! |---|---|---|
//! | `connector.connect()` | [`Connector::connect`] | noted; the new attempt begins when the callback has returned |
//! | `stopConnecting()` | [`Connector::stop_connecting`] | raises nothing if the attempt has ended; the reason is `ConnectionAborted`, in Twisted `UserError` |
//! | `getDestination()` | [`Connector::destination`] | |
//! | `disconnect()` | [`stop_connecting`](crate::ReactorHandle::stop_connecting), or the transport's [`lose_connection`](crate::Transport::lose_connection) | |

use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use common::sys::Stream;

use crate::{ClientFactory, DelayedCall, Key, Protocol, ReactorHandle, Reason, Transport};

/// An attempt to connect, lent to the callbacks of its [`ClientFactory`].
pub struct Connector<'a> {
    reactor: &'a mut ReactorHandle,
    attempt: Option<Key>,
    destination: SocketAddr,
    again: bool,
}

impl Connector<'_> {
    /// Tries again with the same factory: what one that reconnects asks for. A reactor that stops
    /// does not.
    pub fn connect(&mut self) {
        self.again = true;
    }

    /// Gives up the attempt, if it has not ended yet.
    #[doc(alias = "stopConnecting")]
    pub fn stop_connecting(&mut self) {
        if let Some(attempt) = self.attempt {
            self.reactor.stop_connecting(attempt);
        }
    }

    /// Where to.
    #[doc(alias = "getDestination")]
    pub fn destination(&self) -> SocketAddr {
        self.destination
    }

    /// The reactor, to ask it for something else.
    pub fn reactor(&mut self) -> &mut ReactorHandle {
        self.reactor
    }
}

impl fmt::Debug for Connector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({})", self.destination)
    }
}

/// The record of an attempt.
pub(crate) struct PendingConnect {
    /// Absent while one of its callbacks runs.
    pub(crate) client: Option<Client>,
    /// Absent until the loop has begun it.
    pub(crate) socket: Option<Rc<Stream>>,
    pub(crate) deadline: Option<DelayedCall>,
    /// Why it failed, once it has.
    pub(crate) failure: Option<Reason>,
}

impl PendingConnect {
    pub(crate) fn new(
        destination: SocketAddr,
        factory: Box<dyn ClientFactory>,
        timeout: Duration,
    ) -> Self {
        PendingConnect {
            client: Some(Client {
                factory,
                destination,
                timeout,
            }),
            socket: None,
            deadline: None,
            failure: None,
        }
    }
}

/// A factory and where it connects to: what is needed to try again.
pub(crate) struct Client {
    factory: Box<dyn ClientFactory>,
    pub(crate) destination: SocketAddr,
    pub(crate) timeout: Duration,
}

impl Client {
    pub(crate) fn started(&mut self, reactor: &mut ReactorHandle, attempt: Key) {
        self.factory.started_connecting(&mut Connector {
            reactor,
            attempt: Some(attempt),
            destination: self.destination,
            again: false,
        });
    }

    pub(crate) fn failed(self, reactor: &mut ReactorHandle, reason: &Reason) {
        self.ended(reactor, |factory, connector| {
            factory.client_connection_failed(connector, reason);
        });
    }

    /// Has the factory make a protocol, which from now on keeps the factory with it. For one that
    /// makes none, a protocol closes the connection, so that the factory hears of that.
    pub(crate) fn build_protocol(mut self) -> Box<dyn Protocol> {
        let protocol = self.factory.build_protocol(self.destination);
        Box::new(ClientProtocol {
            protocol: protocol.unwrap_or(Box::new(Refusal)),
            client: Some(self),
        })
    }

    fn ended(
        mut self,
        reactor: &mut ReactorHandle,
        tell: impl FnOnce(&mut dyn ClientFactory, &mut Connector<'_>),
    ) {
        let mut connector = Connector {
            reactor,
            attempt: None,
            destination: self.destination,
            again: false,
        };
        tell(&mut *self.factory, &mut connector);
        if connector.again && !reactor.stopping {
            reactor.begin_connect(self.destination, self.factory, self.timeout);
        }
    }
}

/// The protocol of a connection that its factory doesn't want.
struct Refusal;

impl Protocol for Refusal {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

/// A protocol whose factory hears of its connection's end.
struct ClientProtocol {
    protocol: Box<dyn Protocol>,
    client: Option<Client>,
}

impl Protocol for ClientProtocol {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.protocol.connection_made(transport);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.protocol.data_received(transport, data);
    }

    fn read_connection_lost(&mut self, transport: &mut Transport<'_>) {
        self.protocol.read_connection_lost(transport);
    }

    fn connection_lost(&mut self, reactor: &mut ReactorHandle, reason: &Reason) {
        self.protocol.connection_lost(reactor, reason);
        if let Some(client) = self.client.take() {
            client.ended(reactor, |factory, connector| {
                factory.client_connection_lost(connector, reason);
            });
        }
    }
}
