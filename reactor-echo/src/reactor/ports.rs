//! What the loop does with ports, and with the descriptors that a user watches.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use common::net::AcceptError;
use common::sys::{Listener, Stream};
use tracing::warn;

use super::Reactor;
use super::connections::watch;
use crate::connection::{Connection, Opened};
use crate::engine::{Descriptor, Interest};
use crate::handle::Entry;
use crate::port::{Port, Reader};
use crate::{Factory, Key, ReactorHandle, Reason};

impl Reactor {
    /// Accepts the clients that wait, but not more than `most`.
    // CONCEPT: descriptors
    pub(super) fn accept(&mut self, key: Key, most: usize) {
        for _ in 0..most {
            if !self.limit.is_open() {
                return;
            }
            // Looked up each time: what comes of one connection may be that the port is closed.
            let Some(port) = self.port(key).filter(|port| !port.closing) else {
                return;
            };
            // CONCEPT: accept
            match port.listener.accept() {
                Ok((socket, peer)) => self.accepted(key, socket, peer),
                Err(error) => match self.limit.accept_failed(&error) {
                    AcceptError::WouldBlock => {
                        return self.engine.not_ready(key, Interest::READ);
                    }
                    AcceptError::Transient => {}
                    AcceptError::Lasting => return,
                },
            }
        }
    }

    fn accepted(&mut self, port: Key, socket: Stream, peer: SocketAddr) {
        let mut permit = self.limit.accepted(peer);
        let factory = self.port(port).and_then(|port| port.factory.as_mut());
        let Some(protocol) = factory.and_then(|factory| factory.build_protocol(peer)) else {
            permit.failed(io::Error::other("refused by the factory"));
            return socket.close(); // First the socket, then its permit.
        };
        let (opened, socket) = (Opened::ByPeer(permit), Some(Rc::new(socket)));
        let connection = Connection::new(opened, socket, self.handle.clock.now());
        let key = self.handle.entries.insert(Entry::Connection(connection));
        if let Some(connection) = self.handle.connection_mut(key)
            && let Err(error) = watch(&mut *self.engine, key, connection)
        {
            // It costs this one client.
            let reason = io::Error::new(error.kind(), error.to_string());
            connection.end(Reason::ConnectionLost(reason));
            self.close(key);
            return self.limit.cannot_watch(peer, &error);
        }
        self.protocols.insert(key, protocol);
        self.call(key, |protocol, transport| {
            protocol.connection_made(transport);
        });
        self.apply_requests();
    }

    fn port(&mut self, key: Key) -> Option<&mut Port> {
        match self.handle.entries.get_mut(key) {
            Some(Entry::Port(port)) => Some(port),
            _ => None,
        }
    }

    /// Watches the ports while the limit is open, and really not while it isn't.
    // CONCEPT: descriptors
    pub(super) fn open_or_shut_ports(&mut self) {
        self.limit.retry_if_due(self.handle.clock.now());
        let is_open = self.limit.is_open();
        if is_open != self.accepting {
            self.set_accepting(is_open);
            self.apply_requests();
        }
    }

    fn set_accepting(&mut self, accepting: bool) {
        self.accepting = accepting;
        self.handle.dirty.extend(&self.ports);
    }

    /// Applies what was requested of a port: begins, watches, closes.
    pub(super) fn update_port(&mut self, key: Key) {
        let is_stopping = self.stop_at.is_some();
        if self
            .port(key)
            .is_some_and(|port| port.closing || is_stopping)
        {
            self.close_port(key);
        } else if let Err(error) = self.watch_port(key) {
            warn!(%error, "not listening");
        }
    }

    /// Starts the port's factory if that was not done yet, and watches the port while the limit is
    /// open. A port that can't be watched again is tried later, like one whose accept fails.
    pub(super) fn watch_port(&mut self, key: Key) -> io::Result<()> {
        let wanted = Interest::READ.when(self.accepting);
        let Some(port) = self
            .port(key)
            .filter(|port| !port.started || port.watched != wanted)
        else {
            return Ok(());
        };
        let is_new = !std::mem::replace(&mut port.started, true);
        port.watched = wanted;
        let descriptor: Descriptor = Rc::<Listener>::clone(&port.listener);
        if is_new {
            self.ports.push(key);
            self.call_factory(key, |factory, reactor| factory.start_factory(reactor));
        }
        let watched = self.engine.watch(key, &descriptor, wanted);
        drop(descriptor);
        match watched {
            Err(error) if !is_new => {
                if let Some(port) = self.port(key) {
                    port.watched = Interest::NOTHING;
                }
                self.limit.accept_failed(&error);
                self.set_accepting(false);
                Ok(())
            }
            Err(error) => {
                self.close_port(key);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    fn close_port(&mut self, key: Key) {
        if self.port(key).is_some_and(|port| port.started) {
            self.call_factory(key, |factory, reactor| factory.stop_factory(reactor));
        }
        if let Some(Entry::Port(port)) = self.handle.entries.remove(key) {
            self.ports.retain(|other| *other != key);
            self.unwatch(key, Rc::<Listener>::clone(&port.listener));
            if let Some(listener) = Rc::into_inner(port.listener) {
                listener.close();
            }
        }
    }

    fn call_factory(
        &mut self,
        key: Key,
        callback: impl FnOnce(&mut dyn Factory, &mut ReactorHandle),
    ) {
        let Some(mut factory) = self.port(key).and_then(|port| port.factory.take()) else {
            return;
        };
        callback(&mut *factory, &mut self.handle);
        if let Some(port) = self.port(key) {
            port.factory = Some(factory);
        }
    }

    /// A descriptor that a user watches can be read.
    pub(super) fn handle_reader(&mut self, key: Key) {
        let Some(mut callback) = self.reader(key).and_then(|reader| reader.callback.take()) else {
            return;
        };
        callback(&mut self.handle);
        if let Some(reader) = self.reader(key) {
            reader.callback = Some(callback);
        }
        self.engine.not_ready(key, Interest::READ);
    }

    fn reader(&mut self, key: Key) -> Option<&mut Reader> {
        match self.handle.entries.get_mut(key) {
            Some(Entry::Reader(reader)) => Some(reader),
            _ => None,
        }
    }

    pub(super) fn update_reader(&mut self, key: Key) {
        let is_stopping = self.stop_at.is_some();
        let Some(reader) = self.reader(key) else {
            return;
        };
        if reader.closing || is_stopping {
            let descriptor = Rc::clone(&reader.descriptor);
            self.handle.entries.remove(key);
            self.unwatch(key, descriptor);
        } else if let Err(error) = self.watch_reader(key) {
            warn!(%error, "cannot watch the descriptor");
        }
    }

    /// Watches a user's descriptor, if that was not done yet.
    pub(super) fn watch_reader(&mut self, key: Key) -> io::Result<()> {
        let Some(reader) = self.reader(key).filter(|reader| !reader.watched) else {
            return Ok(());
        };
        reader.watched = true;
        let descriptor = Rc::clone(&reader.descriptor);
        let watched = self.engine.watch(key, &descriptor, Interest::READ);
        if watched.is_err() {
            self.handle.entries.remove(key);
        }
        watched
    }
}
