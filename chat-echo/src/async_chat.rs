//! What a chat object is asked and told.

use std::io;

use tracing::debug;

use crate::ChatChannel;

/// An object that talks in messages: asynchat's `async_chat`, with its names.
///
/// Two methods must be written, as in the original; the others have the defaults of a
/// [`Chat`](crate::Chat).
///
/// An error of the first two also drops the rest of what was read in that iteration: who lives on
/// in [`handle_error`](Self::handle_error) has missed it.
pub trait AsyncChat {
    /// A part of a message has come: to be kept until its end is found. Parts may be of any size.
    ///
    /// # Errors
    /// Any ends the call and goes to [`handle_error`](Self::handle_error).
    fn collect_incoming_data(&mut self, chat: &mut ChatChannel, data: &[u8]) -> io::Result<()>;

    /// The terminator was found: all that was collected is one message.
    ///
    /// # Errors
    /// Any ends the call and goes to [`handle_error`](Self::handle_error).
    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()>;

    /// Whether there is something to say that was not pushed, such as what another object has left
    /// here for this one.
    fn writable(&self) -> bool {
        false
    }

    /// The object said that it is [`writable`](Self::writable), and so is its socket.
    ///
    /// # Errors
    /// Any ends the call and goes to [`handle_error`](Self::handle_error).
    fn handle_write(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        let _ = chat;
        Ok(())
    }

    /// The end of the chat. By default what was pushed is still sent; the original closes at once.
    ///
    /// It is called once, for what comes first: the peer has sent its last byte; or the connection
    /// is lost ([`Channel::is_lost`](dispatcher_echo::Channel::is_lost)); or all is sent that was
    /// pushed before a [`close_when_done`](ChatChannel::close_when_done), and the loop closes the
    /// channel after this. It is called again if the connection is lost after the peer's last byte.
    ///
    /// # Errors
    /// Any ends the call and goes to [`handle_error`](Self::handle_error).
    fn handle_close(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        chat.close_when_done();
        Ok(())
    }

    /// The loop is to end. By default what was pushed is still sent.
    ///
    /// # Errors
    /// Any ends the call and goes to [`handle_error`](Self::handle_error).
    fn handle_stop(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        chat.close_when_done();
        Ok(())
    }

    /// A handler failed, or the connection did. By default the channel is closed.
    fn handle_error(&mut self, chat: &mut ChatChannel, error: io::Error) {
        debug!(%error, "a handler failed");
        chat.channel().close();
    }
}
