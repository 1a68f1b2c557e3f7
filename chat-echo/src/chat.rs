//! Between the dispatcher, which handles bytes, and the chat object, which handles messages.

use std::io;
use std::mem;
use std::rc::Rc;

use common::Settings;
use dispatcher_echo::{Channel, Dispatcher};

use crate::output::Output;
use crate::{AsyncChat, ChatChannel, FrameDecoder, Piece, Terminator};

/// A dispatcher that splits its input into messages for a chat object, and sends the output that
/// the object pushes.
pub struct Chat<C> {
    object: C,
    decoder: FrameDecoder,
    output: Output,
    /// The object's `handle_close` was called.
    told_close: bool,
    settings: Rc<Settings>,
}

impl<C: AsyncChat> Chat<C> {
    /// Creates a chat whose first message ends with `terminator`.
    pub fn new(object: C, terminator: Terminator, settings: Rc<Settings>) -> Self {
        Chat {
            object,
            decoder: FrameDecoder::new(terminator),
            output: Output::default(),
            told_close: false,
            settings,
        }
    }

    /// Makes one call of the object, with its channel.
    fn call<T>(
        &mut self,
        channel: &mut Channel,
        call: impl FnOnce(&mut C, &mut ChatChannel) -> T,
    ) -> T {
        let Chat {
            object,
            decoder,
            output,
            ..
        } = self;
        let mut chat = ChatChannel {
            channel,
            terminator: &mut decoder.terminator,
            output,
            discards_input: false,
        };
        let result = call(object, &mut chat);
        if chat.discards_input {
            decoder.discard();
        }
        result
    }

    /// Sends the pushed output. If that was the last of it, ends the chat.
    // CONCEPT: half-close
    fn send(&mut self, channel: &mut Channel) -> io::Result<()> {
        self.output.initiate_send(channel, &self.settings)?;
        if self.output.is_done() {
            self.tell_close(channel)?;
        }
        if self.output.is_done() {
            channel.drain(self.settings.shutdown_timeout);
        }
        Ok(())
    }

    /// Calls the object's `handle_close`, once.
    fn tell_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        match mem::replace(&mut self.told_close, true) {
            true => Ok(()),
            false => self.call(channel, |object, chat| object.handle_close(chat)),
        }
    }
}

impl<C: AsyncChat> Dispatcher for Chat<C> {
    fn readable(&self) -> bool {
        !self.output.is_reading_paused() && !self.output.is_closing()
    }

    fn writable(&self) -> bool {
        !self.output.is_empty() || self.object.writable()
    }

    // CONCEPT: fairness, stale-events
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        // CONCEPT: readiness
        let data = channel.recv(self.settings.recv_size)?;
        if data.is_empty() {
            return Ok(()); // The loop calls `handle_close`.
        }
        let Chat {
            object,
            decoder,
            output,
            ..
        } = self;
        // CONCEPT: framing
        decoder.decode(data, |terminator, piece| {
            let mut chat = ChatChannel {
                channel,
                terminator,
                output,
                discards_input: false,
            };
            match piece {
                Piece::Part(data) => object.collect_incoming_data(&mut chat, data)?,
                Piece::End => object.found_terminator(&mut chat)?,
            }
            Ok::<bool, io::Error>(!chat.discards_input && !chat.output.is_closing())
        })?;
        self.send(channel)
    }

    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        if self.object.writable() {
            self.call(channel, |object, chat| object.handle_write(chat))?;
        }
        self.send(channel)
    }

    // CONCEPT: half-close
    fn handle_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        if channel.is_lost() {
            self.told_close = true;
            return self.call(channel, |object, chat| object.handle_close(chat));
        }
        let partial_terminator = self.decoder.take_partial_terminator();
        if !partial_terminator.is_empty() && !self.output.is_closing() {
            // No more input follows, so these bytes are no terminator.
            self.call(channel, |object, chat| {
                object.collect_incoming_data(chat, &partial_terminator)
            })?;
        }
        self.tell_close(channel)?;
        self.send(channel)
    }

    // CONCEPT: graceful-stop
    fn handle_stop(&mut self, channel: &mut Channel) -> io::Result<()> {
        let is_idle = self.output.is_empty() && !channel.discard_unread();
        self.call(channel, |object, chat| object.handle_stop(chat))?;
        if is_idle && self.output.is_done() {
            self.tell_close(channel)?;
            channel.close();
            return Ok(());
        }
        self.send(channel)
    }

    fn handle_error(&mut self, channel: &mut Channel, error: io::Error) {
        self.call(channel, |object, chat| object.handle_error(chat, error));
    }
}
