//! What the loop does with connections: for all engines, the one place that reads, writes and
//! closes.

use std::io;
use std::rc::Rc;

use clap::ValueEnum;
use common::sys::{self, Stream};

use super::Reactor;
use crate::connection::{Connection, Opened, ReadState};
use crate::engine::{Descriptor, Engine, Interest};
use crate::handle::Entry;
use crate::{Key, Protocol, ReactorHandle, Reason, Transport};

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
        let ReactorHandle { entries, clock, .. } = &mut self.handle;
        let Some(Entry::Connection(connection)) = entries.get_mut(key) else {
            return;
        };
        connection.dirty = true; // It is flushed below, whatever is requested of it.
        // What came before it in this iteration may have paused it.
        let ready = ready & connection.watched;
        // Once, so that a flood waits for its turn like everybody else.
        if ready.reads()
            && let Some(socket) = &connection.socket
        {
            let window = sys::read_window(&mut self.buffer);
            let offered = window.len();
            match socket.recv(window) {
                Ok(0) => self.end_of_stream(key),
                Ok(count) => {
                    connection.last_active = clock.now();
                    if count < offered {
                        self.engine.short_read(key);
                    }
                    if connection.reading == ReadState::Open
                        && let Some(protocol) = self.protocols.get_mut(key)
                    {
                        let peer = connection.peer();
                        let mut transport = Transport::new(&mut self.handle, key, peer);
                        protocol.data_received(&mut transport, &self.buffer[..count]);
                    }
                }
                Err(error) => {
                    if connection.failed(error) {
                        self.engine.not_ready(key, Interest::READ);
                    }
                }
            }
        }
        self.flush(key, ready.writes());
    }

    /// Has a connection's protocol called.
    pub(super) fn call(
        &mut self,
        key: Key,
        callback: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>),
    ) {
        let (protocol, transport) = (self.protocols.get_mut(key), self.handle.transport(key));
        if let (Some(protocol), Some(mut transport)) = (protocol, transport) {
            callback(&mut **protocol, &mut transport);
        }
    }

    // CONCEPT: half-close
    fn end_of_stream(&mut self, key: Key) {
        let Some(connection) = self.handle.connection_mut(key) else {
            return;
        };
        if connection.reading == ReadState::Draining {
            connection.end(Reason::ConnectionDone);
        } else {
            connection.reading = ReadState::PeerClosed;
            self.call(key, |protocol, transport| {
                protocol.read_connection_lost(transport);
            });
        }
    }

    /// Applies what was requested of a connection: sends, pauses, resumes, closes. Its producer is
    /// called last.
    #[inline(always)] // See `Stream::recv`.
    pub(super) fn flush(&mut self, key: Key, is_writable: bool) {
        let ReactorHandle {
            entries,
            recycled,
            clock,
            ..
        } = &mut self.handle;
        let Some(Entry::Connection(connection)) = entries.get_mut(key) else {
            return;
        };
        connection.dirty = false;
        if connection.close_reason.is_some() {
            return self.close(key);
        }
        // What waits for the engine to find the socket writable waits in order.
        let sends = is_writable || (self.write == Write::AtOnce && !connection.watched.writes());
        if sends && !connection.pending_output.is_empty() && connection.send(clock.now(), recycled)
        {
            self.engine.not_ready(key, Interest::WRITE);
        }
        let begins_to_drain = connection.after_sending(&self.settings);
        if connection.wanted() != connection.watched
            && connection.close_reason.is_none()
            && let Err(error) = watch(&mut *self.engine, key, connection)
        {
            connection.end(Reason::ConnectionLost(error));
        }
        let has_producer = connection.producer.is_some();
        if connection.close_reason.is_some() {
            return self.close(key);
        }
        if begins_to_drain {
            self.handle.drain(key, self.settings.shutdown_timeout);
        }
        if has_producer {
            self.handle.update_producer(key, is_writable);
        }
    }

    pub(super) fn close(&mut self, key: Key) {
        let Some(Entry::Connection(connection)) = self.handle.entries.remove(key) else {
            return;
        };
        let reason = connection
            .close_reason
            .map_or(Reason::ConnectionDone, |reason| *reason);
        if let Some(deadline) = connection.deadline {
            self.handle.cancel(&deadline);
        }
        if let Some(socket) = connection.socket {
            self.unwatch(key, Rc::<Stream>::clone(&socket));
            if matches!(reason, Reason::ConnectionAborted) {
                let _ = socket.reset_on_close();
            }
            if let Some(socket) = Rc::into_inner(socket) {
                socket.close();
            }
        }
        if let Opened::ByPeer(mut permit) = connection.opened
            && !matches!(reason, Reason::ConnectionDone)
        {
            permit.failed(io::Error::other(reason.to_string()));
        }
        self.handle.stop_producer(connection.producer);
        if let Some(mut protocol) = self.protocols.remove(key) {
            protocol.connection_lost(&mut self.handle, &reason);
        }
    }

    /// The engine forgets the descriptor, which is about to be closed, and its reference to it.
    pub(super) fn unwatch(&mut self, key: Key, descriptor: Descriptor) {
        // Closing it ends the watching in any case.
        let _ = self.engine.watch(key, &descriptor, Interest::NOTHING);
    }
}

/// Tells the engine what is wanted of a connection.
pub(super) fn watch(
    engine: &mut dyn Engine,
    key: Key,
    connection: &mut Connection,
) -> io::Result<()> {
    if let Some(socket) = &connection.socket {
        let (descriptor, wanted): (Descriptor, _) =
            (Rc::<Stream>::clone(socket), connection.wanted());
        engine.watch(key, &descriptor, wanted)?;
        connection.watched = wanted;
    }
    Ok(())
}
