//! The trait of the objects that handle messages.

use std::io;

use tracing::debug;

use crate::ChatChannel;

/// An object that handles the messages of one connection: asynchat's `async_chat`, with its names.
///
/// A [`Chat`](crate::Chat) calls these methods. You implement the first two, as in the original;
/// the others have defaults.
///
/// If one of the first two fails, the rest of what was read in that iteration is dropped. An object
/// that doesn't close in [`handle_error`](Self::handle_error) has lost that input.
pub trait AsyncChat {
    /// Called with the next part of a message, of any size. Collect it until the terminator is
    /// found.
    ///
    /// # Errors
    /// An error ends the call and goes to [`handle_error`](Self::handle_error).
    fn collect_incoming_data(&mut self, chat: &mut ChatChannel, data: &[u8]) -> io::Result<()>;

    /// Called when the terminator was found: everything collected so far is one message.
    ///
    /// # Errors
    /// An error ends the call and goes to [`handle_error`](Self::handle_error).
    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()>;

    /// Returns whether to call `handle_write` when the socket is writable. An object needs this for
    /// output that it hasn't pushed, such as output that another object has left in its outbox.
    fn writable(&self) -> bool {
        false
    }

    /// Called when the object is [`writable`](Self::writable) and its socket is too.
    ///
    /// # Errors
    /// An error ends the call and goes to [`handle_error`](Self::handle_error).
    fn handle_write(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        let _ = chat;
        Ok(())
    }

    /// Called at the end of the chat. The default sends the pushed output before it closes; the
    /// original closes at once.
    ///
    /// It is called once, for whichever happens first: the peer has sent its last byte; or the
    /// connection is lost ([`Channel::is_lost`](dispatcher_echo::Channel::is_lost)); or all output
    /// before a [`close_when_done`](ChatChannel::close_when_done) is sent, and the loop is about to
    /// close the channel. If the connection is lost after the peer's last byte, it is called a
    /// second time.
    ///
    /// # Errors
    /// An error ends the call and goes to [`handle_error`](Self::handle_error).
    fn handle_close(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        chat.close_when_done();
        Ok(())
    }

    /// Called when the server stops. The default sends the pushed output before it closes.
    ///
    /// # Errors
    /// An error ends the call and goes to [`handle_error`](Self::handle_error).
    fn handle_stop(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        chat.close_when_done();
        Ok(())
    }

    /// Called when a handler or the connection failed. The default closes the channel.
    fn handle_error(&mut self, chat: &mut ChatChannel, error: io::Error) {
        debug!(%error, "a handler failed");
        chat.channel().close();
    }
}
