//! A chat object's access to its channel.

use dispatcher_echo::Channel;

use crate::output::Output;
use crate::{Producer, Terminator};

/// The channel of the chat object that is being called: what asynchat adds to a dispatcher.
///
/// Pushed output is sent when the handler has returned. All output that was pushed for the bytes of
/// one read is sent together.
pub struct ChatChannel<'call, 'iteration> {
    pub(crate) channel: &'call mut Channel<'iteration>,
    pub(crate) terminator: &'call mut Terminator,
    pub(crate) output: &'call mut Output,
    /// Whether to drop the input that isn't split yet.
    pub(crate) discards_input: bool,
}

impl<'iteration> ChatChannel<'_, 'iteration> {
    /// Sets the terminator of the next message. It applies from the next byte on, even if
    /// `found_terminator` calls this and more input has already been read.
    pub fn set_terminator(&mut self, terminator: Terminator) {
        *self.terminator = terminator;
    }

    /// Returns the terminator of the current message. A count is the number of bytes still missing.
    pub fn get_terminator(&self) -> &Terminator {
        self.terminator
    }

    /// Sends `data` after all output that was pushed before. If nothing else is pending, a `Vec` is
    /// used without a copy; any other type is copied into one.
    pub fn push(&mut self, data: impl Into<Vec<u8>>) {
        self.output.push(data.into());
    }

    /// Sends the output of `producer` after all output that was pushed before. Calls the producer
    /// for more as the peer takes it.
    pub fn push_with_producer(&mut self, producer: impl Producer + 'static) {
        self.output.push_with_producer(Box::new(producer));
    }

    /// Closes the channel when all pushed output is sent. It then calls
    /// [`handle_close`](crate::AsyncChat::handle_close), unless it was called before, and closes
    /// without destroying output that is still on its way ([`Channel::drain`]). From now on, no
    /// more input is split, and nothing more can be pushed.
    pub fn close_when_done(&mut self) {
        self.output.close_when_done();
    }

    /// Drops all pushed output that isn't sent yet, a `close_when_done` included, and all input
    /// that was read but isn't split yet. Input that the object has collected is not affected.
    pub fn discard_buffers(&mut self) {
        self.output.discard();
        self.discards_input = true;
    }

    /// How many bytes of output are pending.
    pub fn pending_output(&self) -> usize {
        self.output.pending_output()
    }

    /// The dispatcher's channel underneath.
    pub fn channel(&mut self) -> &mut Channel<'iteration> {
        self.channel
    }
}
