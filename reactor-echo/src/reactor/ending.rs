//! How the loop ends.

use std::io::{self, ErrorKind};

use common::net;

use super::Reactor;
use crate::connection::ReadState;
use crate::handle::Entry;
use crate::{Key, Reason};

impl Reactor {
    pub(super) fn is_done(&self) -> bool {
        self.stop_at.is_some_and(|stop_at| {
            let is_connection = |(_, entry)| matches!(entry, &Entry::Connection(_));
            !self.handle.entries.iter().any(is_connection) || self.handle.clock.has_passed(stop_at)
        })
    }

    fn keys(&self) -> Vec<Key> {
        self.handle.entries.iter().map(|(key, _)| key).collect()
    }

    /// Connections finish what they have, ports close, attempts fail. Clients that wait in the
    /// queue of a port would be reset with it, so they are accepted first and ended like the
    /// others.
    // CONCEPT: graceful-stop
    pub(super) fn begin_to_stop(&mut self) {
        self.stop_at = Some(self.handle.clock.now() + self.settings.shutdown_timeout);
        self.stop_connections();
        self.limit.retry_now();
        for port in self.ports.clone() {
            self.accept(port, net::MOST_ACCEPTED_AT_STOP);
        }
        for key in self.keys() {
            match self.handle.entries.get_mut(key) {
                Some(Entry::Port(port)) => port.closing = true,
                Some(Entry::PendingConnect(_)) => self.handle.fail(key, Reason::ConnectionAborted),
                Some(Entry::Reader(reader)) => reader.closing = true,
                Some(Entry::Connection(_) | Entry::Call(_)) | None => continue,
            }
            self.handle.mark_dirty(key);
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
        let Some(connection) = self.handle.connection_mut(key) else {
            return;
        };
        let Some(socket) = &connection.socket else {
            return;
        };
        if connection.reading == ReadState::Open
            && !connection.closing
            && connection.pending_output.is_empty()
        {
            match socket.recv(&mut self.buffer) {
                Ok(0) => connection.reading = ReadState::PeerClosed,
                Ok(_) => {}
                Err(error) => {
                    if connection.failed(error) {
                        connection.end(Reason::ConnectionDone); // Idle, and nothing unread.
                    }
                }
            }
        }
        connection.begin_closing();
        let producer = connection.producer.take();
        self.handle.mark_dirty(key);
        self.handle.stop_producer(producer);
    }

    /// The shutdown timeout is over: what is still there goes now.
    pub(super) fn drop_all(&mut self) {
        self.handle.stopping = true;
        self.stop_at.get_or_insert(self.handle.clock.now());
        for key in self.keys() {
            let late = io::Error::new(
                ErrorKind::TimedOut,
                "not finished within the shutdown timeout",
            );
            self.handle.request(key, |connection| {
                connection.end(Reason::ConnectionLost(late))
            });
            self.handle.stop_listening(key);
        }
        self.apply_requests();
    }
}
