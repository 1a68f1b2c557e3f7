//! The trait of the objects that handle a socket's events.

use std::io;
use std::net::SocketAddr;

use common::net::{self, AcceptError};
use common::sys::Stream;
use tracing::{debug, warn};

use crate::Channel;

/// An object that handles the events of one socket: asyncore's `dispatcher`, with its names and its
/// defaults. The loop calls a handler when its event happens, and passes it the socket as a
/// [`Channel`].
///
/// A handler can return an error. `WouldBlock` and `Interrupted` only end the handler; asyncore
/// would close the socket. Any other error also ends the object's calls in this iteration. If it
/// means that the connection is lost (ECONNRESET, EPIPE, ENOTCONN, ECONNABORTED, ESHUTDOWN, EBADF),
/// the loop calls [`handle_close`](Self::handle_close) as in asyncore, and otherwise
/// [`handle_error`](Self::handle_error).
///
/// In one iteration, the handlers of an object are called in this order: connect, read, write,
/// expt, close.
///
/// | original | here | difference |
/// |---|---|---|
/// | `readable` | the same | called after each call of the object, not in every iteration |
/// | `writable` | the same | as above, and once more between `handle_read` and `handle_write`; returns `false` by default |
/// | `handle_accept`, `handle_accepted` | the same | accepts all waiting clients (up to a limit), not one |
/// | `handle_connect` | the same | called only when the socket is connected; the original's is called whenever the socket looks writable |
/// | `handle_read`, `handle_write` | the same | not called after an earlier handler has closed the channel or seen the end of the connection |
/// | `handle_expt` | the same | called once for each urgent byte; the original's is called in every iteration until the byte is read |
/// | `handle_close` | the same | called after the handler has returned, never from inside `recv` or `send`; the loop then closes a lost connection. Bytes that arrived before an error are read first |
/// | `handle_error` | the same | gets the error; closes the channel itself, where the original calls `handle_close`; a listener stays open |
/// | `log`, `log_info` | crate `tracing` | |
#[expect(
    unused_variables,
    reason = "the parameters have names for the documentation, and the defaults ignore them"
)]
pub trait Dispatcher {
    /// Returns whether to call `handle_read` when the socket is readable, or `handle_accept` when
    /// clients are waiting.
    fn readable(&self) -> bool {
        true
    }

    /// Returns whether to call `handle_write` when the socket is writable. The default is `false`;
    /// asyncore's is `True`. A server that returns `true` with nothing to send keeps the loop
    /// spinning.
    fn writable(&self) -> bool {
        false
    }

    /// Called when the socket is readable: [`Channel::recv`] doesn't block.
    ///
    /// # Errors
    /// Any error of the calls it makes; see the trait.
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        warn!("unhandled read event");
        Ok(())
    }

    /// Called when the socket is writable: [`Channel::send`] doesn't block.
    ///
    /// # Errors
    /// Any error of the calls it makes; see the trait.
    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        warn!("unhandled write event");
        Ok(())
    }

    /// Called when urgent data has arrived. If the socket also has an error (SO_ERROR), the
    /// connection is lost instead. Systems that don't report urgent data (kqueue) never call this.
    ///
    /// # Errors
    /// Any error of the calls it makes; see the trait.
    fn handle_expt(&mut self, channel: &mut Channel) -> io::Result<()> {
        warn!("unhandled incoming priority event");
        Ok(())
    }

    /// Called when the listener has clients to accept. The default accepts them, at most
    /// [`net::ACCEPTS_PER_ITERATION`] in one iteration, and calls
    /// [`handle_accepted`](Self::handle_accepted) for each. An error of one connection goes to
    /// [`handle_error`](Self::handle_error), and the next client is accepted.
    ///
    /// # Errors
    /// A lasting error of accept(2), or an error of `handle_accepted`.
    fn handle_accept(&mut self, channel: &mut Channel) -> io::Result<()> {
        let mut failures = 0;
        // CONCEPT: accept
        for _ in 0..net::ACCEPTS_PER_ITERATION {
            if !self.readable() {
                break;
            }
            match channel.accept() {
                Ok(Some((socket, peer))) => self.handle_accepted(channel, socket, peer)?,
                Ok(None) => break,
                Err(error) if AcceptError::from(&error) == AcceptError::Transient => {
                    failures += 1;
                    self.handle_error(channel, error);
                }
                Err(error) => return Err(error),
            }
        }
        if failures == net::ACCEPTS_PER_ITERATION {
            channel.starve(); // All of them failed, so trying again at once would spin.
        }
        Ok(())
    }

    /// Called with each accepted connection. [`Channel::open`] adds it to the loop; the default
    /// closes it.
    ///
    /// # Errors
    /// Any error of the calls it makes; see the trait.
    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        peer: SocketAddr,
    ) -> io::Result<()> {
        warn!(%peer, "unhandled accepted event");
        socket.close();
        Ok(())
    }

    /// Called when the connection that [`Channel::connect`] started is established.
    ///
    /// # Errors
    /// Any error of the calls it makes; see the trait.
    fn handle_connect(&mut self, channel: &mut Channel) -> io::Result<()> {
        warn!("unhandled connect event");
        Ok(())
    }

    /// Called when the peer has sent its last byte and all bytes have been read. Also called when
    /// the connection is lost, even after the peer's last byte. The default closes the channel and
    /// drops any output that the object still holds, so an object with an output buffer overrides
    /// this.
    ///
    /// For a lost connection, [`Channel::is_lost`] returns `true` and [`Channel::take_error`] the
    /// reason. Nothing can be sent on it, and the loop closes it after this handler.
    ///
    /// # Errors
    /// Any error of the calls it makes; see the trait.
    fn handle_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        channel.close();
        Ok(())
    }

    /// Called when the server stops: the object should finish its work and then close the channel.
    /// The default closes it at once, which is all that the original can do (`close_all`). Before
    /// this is called, a listener accepts the waiting clients.
    ///
    /// # Errors
    /// Any error of the calls it makes; see the trait.
    fn handle_stop(&mut self, channel: &mut Channel) -> io::Result<()> {
        channel.close();
        Ok(())
    }

    /// Called when a handler failed. The default closes the channel, except for a listener: no
    /// error of accept(2) is a reason to stop listening (asyncore did; CVE-2010-3492).
    fn handle_error(&mut self, channel: &mut Channel, error: io::Error) {
        debug!(%error, "a handler failed");
        if !channel.is_listener() {
            channel.close();
        }
    }
}
