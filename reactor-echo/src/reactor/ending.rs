//! How the loop ends.

use std::io::{self, ErrorKind};

use common::net;

use super::Reactor;
use crate::agenda::Entry;
use crate::link::Reading;
use crate::{Key, Reason};

impl Reactor {
    pub(super) fn is_over(&self) -> bool {
        self.stop_at.is_some_and(|stop_at| {
            let is_link = |(_, entry)| matches!(entry, &Entry::Link(_));
            !self.agenda.entries.iter().any(is_link) || self.agenda.clock.has_passed(stop_at)
        })
    }

    fn keys(&self) -> Vec<Key> {
        self.agenda.entries.iter().map(|(key, _)| key).collect()
    }

    /// Connections finish what they have, ports close, attempts fail. Clients that wait in the queue
    /// of a port would be reset with it, so they are accepted first and ended like the others.
    // CONCEPT: graceful-stop
    pub(super) fn begin_to_stop(&mut self) {
        self.stop_at = Some(self.agenda.clock.now() + self.settings.grace);
        self.stop_connections();
        self.limit.retry_now();
        for port in self.ports.clone() {
            self.accept(port, net::MOST_ACCEPTED_AT_STOP);
        }
        for key in self.keys() {
            match self.agenda.entries.get_mut(key) {
                Some(Entry::Port(port)) => port.closing = true,
                Some(Entry::Attempt(_)) => self.agenda.fail(key, Reason::ConnectionAborted),
                Some(Entry::Reader(reader)) => reader.closing = true,
                Some(Entry::Link(_) | Entry::Call(_)) | None => continue,
            }
            self.agenda.touch(key);
        }
        self.stop_connections();
    }

    fn stop_connections(&mut self) {
        for key in self.keys() {
            self.stop_connection(key);
        }
        self.act();
    }

    /// The reactor stops: no more is read, what is pending is sent, and unread input does no harm.
    // CONCEPT: graceful-stop
    fn stop_connection(&mut self, key: Key) {
        let Some(link) = self.agenda.link_mut(key) else {
            return;
        };
        let Some(socket) = &link.socket else { return };
        if link.reading == Reading::Open && !link.losing && link.pending.is_empty() {
            match socket.recv(&mut self.buffer) {
                Ok(0) => link.reading = Reading::Finished,
                Ok(_) => {}
                Err(error) => {
                    if link.failed(error) {
                        link.end(Reason::ConnectionDone); // Idle, and nothing unread.
                    }
                }
            }
        }
        link.lose();
        let producer = link.producer.take();
        self.agenda.touch(key);
        self.agenda.stop_producer(producer);
    }

    /// The grace is over: what is still there goes now.
    pub(super) fn drop_all(&mut self) {
        self.agenda.stopping = true;
        self.stop_at.get_or_insert(self.agenda.clock.now());
        for key in self.keys() {
            let late = io::Error::new(ErrorKind::TimedOut, "not finished within the grace");
            self.agenda
                .ask(key, |link| link.end(Reason::ConnectionLost(late)));
            self.agenda.stop_listening(key);
        }
        self.act();
    }
}
