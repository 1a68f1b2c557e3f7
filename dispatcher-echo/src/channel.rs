//! A handler's access to its socket and to the loop.

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

/// The most memory that the loop keeps for later output, in bytes: enough for the default
/// high-water mark and one more read, in a vector that grows by doubling. With less, the allocator
/// would return and map the memory again for each read of long lines: 8 page faults for 32 KiB.
const MOST_REUSED: usize = 1 << 18;

/// The socket of the object that is being called, and the object's requests to the loop.
///
/// Reading and sending happen at once. Closing, stopping, and the like are requests: the loop
/// applies them when the handler has returned, so no handler is entered while another one runs.
///
/// | original | here | difference |
/// |---|---|---|
/// | `recv` | [`recv`](Self::recv) | reads once in an iteration; at the end of the stream, or if the connection is lost, the loop calls `handle_close` after the handler |
/// | `send` | [`send`](Self::send) | as above for a lost connection; also returns 0 if a signal interrupted it |
/// | `accept` | [`accept`](Self::accept) | returns `None` only if no client waits; the original also returns `None` for ECONNABORTED |
/// | `connect` | [`connect`](Self::connect) | makes a new channel; never calls `handle_connect` itself |
/// | `close`, `del_channel` | [`close`](Self::close) | applied when the handler has returned |
/// | `close_all` | [`close_all`](Self::close_all) | as above |
/// | `addr` | – | [`handle_accepted`](Dispatcher::handle_accepted) gets the peer's address |
pub struct Channel<'call> {
    pub(crate) key: Key,
    pub(crate) state: &'call mut ChannelState,
    pub(crate) registry: &'call mut Registry,
    /// The loop's one read buffer, for one read per iteration.
    pub(crate) read_buffer: Option<&'call mut [u8]>,
    /// The error with which the connection was lost.
    pub(crate) lost_with: Option<io::Error>,
}

impl<'call> Channel<'call> {
    /// Reads at most `buffer_size` bytes, once. Returns an empty slice at the end of the stream,
    /// and also if the connection is lost: in both cases the loop calls
    /// [`Dispatcher::handle_close`] when this handler has returned.
    ///
    /// The bytes are in the loop's only read buffer, so a second read in the same iteration returns
    /// `WouldBlock`: the other channels come first.
    ///
    /// # Errors
    /// `WouldBlock` or `Interrupted`, which a handler can simply return; or an error that doesn't
    /// mean that the connection is lost, such as `TimedOut`.
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

    /// Sends `data`, once, and returns how many bytes the kernel took. Returns 0 if it would block,
    /// and also if the connection is lost: then the loop calls [`Dispatcher::handle_close`] when
    /// this handler has returned.
    ///
    /// # Errors
    /// An error that doesn't mean that the connection is lost, such as `TimedOut`.
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

    /// Accepts one connection and sets its socket options. Returns `None` if no client waits.
    ///
    /// # Errors
    /// An error of accept(2); [`AcceptError`] classifies it. After a lasting error, the loop tries
    /// the listener again when a channel has closed or another client connects.
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

    /// Stops accepting, since it would fail again, until a channel has closed or the kernel reports
    /// another client.
    pub(crate) fn starve(&mut self) {
        self.state.readiness.clear_read();
        if !self.registry.starved.contains(&self.key) {
            self.registry.starved.push(self.key);
        }
    }

    /// Adds a connected socket, and the object that handles its events, to the map.
    ///
    /// # Errors
    /// An error of registering it with the kernel; the socket is closed then.
    #[doc(alias = "add_channel")]
    pub fn open(&mut self, socket: Stream, object: impl Dispatcher + 'static) -> io::Result<Key> {
        self.registry.open(socket, object)
    }

    /// Starts to connect. The loop calls the object's `handle_connect` when the connection is
    /// established, `handle_error` if it fails, or `handle_close` if it was lost meanwhile.
    ///
    /// # Errors
    /// An immediate error of socket(2) or connect(2).
    pub fn connect(
        &mut self,
        address: SocketAddr,
        object: impl Dispatcher + 'static,
    ) -> io::Result<Key> {
        self.registry.connect(address, object)
    }

    /// Closes this channel without destroying output that is still on its way: sends a FIN, and
    /// then the loop reads and discards input until the peer closes too, for at most `limit`. The
    /// object is not called any more, and is dropped when the socket is closed.
    ///
    /// A close with unread input would send a reset (RFC 2525, section 2.17), which can destroy
    /// that output. The original has no such call; nginx calls it a lingering close.
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

