//! What the loop does with attempts to connect.

use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use common::sys::Stream;

use super::Reactor;
use crate::connection::{Connection, Opened};
use crate::connector::PendingConnect;
use crate::engine::{Descriptor, Interest};
use crate::handle::Entry;
use crate::{Key, ReactorHandle, Reason};

impl Reactor {
    /// Begins an attempt, or ends one that has failed.
    pub(super) fn update_pending_connect(&mut self, key: Key) {
        let is_stopping = self.stop_at.is_some();
        let Some(pending) = self.pending_connect(key) else {
            return;
        };
        match (&pending.failure, &pending.socket) {
            (Some(_), _) => self.end_pending_connect(key),
            // Asked of a reactor that stops already: nobody hears of it, or those who try again
            // would do so for ever.
            (None, None) if is_stopping => {
                self.handle.entries.remove(key);
            }
            (None, None) => self.begin_pending_connect(key),
            (None, Some(_)) => {}
        }
    }

    fn begin_pending_connect(&mut self, key: Key) {
        let Some(mut client) = self
            .pending_connect(key)
            .and_then(|pending| pending.client.take())
        else {
            return;
        };
        client.started(&mut self.handle, key);
        let (destination, timeout) = (client.destination, client.timeout);
        if let Some(pending) = self.pending_connect(key) {
            pending.client = Some(client);
        }
        let socket = Stream::connect(destination);
        let (delay, reason) = match socket.and_then(|socket| self.await_connect(key, socket)) {
            Ok(()) => (timeout, Reason::TimedOut),
            // The factory hears of it in the next iteration: one that always tries again would
            // otherwise keep the loop from everything else.
            Err(error) => (Duration::ZERO, Reason::ConnectFailed(error)),
        };
        let fail = move |reactor: &mut ReactorHandle| reactor.fail(key, reason);
        let deadline = self.handle.call_later(delay, fail);
        if let Some(pending) = self.pending_connect(key) {
            pending.deadline = Some(deadline);
        }
    }

    fn await_connect(&mut self, key: Key, socket: Stream) -> io::Result<()> {
        let socket = Rc::new(socket);
        let descriptor: Descriptor = Rc::<Stream>::clone(&socket);
        if let Some(pending) = self.pending_connect(key) {
            pending.socket = Some(socket);
        }
        self.engine.watch(key, &descriptor, Interest::WRITE)
    }

    /// The socket can be written: it is connected or has failed, or neither, for readiness may be
    /// spurious.
    pub(super) fn handle_connect(&mut self, key: Key) {
        let Some(socket) = self
            .pending_connect(key)
            .and_then(|pending| pending.socket.clone())
        else {
            return;
        };
        let error = match socket.take_error() {
            Ok(None) => socket.peer_addr().err(),
            Ok(Some(error)) | Err(error) => Some(error),
        };
        match error {
            None => self.connected(key, socket),
            Some(error) if error.kind() == ErrorKind::NotConnected => {
                self.engine.not_ready(key, Interest::WRITE);
            }
            Some(error) => self.handle.fail(key, Reason::ConnectFailed(error)),
        }
    }

    /// The connection takes the attempt's place, and its key.
    fn connected(&mut self, key: Key, socket: Rc<Stream>) {
        let now = self.handle.clock.now();
        let Some(pending) = self.pending_connect(key) else {
            return;
        };
        let deadline = pending.deadline.take();
        let Some(client) = pending.client.take() else {
            return;
        };
        let peer = client.destination;
        if let Some(deadline) = deadline {
            self.handle.cancel(&deadline);
        }
        let protocol = client.build_protocol();
        let mut connection = Connection::new(Opened::ByUs(peer), Some(socket), now);
        connection.watched = Interest::WRITE;
        if let Some(entry) = self.handle.entries.get_mut(key) {
            *entry = Entry::Connection(connection);
        }
        self.protocols.insert(key, protocol);
        self.call(key, |protocol, transport| {
            protocol.connection_made(transport);
        });
        self.handle.mark_dirty(key);
    }

    fn end_pending_connect(&mut self, key: Key) {
        let Some(Entry::PendingConnect(pending)) = self.handle.entries.remove(key) else {
            return;
        };
        if let Some(deadline) = pending.deadline {
            self.handle.cancel(&deadline);
        }
        if let Some(socket) = pending.socket {
            self.unwatch(key, Rc::<Stream>::clone(&socket));
            if let Some(socket) = Rc::into_inner(socket) {
                socket.close();
            }
        }
        if let (Some(client), Some(reason)) = (pending.client, pending.failure) {
            client.failed(&mut self.handle, &reason);
        }
    }

    fn pending_connect(&mut self, key: Key) -> Option<&mut PendingConnect> {
        match self.handle.entries.get_mut(key) {
            Some(Entry::PendingConnect(pending)) => Some(pending),
            _ => None,
        }
    }
}
