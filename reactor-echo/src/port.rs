//! Ports, whose clients the loop accepts, and descriptors that the user watches.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use common::net::AcceptError;
use common::sys::{AsDescriptor, Interest, Listener, Stream};

use crate::connection::{Connection, Opened};
use crate::entry::{Entry, Object};
use crate::{Factory, Key, Reactor, Reason};

pub(crate) struct Port {
    pub(crate) listener: Listener,
    /// Absent while one of its callbacks runs.
    factory: Option<Box<dyn Factory>>,
    /// The factory's `start_factory` was called.
    started: bool,
    /// A request to stop listening.
    pub(crate) closing: bool,
}

/// A descriptor that the user watches.
pub(crate) struct Reader {
    pub(crate) descriptor: Rc<dyn AsDescriptor>,
    /// Absent while it runs.
    callback: Option<Callback>,
    /// A request to stop watching.
    pub(crate) closing: bool,
}

type Callback = Box<dyn FnMut(&mut Reactor)>;

impl Reactor {
    /// Listens on `address`; with port 0, the system picks a port. At most `backlog` connections
    /// wait in the accept queue. `factory` creates a protocol for each connection.
    ///
    /// # Errors
    /// The errors of bind(2), and an error if the engine can't watch the socket.
    #[doc(alias = "listenTCP")]
    pub fn listen_tcp(
        &mut self,
        address: SocketAddr,
        factory: impl Factory + 'static,
        backlog: i32,
    ) -> io::Result<Key> {
        let listener = Listener::bind(address, backlog).map_err(|error| {
            let (ip, port) = (address.ip(), address.port());
            let message = format!("cannot listen on {ip} port {port}: {error}");
            io::Error::new(error.kind(), message)
        })?;
        self.adopt_stream_port(listener, factory)
    }

    /// Listens with a socket that is already listening.
    ///
    /// # Errors
    /// An error if the engine can't watch the socket.
    #[doc(alias = "adoptStreamPort")]
    pub fn adopt_stream_port(
        &mut self,
        listener: Listener,
        factory: impl Factory + 'static,
    ) -> io::Result<Key> {
        let key = self.insert(Object::Port(Port {
            listener,
            factory: Some(Box::new(factory)),
            started: false,
            closing: false,
        }));
        if let Err(error) = self.watch(key, Interest::of(self.accepting, false)) {
            self.close_port(key);
            return Err(error);
        }
        self.ports.push(key);
        Ok(key)
    }

    /// Closes a port and calls its factory's `stop_factory`. Its connections stay open.
    #[doc(alias = "stopListening")]
    pub fn stop_listening(&mut self, port: Key) {
        if let Some(entry) = self.port_mut(port) {
            entry.closing = true;
            self.mark_dirty(port);
        }
    }

    /// Returns the address that a port listens on, or `None` if it is closed.
    #[doc(alias = "getHost")]
    pub fn host_of(&self, port: Key) -> Option<SocketAddr> {
        match &self.entries.get(port)?.object {
            Object::Port(port) => port.listener.local_addr().ok(),
            _ => None,
        }
    }

    /// Accepts the clients in the queue, at most `most` of them.
    // CONCEPT: descriptors
    pub(crate) fn accept(&mut self, key: Key, most: usize) {
        for _ in 0..most {
            // Looked up each time, since a connection's callback can close the port.
            let Some(Entry {
                object: Object::Port(port),
                ready,
                ..
            }) = self.entries.get_mut(key)
            else {
                return;
            };
            if port.closing || !self.limit.is_open() {
                return;
            }
            // CONCEPT: accept
            match port.listener.accept() {
                Ok((socket, peer)) => self.accepted(key, socket, peer),
                Err(error) => match self.limit.accept_failed(&error) {
                    AcceptError::WouldBlock => return ready.clear_read(),
                    AcceptError::Transient => {}
                    AcceptError::Lasting => return,
                },
            }
        }
    }

    fn accepted(&mut self, port: Key, socket: Stream, peer: SocketAddr) {
        let mut permit = self.limit.accepted(peer);
        let factory = self.port_mut(port).and_then(|port| port.factory.as_mut());
        let Some(protocol) = factory.and_then(|factory| factory.build_protocol(peer)) else {
            permit.failed(io::Error::other("refused by the factory"));
            return socket.close(); // First the socket, then its permit.
        };
        let (opened, socket) = (Opened::ByPeer(permit), self.engine.socket(socket));
        let connection = Connection::new(opened, Some(socket), protocol, self.clock.now());
        let key = self
            .entries
            .insert(Entry::new(Object::Connection(connection)));
        if let Err(error) = self.watch(key, Interest::of(true, false)) {
            // This ends only this client's connection. Its protocol was never called.
            if let Some(connection) = self.connection_mut(key) {
                connection.protocol = None;
                let reason = io::Error::new(error.kind(), error.to_string());
                connection.end(Reason::ConnectionLost(reason));
            }
            self.close(key);
            return self.limit.cannot_watch(peer, &error);
        }
        self.call(key, |protocol, transport| {
            protocol.connection_made(transport);
        });
        self.apply_requests();
    }

