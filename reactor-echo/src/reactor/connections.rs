//! What the loop does with connections: for all engines, the one place that reads, writes and
//! closes.

use std::io;
use std::rc::Rc;

use clap::ValueEnum;
use common::sys::{self, Stream};

use super::Reactor;
use crate::agenda::Entry;
use crate::engine::{Descriptor, Engine, Interest};
use crate::link::{Link, Opened, Reading};
use crate::{Agenda, Key, Protocol, Reason, Transport};

/// When an answer is sent.
#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Write {
    /// As soon as the callback that wrote it has returned; only what the kernel refuses waits for
    /// readiness
    #[default]
    AtOnce,
    /// When the engine has found the socket writable, as Twisted does
    Queued,
}

impl Reactor {
    /// The socket can be read, written or both.
    // CONCEPT: fairness
    pub(super) fn handle_ready(&mut self, key: Key, ready: Interest) {
        let Agenda { entries, clock, .. } = &mut self.agenda;
        let Some(Entry::Link(link)) = entries.get_mut(key) else {
            return;
        };
        link.touched = true; // It is looked after below, whatever is asked of it.
        // What came before it in this turn may have paused it.
        let ready = ready & link.watched;
        // Once, so that a flood waits for its turn like everybody else.
        if ready.reads()
            && let Some(socket) = &link.socket
        {
            let room = sys::room(&mut self.buffer);
            let offered = room.len();
            match socket.recv(room) {
                Ok(0) => self.end_of_stream(key),
                Ok(count) => {
                    link.last_active = clock.now();
                    if count < offered {
                        self.engine.short_read(key);
                    }
                    if link.reading == Reading::Open
                        && let Some(protocol) = self.protocols.get_mut(key)
                    {
                        let peer = link.peer();
                        let mut transport = Transport::new(&mut self.agenda, key, peer);
                        protocol.data_received(&mut transport, &self.buffer[..count]);
                    }
                }
                Err(error) => {
                    if link.failed(error) {
                        self.engine.not_ready(key, Interest::READ);
                    }
                }
            }
        }
        self.settle(key, ready.writes());
    }

    /// Has a connection's protocol called.
    pub(super) fn call(
        &mut self,
        key: Key,
        callback: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>),
    ) {
        let (protocol, transport) = (self.protocols.get_mut(key), self.agenda.transport(key));
        if let (Some(protocol), Some(mut transport)) = (protocol, transport) {
            callback(&mut **protocol, &mut transport);
        }
    }

    // CONCEPT: half-close
    fn end_of_stream(&mut self, key: Key) {
        let Some(link) = self.agenda.link_mut(key) else {
            return;
        };
        if link.reading == Reading::Draining {
            link.end(Reason::ConnectionDone);
        } else {
            link.reading = Reading::Finished;
            self.call(key, |protocol, transport| {
                protocol.read_connection_lost(transport);
            });
        }
    }

    /// Does what was asked of a connection: sends, pauses, resumes, closes. Its producer is called
    /// last.
    #[inline(always)] // See `Stream::recv`.
    pub(super) fn settle(&mut self, key: Key, is_writable: bool) {
        let Agenda {
            entries,
            spare,
            clock,
            ..
        } = &mut self.agenda;
        let Some(Entry::Link(link)) = entries.get_mut(key) else {
            return;
        };
        link.touched = false;
        if link.over.is_some() {
            return self.close(key);
        }
        // What waits for the engine to find the socket writable waits in order.
        let sends = is_writable || (self.write == Write::AtOnce && !link.watched.writes());
        if sends && !link.pending.is_empty() && link.send(clock.now(), spare) {
            self.engine.not_ready(key, Interest::WRITE);
        }
        let begins_to_drain = link.after_sending(&self.settings);
        if link.wanted() != link.watched
            && link.over.is_none()
            && let Err(error) = watch(&mut *self.engine, key, link)
        {
            link.end(Reason::ConnectionLost(error));
        }
        let has_producer = link.producer.is_some();
        if link.over.is_some() {
            return self.close(key);
        }
        if begins_to_drain {
            self.agenda.drain_for(key, self.settings.grace);
        }
        if has_producer {
            self.agenda.settle_producer(key, is_writable);
        }
    }

    pub(super) fn close(&mut self, key: Key) {
        let Some(Entry::Link(link)) = self.agenda.entries.remove(key) else {
            return;
        };
        let reason = link.over.map_or(Reason::ConnectionDone, |reason| *reason);
        if let Some(deadline) = link.deadline {
            self.agenda.cancel(&deadline);
        }
        if let Some(socket) = link.socket {
            self.unwatch(key, Rc::<Stream>::clone(&socket));
            if matches!(reason, Reason::ConnectionAborted) {
                let _ = socket.reset_on_close();
            }
            if let Some(socket) = Rc::into_inner(socket) {
                socket.close();
            }
        }
        if let Opened::ByPeer(mut permit) = link.opened
            && !matches!(reason, Reason::ConnectionDone)
        {
            permit.failed(io::Error::other(reason.to_string()));
        }
        self.agenda.stop_producer(link.producer);
        if let Some(mut protocol) = self.protocols.remove(key) {
            protocol.connection_lost(&mut self.agenda, &reason);
        }
    }

    /// The engine forgets the descriptor, which is about to be closed, and its reference to it.
    pub(super) fn unwatch(&mut self, key: Key, descriptor: Descriptor) {
        // Closing it ends the watching in any case.
        let _ = self.engine.watch(key, &descriptor, Interest::NOTHING);
    }
}

/// Tells the engine what is wanted of a connection.
pub(super) fn watch(engine: &mut dyn Engine, key: Key, link: &mut Link) -> io::Result<()> {
    if let Some(socket) = &link.socket {
        let (descriptor, wanted): (Descriptor, _) = (Rc::<Stream>::clone(socket), link.wanted());
        engine.watch(key, &descriptor, wanted)?;
        link.watched = wanted;
    }
    Ok(())
}
