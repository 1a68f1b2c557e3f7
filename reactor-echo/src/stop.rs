//! How the loop ends.

use std::io::{self, ErrorKind};

use common::net;

use crate::entry::{Entry, Object};
use crate::{Key, Reactor, Reason};

impl Reactor {
    /// Requests that the reactor stops: clients that wait are accepted, as far as the limit allows,
    /// and ports are closed; nothing more is read, pending output is sent for at most the shutdown
    /// timeout, every protocol is told that its connection is lost, and `run` returns.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    pub(crate) fn is_done(&self) -> bool {
        let is_connection = |entry: &Entry| matches!(entry.object, Object::Connection(_));
        self.stop_at.is_some_and(|stop_at| {
            !self.entries.values().any(is_connection) || self.clock.has_passed(stop_at)
        })
    }

    /// Connections finish what they have, ports close, attempts fail. Clients that wait in the
    /// queue of a port would be reset with it, so they are accepted first and ended like the
    /// others.
    pub(crate) fn begin_to_stop(&mut self) {
        self.stop_at = Some(self.clock.now() + self.settings.shutdown_timeout);
        self.stop_connections();
        self.limit.retry_now();
        for port in self.ports.clone() {
            self.accept(port, net::MOST_ACCEPTED_AT_STOP);
        }
        for key in self.keys() {
            self.fail(key, Reason::ConnectionAborted);
            self.mark_dirty(key); // A reactor that stops closes ports and forgets readers.
        }
        self.stop_connections();
    }

    fn stop_connections(&mut self) {
        for key in self.keys() {
            self.stop_connection(key);
        }
        self.apply_requests();
    }

    /// The reactor stops: no more is read, pending output is sent, and unread input does no harm.
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
            match socket.recv(&mut self.buffer) {
                Ok(0) => connection.peer_closed(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    connection.end(Reason::ConnectionDone); // Idle, and nothing unread.
                }
                Err(error) => connection.failed(error),
            }
        }
        connection.begin_closing();
        let producer = connection.producer.take();
        self.mark_dirty(key);
        self.stop_producer(producer);
    }

    /// The shutdown timeout is over: what is still there is dropped now.
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
