//! The client's side: connecting, and the factory that learns the result.
//!
//! | Twisted (`IConnector`) | here | difference |
//! |---|---|---|
//! | `connector.connect()` | [`Connector::connect`] | recorded; connecting starts when the callback has returned |
//! | `stopConnecting()` | [`Connector::stop_connecting`] | raises nothing if connecting has ended; the reason is `ConnectionAborted`, in Twisted `UserError` |
//! | `getDestination()` | [`Connector::destination`] | |
//! | `disconnect()` | [`stop_connecting`](Reactor::stop_connecting), or the transport's [`lose_connection`](crate::Transport::lose_connection) | |

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use common::sys::{Interest, Stream};

use crate::connection::{Connection, Opened};
use crate::entry::{Entry, Object};
use crate::{ClientFactory, DelayedCall, Key, Protocol, Reactor, Reason, Transport};

/// A pending connect, passed to the callbacks of its [`ClientFactory`].
pub struct Connector<'a> {
    reactor: &'a mut Reactor,
    attempt: Option<Key>,
    destination: SocketAddr,
    again: bool,
}

impl Connector<'_> {
    /// Connects again with the same factory, for a client that reconnects. Does nothing while the
    /// reactor stops.
    pub fn connect(&mut self) {
        self.again = true;
    }

    /// Stops connecting, if that has not ended yet.
    #[doc(alias = "stopConnecting")]
    pub fn stop_connecting(&mut self) {
        if let Some(attempt) = self.attempt {
            self.reactor.stop_connecting(attempt);
        }
    }

    /// The address to connect to.
    #[doc(alias = "getDestination")]
    pub fn destination(&self) -> SocketAddr {
        self.destination
    }

    /// The reactor.
    pub fn reactor(&mut self) -> &mut Reactor {
        self.reactor
    }
}

impl fmt::Debug for Connector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({})", self.destination)
    }
}

/// A connect that has not ended yet.
pub(crate) struct PendingConnect {
    /// Absent while one of its callbacks runs.
    client: Option<Client>,
    /// Absent until the loop has started to connect.
    pub(crate) socket: Option<Stream>,
    deadline: Option<DelayedCall>,
    /// Why it failed, once it has.
    failure: Option<Reason>,
}

/// A factory and its destination: all that is needed to connect again.
struct Client {
    factory: Box<dyn ClientFactory>,
    destination: SocketAddr,
    timeout: Duration,
}

impl Reactor {
    /// Connects to `address` within `timeout`. `factory` creates the protocol of the connection.
    /// Connecting starts when the current callback has returned. The returned key identifies the
    /// pending connect, and then the connection.
    #[doc(alias = "connectTCP")]
    pub fn connect_tcp(
        &mut self,
        address: SocketAddr,
        factory: impl ClientFactory + 'static,
        timeout: Duration,
    ) -> Key {
        self.connect(Client {
            factory: Box::new(factory),
            destination: address,
            timeout,
        })
    }

    fn connect(&mut self, client: Client) -> Key {
        self.insert(Object::PendingConnect(PendingConnect {
            client: Some(client),
            socket: None,
            deadline: None,
            failure: None,
        }))
    }

    /// Stops connecting.
    #[doc(alias = "stopConnecting")]
    pub fn stop_connecting(&mut self, attempt: Key) {
        self.fail(attempt, Reason::ConnectionAborted);
    }

    /// Ends a pending connect.
    pub(crate) fn fail(&mut self, key: Key, reason: Reason) {
        if let Some(pending) = self.pending_connect(key) {
            pending.failure.get_or_insert(reason);
            self.mark_dirty(key);
        }
    }

    /// Starts to connect, or ends a pending connect that has failed.
    pub(crate) fn update_pending_connect(&mut self, key: Key) {
        let is_stopping = self.stop_at.is_some();
        let Some(pending) = self.pending_connect(key) else {
            return;
        };
        match (&pending.failure, &pending.socket) {
            (Some(_), _) => self.end_pending_connect(key),
            // Requested while the reactor stops. No callback is made, since a factory that always
            // reconnects would never let the reactor stop.
            (None, None) if is_stopping => {
                self.entries.remove(key);
            }
            (None, None) => self.begin_pending_connect(key),
            (None, Some(_)) => {}
        }
    }

