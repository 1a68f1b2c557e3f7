//! An object's own socket, lent to it for the time of one call.

use std::cmp::Reverse;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use common::net::AcceptError;
use common::sys::{self, Stream};

use crate::entry::{ChannelState, ConnectionState, Socket};
use crate::registry::{Registry, Request};
use crate::{Dispatcher, Key};

/// Most memory that the loop keeps for output to come, in bytes: room for what is pending at the
/// high-water mark and one read more, by default, in a vector that grows by doubling. With less, the
/// allocator would return and map it again for each read of long lines: 8 page faults for 32 KiB.
const MOST_REUSED: usize = 1 << 18;

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
/// | `addr` | – | [`handle_accepted`](Dispatcher::handle_accepted) tells the peer's |
pub struct Channel<'call> {
    pub(crate) key: Key,
    pub(crate) state: &'call mut ChannelState,
    pub(crate) registry: &'call mut Registry,
    /// The loop's one read buffer, lent for one read per iteration.
    pub(crate) read_buffer: Option<&'call mut [u8]>,
    /// The error with which the connection was lost.
    pub(crate) lost_with: Option<io::Error>,
}

impl<'call> Channel<'call> {
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
    pub fn recv(&mut self, buffer_size: usize) -> io::Result<&'call [u8]> {
        let state = &mut *self.state;
        let Socket::Stream(socket) = &state.socket else {
            return Err(ErrorKind::InvalidInput.into());
        };
        let Some(buffer) = self.read_buffer.take() else {
            state.readiness.set_read(); // In the next iteration.
            return Err(ErrorKind::WouldBlock.into());
        };
        let size = buffer.len().min(buffer_size);
        let buffer = &mut buffer[..size];
        let result = socket.recv(buffer);
        state.record_read(&result, size);
        match result {
            Ok(count) => {
                state.last_active = self.registry.clock.now();
                if count == 0 && size > 0 && state.connection == ConnectionState::Open {
                    state.connection = ConnectionState::EndOfStream;
                }
                Ok(&buffer[..count])
            }
            Err(error) if is_disconnected(&error) => {
                self.lose(error);
                Ok(&[])
            }
            Err(error) => Err(error),
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
        let result = socket.send(data);
        state.readiness.set_write();
        state.readiness.record_write(&result);
        match result {
            Ok(count) => {
                state.last_active = self.registry.clock.now();
                Ok(count)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
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
        state.readiness.set_read();
        match listener.accept() {
            Ok(accepted) => Ok(Some(accepted)),
            Err(error) => match AcceptError::from(&error) {
                AcceptError::WouldBlock => {
                    state.readiness.clear_read();
                    Ok(None)
                }
                AcceptError::Transient => Err(error),
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
        self.state.readiness.clear_read();
        if !self.registry.starved.contains(&self.key) {
            self.registry.starved.push(self.key);
        }
    }

    /// Puts a connected socket and the object that it belongs to into the map.
    ///
    /// # Errors
    /// What registering it with the kernel returns; the socket is closed then.
    #[doc(alias = "add_channel")]
    pub fn open(&mut self, socket: Stream, object: impl Dispatcher + 'static) -> io::Result<Key> {
        self.registry.open(socket, object)
    }

    /// Begins to connect, with an object that is told of the outcome through `handle_connect`, or
    /// `handle_error`, or `handle_close` if the connection was lost while it was made.
    ///
    /// # Errors
    /// What socket(2) or connect(2) returns at once.
    pub fn connect(
        &mut self,
        address: SocketAddr,
        object: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        self.registry.connect(address, object)
    }

    /// Closes this channel in a way that cannot destroy the last answer: says that no more will be
    /// sent, then the loop reads and discards until the peer closes too, for at most `limit`. The
    /// object is not called any more, and is dropped when the socket is closed.
    ///
    /// A close with unread input sends a reset (RFC 2525, section 2.17), which can destroy what is
    /// still on its way. The original has nothing like it; nginx calls it a lingering close.
    #[track_caller]
    pub fn drain(&mut self, limit: Duration) {
        match (&self.state.socket, self.state.connection) {
            (_, ConnectionState::Draining | ConnectionState::Closed) => {}
            (Socket::Stream(socket), ConnectionState::Open) if socket.finish().is_ok() => {
                self.registry.end(self.state, ConnectionState::Draining);
                self.state.readiness.set_read();
                let until = self.registry.clock.now() + limit;
                self.registry.draining.push(Reverse((until, self.key)));
            }
            _ => self.close(),
        }
    }

    /// Reads and discards, once, as the loop does for a channel that is draining.
    pub(crate) fn discard_input(&mut self) {
        self.state.urgent = false; // That is discarded too.
        if !self.state.takes_read() {
            return;
        }
        match self.recv(usize::MAX) {
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
        self.registry.end(self.state, ConnectionState::Closed);
    }

    /// Closes another channel; one that is gone is none.
    pub fn close_other(&mut self, key: Key) {
        self.registry.requests.push(Request::Close(key));
    }

    /// Closes all channels, which ends the loop.
    pub fn close_all(&mut self) {
        self.close();
        self.registry.requests.push(Request::CloseAll);
    }

    /// Tells all objects through [`Dispatcher::handle_stop`] that the loop is to end, once the
    /// handler has returned: see [`SocketMap::stop_all`](crate::SocketMap::stop_all).
    pub fn stop_all(&mut self, within: Duration) {
        self.registry.requests.push(Request::StopAll(within));
    }

    /// Asks another object again whether it is readable and writable: needed when this call has
    /// changed the answer. The original need not be told, for it asks every object on every
    /// iteration.
    pub fn reconsider(&mut self, key: Key) {
        self.registry.requests.push(Request::Reconsider(key));
    }

    /// Whether the connection is lost: nothing can be sent or read any more, and the loop closes
    /// the channel when [`Dispatcher::handle_close`] has returned.
    pub fn is_lost(&self) -> bool {
        self.state.connection == ConnectionState::Lost
    }

    /// Takes out the error with which the connection was lost. `None` if the peer has ended it in
    /// an orderly way.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.lost_with.take()
    }

    /// Records that the connection is lost; the first error counts.
    #[cold]
    pub(crate) fn lose(&mut self, error: io::Error) {
        let connection = &mut self.state.connection;
        if !connection.is_over() && *connection != ConnectionState::Lost {
            *connection = ConnectionState::Lost;
            self.lost_with = Some(error);
        }
    }

    /// An empty buffer to put output of about `size` bytes together in. It has the memory of output
    /// that was sent before, unless that is more than four times as much: who keeps a part of a
    /// line for long would keep that, too. Without this, each line that `chat-echo` answers would cost 180 instructions more, on top of
    /// 700: for malloc(3) and free(3).
    pub fn spare_buffer(&mut self, size: usize) -> Vec<u8> {
        match self.registry.spare_buffer.capacity() <= 4 * size {
            true => mem::take(&mut self.registry.spare_buffer),
            false => Vec::new(),
        }
    }

    /// Keeps the memory of output that was sent, unless it is much.
    pub(crate) fn reuse_buffer(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= MOST_REUSED {
            buffer.clear();
            self.registry.spare_buffer = buffer;
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
