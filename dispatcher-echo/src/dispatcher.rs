//! What an object is asked and told.

use std::io;
use std::net::SocketAddr;

use common::net::{self, AcceptError};
use common::sys::Stream;
use tracing::{debug, warn};

use crate::Channel;

/// An object that a socket belongs to: asyncore's `dispatcher`, with its names and its defaults.
///
/// A handler can return an error, `WouldBlock` and `Interrupted` among them: these two only end the
/// handler, where asyncore closes a socket that is not ready after all. Any other ends the object's
/// calls in this iteration. An error that says that the connection is lost (ECONNRESET, EPIPE, ENOTCONN,
/// ECONNABORTED, ESHUTDOWN, EBADF) goes to [`handle_close`](Self::handle_close), as in asyncore's
/// `readwrite`, any other to [`handle_error`](Self::handle_error).
///
/// The handlers of one object are called in `readwrite`'s order: connect, read, write, expt, close.
///
/// | original | here | difference |
/// |---|---|---|
/// | `readable` | the same | asked after the object was called, not on every iteration |
/// | `writable` | the same | as above; asked again between `handle_read` and `handle_write`; the default is no |
/// | `handle_accept`, `handle_accepted` | the same | accepts as many as wait, not one |
/// | `handle_connect` | the same | only once the socket is connected; the original's is called whenever it looks writable |
/// | `handle_read`, `handle_write` | the same | not called any more if a handler before it has closed the channel or met the end of the connection |
/// | `handle_expt` | the same | called once for each urgent byte; the original's on every iteration until it was passed |
/// | `handle_close` | the same | called by the loop after the handler, never from inside `recv` or `send`; a lost connection is closed after it. Bytes that came before an error are read first |
/// | `handle_error` | the same | is told the error; closes by itself, where the original calls `handle_close`; a listener stays open |
/// | `log`, `log_info` | crate `tracing` | |
#[expect(
    unused_variables,
    reason = "what the defaults don't look at has its name all the same"
)]
pub trait Dispatcher {
    /// Whether the object wants to be told that its socket can be read, or has connections to
    /// accept.
    fn readable(&self) -> bool {
        true
    }

    /// Whether the object wants to be told that its socket can be written. Unlike the original's,
    /// the default is no: a server that has nothing to write and says yes keeps its loop from ever
    /// waiting.
    fn writable(&self) -> bool {
        false
    }

    /// The socket can be read, and [`Channel::recv`] will not block.
    ///
    /// # Errors
    /// What its calls answer; see the trait.
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        warn!("unhandled read event");
        Ok(())
    }

    /// The socket can be written, and [`Channel::send`] will not block.
    ///
    /// # Errors
    /// What its calls answer; see the trait.
    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        warn!("unhandled write event");
        Ok(())
    }

    /// Urgent data has come, and the socket has no error (SO_ERROR): with one, the connection is
    /// lost. Where the system does not tell of urgent data (kqueue), this is never called.
    ///
    /// # Errors
    /// What its calls answer; see the trait.
    fn handle_expt(&mut self, channel: &mut Channel) -> io::Result<()> {
        warn!("unhandled incoming priority event");
        Ok(())
    }

    /// The listener has connections to accept. Accepts them and tells of each through
    /// [`handle_accepted`](Self::handle_accepted), at most [`net::ACCEPTS_PER_ITERATION`] before
    /// the others have their turn. An error that concerns one connection goes to
    /// [`handle_error`](Self::handle_error), and the next one is accepted.
    ///
    /// # Errors
    /// A lasting error of accept(2), or what `handle_accepted` returns.
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
            channel.starve(); // There is nothing else, and it would go on and on.
        }
        Ok(())
    }

    /// A connection was accepted: [`Channel::open`] puts it into the map. By default it is closed.
    ///
    /// # Errors
    /// What its calls answer; see the trait.
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

    /// The connection that [`Channel::connect`] began is made.
    ///
    /// # Errors
    /// What its calls answer; see the trait.
    fn handle_connect(&mut self, channel: &mut Channel) -> io::Result<()> {
        warn!("unhandled connect event");
        Ok(())
    }

    /// The peer has sent its last byte, and all before it were read. Or the connection is lost,
    /// also after that: [`Channel::is_lost`] says so, and [`Channel::take_error`] why. By default
    /// the channel is closed; what the object still has to send is lost then, so an object with an
    /// output buffer writes its own.
    ///
    /// A lost connection has nobody to send to. The loop closes it when this has returned.
    ///
    /// # Errors
    /// What its calls answer; see the trait.
    fn handle_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        channel.close();
        Ok(())
    }

    /// The loop is to end: the object should finish what it has begun, and close. By default the
    /// channel is closed at once. The original knows only that, in `close_all`. A listener has
    /// accepted the clients that waited before.
    ///
    /// # Errors
    /// What its calls answer; see the trait.
    fn handle_stop(&mut self, channel: &mut Channel) -> io::Result<()> {
        channel.close();
        Ok(())
    }

    /// A handler failed. By default the channel is closed, unless it is a listener: no failure of
    /// accept(2) is a reason to stop listening (asyncore did; CVE-2010-3492).
    fn handle_error(&mut self, channel: &mut Channel, error: io::Error) {
        debug!(%error, "a handler failed");
        if !channel.is_listener() {
            channel.close();
        }
    }
}