    fn begin_pending_connect(&mut self, key: Key) {
        let client = self
            .pending_connect(key)
            .and_then(|pending| pending.client.take());
        let Some(mut client) = client else {
            return;
        };
        let (destination, timeout) = (client.destination, client.timeout);
        client.factory.started_connecting(&mut Connector {
            reactor: self,
            attempt: Some(key),
            destination,
            again: false,
        });
        if let Some(pending) = self.pending_connect(key) {
            pending.client = Some(client);
        }
        let (delay, reason) = match self.begin_connect(key, destination) {
            Ok(()) => (timeout, Reason::TimedOut),
            // The factory is called in the next iteration: one that always reconnects would
            // otherwise keep the loop busy for ever.
            Err(error) => (Duration::ZERO, Reason::ConnectFailed(error)),
        };
        let deadline = self.call_later(delay, move |reactor| reactor.fail(key, reason));
        if let Some(pending) = self.pending_connect(key) {
            pending.deadline = Some(deadline);
        }
    }

    fn begin_connect(&mut self, key: Key, destination: SocketAddr) -> io::Result<()> {
        let socket = Stream::connect(destination)?;
        if let Some(pending) = self.pending_connect(key) {
            pending.socket = Some(socket);
        }
        self.watch(key, Interest::of(false, true))
    }

    /// Called when the socket is writable: it is connected, or has failed, or is still connecting,
    /// since readiness can be false.
    pub(crate) fn handle_connect(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let Object::PendingConnect(PendingConnect {
            socket: Some(socket),
            ..
        }) = &entry.object
        else {
            return;
        };
        let error = match socket.take_error() {
            Ok(None) => socket.peer_addr().err(),
            Ok(Some(error)) | Err(error) => Some(error),
        };
        match error {
            None => self.connected(key),
            Some(error) if error.kind() == ErrorKind::NotConnected => entry.ready.clear_write(),
            Some(error) => self.fail(key, Reason::ConnectFailed(error)),
        }
    }

    /// Replaces the pending connect with the connection, under the same key.
    fn connected(&mut self, key: Key) {
        if self.engine.completion().is_some() {
            self.unwatch(key); // From now on, the engine reads and sends.
        }
        let Some(pending) = self.pending_connect(key) else {
            return;
        };
        let (socket, deadline) = (pending.socket.take(), pending.deadline.take());
        let Some(client) = pending.client.take() else {
            return;
        };
        if let Some(deadline) = deadline {
            self.cancel(&deadline);
        }
        let opened = Opened::ByUs(client.destination);
        let socket = socket.map(|socket| self.engine.socket(socket));
        let connection = Connection::new(opened, socket, client.build_protocol(), self.clock.now());
        if let Some(entry) = self.entries.get_mut(key) {
            entry.object = Object::Connection(connection);
        }
        self.call(key, |protocol, transport| {
            protocol.connection_made(transport);
        });
        self.mark_dirty(key);
    }

    fn end_pending_connect(&mut self, key: Key) {
        self.unwatch(key);
        let Some(Entry {
            object: Object::PendingConnect(pending),
            ..
        }) = self.entries.remove(key)
        else {
            return;
        };
        if let Some(deadline) = pending.deadline {
            self.cancel(&deadline);
        }
        if let Some(socket) = pending.socket {
            socket.close();
        }
        if let (Some(client), Some(reason)) = (pending.client, pending.failure) {
            client.ended(self, |factory, connector| {
                factory.client_connection_failed(connector, &reason);
            });
        }
    }

    fn pending_connect(&mut self, key: Key) -> Option<&mut PendingConnect> {
        match &mut self.entries.get_mut(key)?.object {
            Object::PendingConnect(pending) => Some(pending),
            _ => None,
        }
    }
}

impl Client {
    /// Makes the factory build a protocol, which owns the factory from now on. If the factory
    /// builds none, a protocol closes the connection, so that the factory is called back.
    fn build_protocol(mut self) -> Box<dyn Protocol> {
        let protocol = self.factory.build_protocol(self.destination);
        Box::new(ClientProtocol {
            protocol: protocol.unwrap_or(Box::new(Refusal)),
            client: Some(self),
        })
    }

    /// Calls the factory when connecting or the connection has ended, and connects again if the
    /// factory has requested that.
    fn ended(
        mut self,
        reactor: &mut Reactor,
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
            reactor.connect(self);
        }
    }
}

/// The protocol of a connection for which its factory builds none.
struct Refusal;

impl Protocol for Refusal {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

/// A protocol that calls its factory when the connection has ended.
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

    fn connection_lost(&mut self, reactor: &mut Reactor, reason: &Reason) {
        self.protocol.connection_lost(reactor, reason);
        if let Some(client) = self.client.take() {
            client.ended(reactor, |factory, connector| {
                factory.client_connection_lost(connector, reason);
            });
        }
    }
}
