//! What the loop does with attempts to connect.

use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use common::sys::Stream;

use super::Reactor;
use crate::agenda::Entry;
use crate::connector::Attempt;
use crate::engine::{Descriptor, Interest};
use crate::link::{Link, Opened};
use crate::{Agenda, Key, Reason};

impl Reactor {
    /// Begins an attempt, or ends one that has failed.
    pub(super) fn settle_attempt(&mut self, key: Key) {
        let is_stopping = self.stop_at.is_some();
        let Some(attempt) = self.attempt(key) else {
            return;
        };
        match (&attempt.over, &attempt.socket) {
            (Some(_), _) => self.end_attempt(key),
            // Asked of a reactor that stops already: nobody hears of it, or those who try again
            // would do so for ever.
            (None, None) if is_stopping => {
                self.agenda.entries.remove(key);
            }
            (None, None) => self.begin_attempt(key),
            (None, Some(_)) => {}
        }
    }

    fn begin_attempt(&mut self, key: Key) {
        let Some(mut client) = self.attempt(key).and_then(|attempt| attempt.client.take()) else {
            return;
        };
        client.started(&mut self.agenda, key);
        let (destination, timeout) = (client.destination, client.timeout);
        if let Some(attempt) = self.attempt(key) {
            attempt.client = Some(client);
        }
        let socket = Stream::connect(destination);
        let (delay, reason) = match socket.and_then(|socket| self.await_connect(key, socket)) {
            Ok(()) => (timeout, Reason::TimedOut),
            // The factory hears of it in the next iteration: one that always tries again would
            // otherwise keep the loop from everything else.
            Err(error) => (Duration::ZERO, Reason::ConnectFailed(error)),
        };
        let fail = move |agenda: &mut Agenda| agenda.fail(key, reason);
        let deadline = self.agenda.call_later(delay, fail);
        if let Some(attempt) = self.attempt(key) {
            attempt.deadline = Some(deadline);
        }
    }

    fn await_connect(&mut self, key: Key, socket: Stream) -> io::Result<()> {
        let socket = Rc::new(socket);
        let descriptor: Descriptor = Rc::<Stream>::clone(&socket);
        if let Some(attempt) = self.attempt(key) {
            attempt.socket = Some(socket);
        }
        self.engine.watch(key, &descriptor, Interest::WRITE)
    }

    /// The socket can be written: it is connected or has failed, or neither, for readiness may be
    /// spurious.
    pub(super) fn handle_connect(&mut self, key: Key) {
        let Some(socket) = self.attempt(key).and_then(|attempt| attempt.socket.clone()) else {
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
            Some(error) => self.agenda.fail(key, Reason::ConnectFailed(error)),
        }
    }

    /// The connection takes the attempt's place, and its key.
    fn connected(&mut self, key: Key, socket: Rc<Stream>) {
        let now = self.agenda.clock.now();
        let Some(attempt) = self.attempt(key) else {
            return;
        };
        let deadline = attempt.deadline.take();
        let Some(client) = attempt.client.take() else {
            return;
        };
        let peer = client.destination;
        if let Some(deadline) = deadline {
            self.agenda.cancel(&deadline);
        }
        let protocol = client.build_protocol();
        let mut link = Link::new(Opened::ByUs(peer), Some(socket), now);
        link.watched = Interest::WRITE;
        if let Some(entry) = self.agenda.entries.get_mut(key) {
            *entry = Entry::Link(link);
        }
        self.protocols.insert(key, protocol);
        self.call(key, |protocol, transport| {
            protocol.connection_made(transport);
        });
        self.agenda.touch(key);
    }

    fn end_attempt(&mut self, key: Key) {
        let Some(Entry::Attempt(attempt)) = self.agenda.entries.remove(key) else {
            return;
        };
        if let Some(deadline) = attempt.deadline {
            self.agenda.cancel(&deadline);
        }
        if let Some(socket) = attempt.socket {
            self.unwatch(key, Rc::<Stream>::clone(&socket));
            if let Some(socket) = Rc::into_inner(socket) {
                socket.close();
            }
        }
        if let (Some(client), Some(reason)) = (attempt.client, attempt.over) {
            client.failed(&mut self.agenda, &reason);
        }
    }

    fn attempt(&mut self, key: Key) -> Option<&mut Attempt> {
        match self.agenda.entries.get_mut(key) {
            Some(Entry::Attempt(attempt)) => Some(attempt),
            _ => None,
        }
    }
}
