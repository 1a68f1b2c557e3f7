//! What a chat object may ask of its channel.

use dispatcher_echo::Channel;

use crate::output::Output;
use crate::{Producer, Terminator};

/// The channel of the chat object that is being called: what asynchat adds to a dispatcher.
///
/// What is pushed is sent when the handler has returned, and all that was pushed for the bytes of
/// one read is sent together.
pub struct ChatChannel<'call, 'iteration> {
    pub(crate) channel: &'call mut Channel<'iteration>,
    pub(crate) terminator: &'call mut Terminator,
    pub(crate) output: &'call mut Output,
    /// The input that was not split yet is to be dropped.
    pub(crate) discards_input: bool,
}

impl<'iteration> ChatChannel<'_, 'iteration> {
    /// Says what ends the next message. It holds from the next byte on, also when called from
    /// `found_terminator` with more input at hand.
    pub fn set_terminator(&mut self, terminator: Terminator) {
        *self.terminator = terminator;
    }

    /// What ends the message that is being collected. A count is what is left of it.
    pub fn get_terminator(&self) -> &Terminator {
        self.terminator
    }

    /// Sends `data` after all that was pushed before. A `Vec` is taken as it is, and not copied if
    /// nothing else is to be sent; anything else is copied into one.
    pub fn push(&mut self, data: impl Into<Vec<u8>>) {
        self.output.push(data.into());
    }

    /// Sends what `producer` makes after all that was pushed before, asking it for more as the peer
    /// takes it.
    pub fn push_with_producer(&mut self, producer: impl Producer + 'static) {
        self.output.push_with_producer(Box::new(producer));
    }

    /// Closes the channel when all that was pushed is sent: then
    /// [`handle_close`](crate::AsyncChat::handle_close) is called, unless it was before, and the
    /// channel is closed in a way that cannot destroy what is on its way ([`Channel::drain`]).
    /// Until then no more input is split, and nothing more can be pushed.
    pub fn close_when_done(&mut self) {
        self.output.close_when_done();
    }

    /// Drops what was pushed and is not yet sent, a `close_when_done` included; and the input that
    /// was read and is not yet split. What the object has collected is its own to drop.
    pub fn discard_buffers(&mut self) {
        self.output.discard();
        self.discards_input = true;
    }

    /// How many bytes wait to be sent.
    pub fn pending_output(&self) -> usize {
        self.output.pending_output()
    }

    /// The dispatcher's channel below.
    pub fn channel(&mut self) -> &mut Channel<'iteration> {
        self.channel
    }
}