    /// Reads and discards input, once. The loop calls this for a channel that is draining.
    pub(crate) fn discard_input(&mut self) {
        self.state.urgent = false; // Discards that, too.
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

    /// Reads and discards input, at most one buffer of it, and returns whether there was
    /// any. If a signal interrupts the read, that's unknown, and `true` is the safe answer.
    pub fn discard_unread(&mut self) -> bool {
        !matches!(self.recv(usize::MAX), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Closes this channel when the handler has returned. The object is not called any more.
    #[doc(alias = "del_channel")]
    pub fn close(&mut self) {
        self.registry.end(self.state, ConnectionState::Closed);
    }

    /// Closes another channel. Does nothing if that channel is already closed.
    pub fn close_other(&mut self, key: Key) {
        self.registry.requests.push(Request::Close(key));
    }

    /// Closes all channels, which ends the loop.
    pub fn close_all(&mut self) {
        self.close();
        self.registry.requests.push(Request::CloseAll);
    }

    /// Stops the loop when the handler has returned: calls [`Dispatcher::handle_stop`] of all
    /// objects; see [`SocketMap::stop_all`](crate::SocketMap::stop_all).
    pub fn stop_all(&mut self, within: Duration) {
        self.registry.requests.push(Request::StopAll(within));
    }

    /// Calls `readable` and `writable` of another object again. Needed if this handler has changed
    /// what they return. The original doesn't need it: it calls them for every object in every
    /// iteration.
    pub fn reconsider(&mut self, key: Key) {
        self.registry.requests.push(Request::Reconsider(key));
    }

    /// Whether the connection is lost: it can't send or receive any more, and the loop closes the
    /// channel when [`Dispatcher::handle_close`] has returned.
    pub fn is_lost(&self) -> bool {
        self.state.connection == ConnectionState::Lost
    }

    /// Takes the error with which the connection was lost. Returns `None` if the peer ended it in
    /// an orderly way.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.lost_with.take()
    }

    /// Records that the connection is lost, with the first error.
    #[cold]
    pub(crate) fn lose(&mut self, error: io::Error) {
        let connection = &mut self.state.connection;
        if !connection.is_over() && *connection != ConnectionState::Lost {
            *connection = ConnectionState::Lost;
            self.lost_with = Some(error);
        }
    }

    /// Appends `data` to a message that will be sent, such as a line: `extend_from_slice`, made
    /// faster. An empty message first gets the memory of earlier output, unless that is more than
    /// four times as large as `data`: a connection that keeps part of a line for long would keep all
    /// that memory. Without the reuse, each line that `chat-echo` echoes would cost 180 instructions
    /// more (malloc(3) and free(3)), on top of 700.
    pub fn collect(&mut self, message: &mut Vec<u8>, data: &[u8]) {
        let spare = &mut self.registry.spare_buffer;
        if message.is_empty() && spare.capacity() <= 4 * data.len() {
            *message = mem::take(spare);
        }
        message.reserve(data.len() + 1); // And a `\n`, which would move the line otherwise.
        append_pieces(message, data);
    }

    /// Keeps the memory of sent output for reuse, unless it is too large.
    pub(crate) fn reuse_buffer(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= MOST_REUSED {
            buffer.clear();
            self.registry.spare_buffer = buffer;
        }
    }

    /// The key of this channel. Other objects can reach it by this key.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Whether this is a listener.
    pub fn is_listener(&self) -> bool {
        matches!(self.state.socket, Socket::Listener(_))
    }
}

/// Appends `data` in pieces of 2 KiB. glibc copies more than that with one instruction, `rep movsb`.
/// On AMD's Zen it takes 11 µs for 32 KiB instead of 0.7 if the destination's address modulo 4,096
/// is up to 31 bytes above the source's: for example, if malloc(3) has placed the destination right
/// behind a read buffer of 64 KiB.
pub(crate) fn append_pieces(buffer: &mut Vec<u8>, data: &[u8]) {
    for piece in data.chunks(2048) {
        buffer.extend_from_slice(piece);
    }
}

/// Whether this error means that a connection is lost: asyncore's `_DISCONNECTED`.
pub(crate) fn is_disconnected(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset
            | ErrorKind::NotConnected
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    ) || sys::is_unusable(error)
}
