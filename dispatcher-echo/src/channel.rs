//! An object's own socket, lent to it for the time of one call.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use common::net::AcceptError;
use common::sys::{self, Stream};

use crate::entry::{ConnectionState, Socket, State};
use crate::{Dispatcher, Key, SocketMap};

/// The socket of the object that is being called, and what the object may ask of the loop.
///
/// Reading and sending happen at once. All else is only recorded, and done when the handler has
/// returned: a handler is never entered while another one runs.
///
/// | original | here | difference |
/// |---|---|---|
/// | `recv` | [`recv`](Self::recv) | reads once in an iteration; at the end of the stream, or if the connection is lost, the loop calls `handle_close` afterwards |
/// | `send` | [`send`](Self::send) | as above for a lost connection; 0 also when a signal interrupted it |
/// | `accept` | [`accept`](Self::accept) | `None` only if no client waits: the original's is also `None` for ECONNABORTED |
/// | `connect` | [`connect`](Self::connect) | on a new channel; `handle_connect` is never called from inside |
/// | `close`, `del_channel` | [`close`](Self::close) | done when the handler has returned |
/// | `close_all` | [`close_all`](Self::close_all) | as above |
/// | `addr` | – | [`Permit::peer`](crate::Permit::peer) keeps it |
pub struct Channel<'iteration> {
    key: Key,
    pub(crate) state: &'iteration mut State,
    /// The object has closed this channel, or let it drain: it is not called any more.
    pub(crate) ended: bool,
    pub(crate) map: &'iteration mut SocketMap,
    /// The loop's one read buffer, lent for one read per iteration.
    read_buffer: Option<&'iteration mut [u8]>,
}

impl<'iteration> Channel<'iteration> {
    pub(crate) fn new(
        key: Key,
        state: &'iteration mut State,
        map: &'iteration mut SocketMap,
        read_buffer: &'iteration mut [u8],
    ) -> Self {
        Channel {
            key,
            state,
            ended: false,
            map,
            read_buffer: Some(read_buffer),
        }
    }

