//! How the loop stops.

use std::io::{self, ErrorKind};

use common::net;

use crate::entry::{Entry, Object};
use crate::{Key, Reactor, Reason};

impl Reactor {
    /// Stops the reactor. It accepts the waiting clients as far as the limit allows, closes its
    /// ports, reads nothing more, sends pending output for at most the shutdown timeout, and calls
    /// `connection_lost` of every protocol. Then [`run`](Self::run) returns.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    pub(crate) fn is_done(&self) -> bool {
        let is_connection = |entry: &Entry| matches!(entry.object, Object::Connection(_));
        self.stop_at.is_some_and(|stop_at| {
            !self.entries.values().any(is_connection) || self.clock.has_passed(stop_at)
        }) && !self.is_sending()
    }

    /// Whether a completion engine has just sent a part of the pending output. The next part is under
    /// way, and the kernel can take it at once.
    fn is_sending(&self) -> bool {
        let now = self.clock.now();
        self.entries.values().any(|entry| match &entry.object {
            Object::Connection(connection) => connection.is_sending(now),
            _ => false,
        })
    }

    /// Ends all connections in an orderly way, fails pending connects, and closes the ports.
    /// Closing a port would reset the clients in its queue, so they are accepted first and ended
    /// like the others.
    pub(crate) fn begin_to_stop(&mut self) {
        self.stop_at = Some(self.clock.now() + self.settings.shutdown_timeout);
        self.stop_connections();
        self.limit.retry_now();
        for port in self.ports.clone() {
            self.accept(port, net::MOST_ACCEPTED_AT_STOP);
        }
        for key in self.keys() {
            self.fail(key, Reason::ConnectionAborted);
            self.mark_dirty(key); // A stopping reactor closes its ports and drops its readers.
        }
        self.stop_connections();
    }

    fn stop_connections(&mut self) {
        for key in self.keys() {
            self.stop_connection(key);
        }
        self.apply_requests();
    }

    /// The reactor stops: it reads no more from this connection, and sends the pending output.
    // CONCEPT: graceful-stop
    fn stop_connection(&mut self, key: Key) {
        let Some(Entry {
            object: Object::Connection(connection),
            ..
        }) = self.entries.get_mut(key)
        else {
            return;
        };
        if connection.pending_output.is_empty()
            && connection.delivers()
            && let Some(socket) = &connection.socket
        {
            let result = match self.engine.completion() {
                None => socket.recv(&mut self.buffer),
                Some(engine) => engine.finish_recv(key, &mut self.buffer),
            };
            match result {
                Ok(0) => connection.peer_closed(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    connection.end(Reason::ConnectionDone); // Idle, with nothing unread.
                }
                Err(error) => connection.failed(error),
            }
        }
        connection.begin_closing();
        let producer = connection.producer.take();
        self.mark_dirty(key);
        self.stop_producer(producer);
    }

    /// Drops everything that is left when the shutdown timeout is over.
    pub(crate) fn drop_all(&mut self) {
        self.stopping = true;
        self.stop_at.get_or_insert(self.clock.now());
        for key in self.keys() {
            let late = io::Error::new(
                ErrorKind::TimedOut,
                "not finished within the shutdown timeout",
            );
            self.request(key, |connection| {
                connection.end(Reason::ConnectionLost(late));
            });
            self.stop_listening(key);
        }
        self.apply_requests();
    }

    fn keys(&self) -> Vec<Key> {
        self.entries.keys().collect()
    }
}