    /// Watches the ports while the limit is open, and stops watching them while it isn't.
    // CONCEPT: descriptors
    pub(crate) fn open_or_shut_ports(&mut self) {
        self.limit.retry_if_due(self.clock.now());
        let is_open = self.limit.is_open();
        if is_open != self.accepting {
            self.set_accepting(is_open);
            self.apply_requests();
        }
    }

    fn set_accepting(&mut self, accepting: bool) {
        self.accepting = accepting;
        for key in self.ports.clone() {
            self.mark_dirty(key);
        }
    }

    /// Applies the requests for a port: starts its factory, watches it while the limit is open,
    /// closes it. If the port can't be watched again, the loop tries it later, as after a failed
    /// accept.
    pub(crate) fn update_port(&mut self, key: Key) {
        let is_stopping = self.stop_at.is_some();
        let Some(port) = self.port_mut(key) else {
            return;
        };
        if port.closing || is_stopping {
            return self.close_port(key);
        }
        if !std::mem::replace(&mut port.started, true) {
            self.call_factory(key, |factory, reactor| factory.start_factory(reactor));
        }
        if let Err(error) = self.watch(key, Interest::of(self.accepting, false)) {
            self.limit.accept_failed(&error);
            self.set_accepting(false);
        }
    }

    fn close_port(&mut self, key: Key) {
        if self.port_mut(key).is_some_and(|port| port.started) {
            self.call_factory(key, |factory, reactor| factory.stop_factory(reactor));
        }
        self.unwatch(key);
        self.ports.retain(|other| *other != key);
        if let Some(Entry {
            object: Object::Port(port),
            ..
        }) = self.entries.remove(key)
        {
            port.listener.close();
        }
    }

    fn call_factory(&mut self, key: Key, callback: impl FnOnce(&mut dyn Factory, &mut Reactor)) {
        let Some(mut factory) = self.port_mut(key).and_then(|port| port.factory.take()) else {
            return;
        };
        callback(&mut *factory, self);
        if let Some(port) = self.port_mut(key) {
            port.factory = Some(factory);
        }
    }

    fn port_mut(&mut self, key: Key) -> Option<&mut Port> {
        match &mut self.entries.get_mut(key)?.object {
            Object::Port(port) => Some(port),
            _ => None,
        }
    }

    /// Watches `descriptor`, and calls `callback` whenever there is something new to read. The
    /// callback has to read until `WouldBlock`.
    ///
    /// # Errors
    /// An error if the engine can't watch the descriptor.
    #[doc(alias = "addReader")]
    pub fn add_reader(
        &mut self,
        descriptor: Rc<dyn AsDescriptor>,
        callback: impl FnMut(&mut Reactor) + 'static,
    ) -> io::Result<Key> {
        let key = self.insert(Object::Reader(Reader {
            descriptor,
            callback: Some(Box::new(callback)),
            closing: false,
        }));
        if let Err(error) = self.watch(key, Interest::of(true, false)) {
            self.entries.remove(key);
            return Err(error);
        }
        Ok(key)
    }

    /// Stops watching the descriptor.
    #[doc(alias = "removeReader")]
    pub fn remove_reader(&mut self, reader: Key) {
        if let Some(entry) = self.reader_mut(reader) {
            entry.closing = true;
            self.mark_dirty(reader);
        }
    }

    /// Called when a descriptor that the user watches is readable.
    pub(crate) fn handle_reader(&mut self, key: Key) {
        let Some(mut callback) = self
            .reader_mut(key)
            .and_then(|reader| reader.callback.take())
        else {
            return;
        };
        callback(self);
        if let Some(entry) = self.entries.get_mut(key) {
            entry.ready.clear_read();
        }
        if let Some(reader) = self.reader_mut(key) {
            reader.callback = Some(callback);
        }
    }

    pub(crate) fn update_reader(&mut self, key: Key) {
        let is_stopping = self.stop_at.is_some();
        if self
            .reader_mut(key)
            .is_some_and(|reader| reader.closing || is_stopping)
        {
            self.unwatch(key);
            self.entries.remove(key);
        }
    }

    fn reader_mut(&mut self, key: Key) -> Option<&mut Reader> {
        match &mut self.entries.get_mut(key)?.object {
            Object::Reader(reader) => Some(reader),
            _ => None,
        }
    }
}