    /// Reads at most `buffer_size` bytes, once. Returns none at the end of the stream, and none if
    /// the connection is lost: the loop calls [`Dispatcher::handle_close`] for both when this
    /// handler has returned.
    ///
    /// The bytes are in the loop's one read buffer, so a second read in the same iteration returns
    /// `WouldBlock`: the other channels come first.
    ///
    /// # Errors
    /// `WouldBlock` or `Interrupted`, which a handler just returns, or an error that doesn't say
    /// that the connection is lost, such as `TimedOut`.
    #[track_caller]
    #[inline(always)] // As in `common::sys`.
    pub fn recv(&mut self, buffer_size: usize) -> io::Result<&'iteration [u8]> {
        match self.read(buffer_size) {
            Ok(data) => {
                self.state.since_or_until = self.map.now();
                Ok(data)
            }
            Err(error) if is_disconnected(&error) => {
                self.lose(error);
                Ok(&[])
            }
            Err(error) => Err(error),
        }
    }

    // CONCEPT: level-and-edge
    #[track_caller]
    #[inline(always)] // As in `common::sys`.
    fn read(&mut self, buffer_size: usize) -> io::Result<&'iteration [u8]> {
        let state = &mut *self.state;
        let Socket::Stream(socket) = &state.socket else {
            return Err(ErrorKind::InvalidInput.into());
        };
        let Some(buffer) = self.read_buffer.take() else {
            state.may_read = true; // In the next iteration.
            return Err(ErrorKind::WouldBlock.into());
        };
        let size = buffer.len().min(buffer_size);
        let buffer = &mut buffer[..size];
        match socket.recv(buffer) {
            Ok(count) => {
                if count == 0 && size > 0 && state.connection == ConnectionState::Open {
                    state.connection = ConnectionState::EndOfStream;
                }
                // The kernel tells of an edge, not of a state. A read that filled its buffer may
                // have left some; one that did not has emptied the socket, so the next byte to come
                // is an edge of its own. Two things make that conclusion wrong: the end of the
                // stream, which may have come in one edge with the bytes, and urgent data, before
                // which a read stops.
                let may_have_stopped_short = state.read_closed || state.marked;
                state.may_read = count == size || may_have_stopped_short || sys::spurious();
                Ok(&buffer[..count])
            }
            Err(error) => {
                state.may_read = error.kind() == ErrorKind::Interrupted;
                state.marked &= state.may_read;
                Err(error)
            }
        }
    }

    /// Sends `data`, once, and returns how many bytes the kernel took. None if it would block, and
    /// none if the connection is lost: then the loop calls [`Dispatcher::handle_close`] when this
    /// handler has returned.
    ///
    /// # Errors
    /// An error that doesn't say that the connection is lost, such as `TimedOut`.
    #[track_caller]
    #[inline(always)] // As in `common::sys`.
    pub fn send(&mut self, data: &[u8]) -> io::Result<usize> {
        let state = &mut *self.state;
        let Socket::Stream(socket) = &state.socket else {
            return Err(ErrorKind::InvalidInput.into());
        };
        match socket.send(data) {
            Ok(count) => {
                state.may_write = true;
                state.since_or_until = self.map.now();
                Ok(count)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                state.may_write = error.kind() == ErrorKind::Interrupted;
                Ok(0)
            }
            Err(error) if is_disconnected(&error) => {
                self.lose(error);
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// Accepts one connection, tuned; `None` if no client waits.
    ///
    /// # Errors
    /// What accept(2) returns; [`AcceptError`] says what follows from it. After a lasting error the
    /// listener is tried again when a channel has closed, or when another client connects.
    #[track_caller]
    pub fn accept(&mut self) -> io::Result<Option<(Stream, SocketAddr)>> {
        let state = &mut *self.state;
        let Socket::Listener(listener) = &state.socket else {
            return Err(ErrorKind::InvalidInput.into());
        };
        match listener.accept() {
            Ok(accepted) => {
                state.may_read = true;
                Ok(Some(accepted))
            }
            Err(error) => match AcceptError::from(&error) {
                AcceptError::WouldBlock => {
                    state.may_read = false;
                    Ok(None)
                }
                AcceptError::Transient => {
                    state.may_read = true;
                    Err(error)
                }
                AcceptError::Lasting => {
                    self.starve();
                    Err(error)
                }
            },
        }
    }

    /// Accepting fails, and would fail again: the listener waits until a channel has closed, or the
    /// kernel tells of another client.
    pub(crate) fn starve(&mut self) {
        self.state.may_read = false;
        self.state.starved = true;
    }

    /// Puts a connected socket and the object that it belongs to into the map.
    ///
    /// # Errors
    /// What registering it with the kernel returns; the socket is closed then.
    #[doc(alias = "add_channel")]
    pub fn open(
        &mut self,
        socket: Stream,
        dispatcher: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        self.map.open(socket, dispatcher)
    }

    /// Begins to connect, with an object that is told of the outcome through `handle_connect`, or
    /// `handle_error`, or `handle_close` if the connection was lost while it was made.
    ///
    /// # Errors
    /// What socket(2) or connect(2) returns at once.
    pub fn connect(
        &mut self,
        address: SocketAddr,
        dispatcher: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        self.map.connect(address, dispatcher)
    }

    /// Closes this channel in a way that cannot destroy the last answer: says that no more will be
    /// sent, then the loop reads and discards until the peer closes too, for at most `limit`. The
    /// object is not called any more, and is dropped when the socket is closed.
    ///
    /// A close with unread input sends a reset (RFC 2525, section 2.17), which can destroy what is
    /// still on its way. The original has nothing like it; nginx calls it a lingering close.
    #[track_caller]
    pub fn drain(&mut self, limit: Duration) {
        if self.ended {
            return;
        }
        let state = &mut *self.state;
        let is_at_end = state.connection != ConnectionState::Open;
        match &state.socket {
            Socket::Stream(socket) if !is_at_end && socket.finish().is_ok() => {}
            _ => return self.close(),
        }
        state.draining = true;
        state.may_read = true;
        state.since_or_until = self.map.now() + limit;
        self.ended = true;
        self.map.drain_until(state.since_or_until, self.key);
    }

    /// Reads and discards, once, as the loop does for a channel that is draining.
    pub(crate) fn discard_input(&mut self) {
        self.state.urgent = false; // That is discarded too.
        if !self.state.takes_read() {
            return;
        }
        match self.read(usize::MAX) {
            Ok([]) => self.close(),
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.close(),
        }
    }

    /// Reads and discards what has come, at most one buffer of it, and returns whether there was
    /// anything.
    pub fn discard_unread(&mut self) -> bool {
        !matches!(self.recv(usize::MAX), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Closes this channel once the handler has returned. The object is not called any more.
    #[doc(alias = "del_channel")]
    pub fn close(&mut self) {
        self.state.closing = true;
        self.ended = true;
    }

    /// Closes another channel; one that is gone is none.
    pub fn close_other(&mut self, key: Key) {
        if key == self.key {
            self.close(); // It is not in the map while its object is being called.
        } else {
            self.map.close(key);
        }
    }

    /// Closes all channels, which ends the loop.
    pub fn close_all(&mut self) {
        self.close();
        self.map.close_all();
    }

    /// Tells all objects through [`Dispatcher::handle_stop`] that the loop is to end, once the
    /// handler has returned.
    pub fn stop_all(&mut self) {
        self.map.stop_all();
    }

    /// Asks another object again whether it is readable and writable: needed when this call has
    /// changed the answer. The original need not be told, for it asks every object on every
    /// iteration.
    pub fn reconsider(&mut self, key: Key) {
        self.map.reconsider(key);
    }

    /// Whether the connection is lost: nothing can be sent or read any more, and the loop closes
    /// the channel when [`Dispatcher::handle_close`] has returned.
    pub fn is_lost(&self) -> bool {
        self.state.connection == ConnectionState::Lost
    }

    /// Takes out the error with which the connection was lost. `None` if the peer has ended it in
    /// an orderly way.
    pub fn take_error(&mut self) -> Option<io::Error> {
        match self.is_lost() {
            true => self.map.lost_with.take(),
            false => None,
        }
    }

    /// Records that the connection is lost; the first error counts.
    #[cold]
    pub(crate) fn lose(&mut self, error: io::Error) {
        if !self.is_lost() {
            self.state.connection = ConnectionState::Lost;
            self.map.lost_with = Some(error);
        }
    }

    /// The key of this channel, by which others can reach it.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Whether this is a listener.
    pub fn is_listener(&self) -> bool {
        matches!(self.state.socket, Socket::Listener(_))
    }
}

/// Whether this error says that a connection is lost: asyncore's `_DISCONNECTED`.
pub(crate) fn is_disconnected(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset
            | ErrorKind::NotConnected
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    ) || sys::is_unusable(error)
}
