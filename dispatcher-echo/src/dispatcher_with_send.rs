//! An output buffer, for objects that send more than the kernel takes at once.

use std::io;
use std::mem;

use crate::Channel;

/// What is to be sent but not yet taken by the kernel: asyncore's `dispatcher_with_send`.
///
/// An object keeps it in a field, answers [`writable`](Self::writable) with its answer, and calls
/// [`initiate_send`](Self::initiate_send) in `handle_write`. The original sends at most 64 KiB a
/// iteration (512 bytes in Python 2.7) and copies the rest each time; here the kernel is offered
/// all, and the rest is copied only when it is less than what was sent.
#[derive(Debug, Default)]
pub struct DispatcherWithSend {
    out_buffer: Vec<u8>,
    /// How many bytes of it the kernel has taken.
    sent: usize,
}

impl DispatcherWithSend {
    /// Sends `data` at once, as much of it as the kernel takes, and keeps the rest.
    ///
    /// # Errors
    /// The connection's end.
    // CONCEPT: partial-write
    pub fn send(&mut self, channel: &mut Channel, data: &[u8]) -> io::Result<()> {
        let sent = if self.writable() || data.is_empty() {
            0
        } else {
            channel.send(data)?
        };
        if sent < data.len() {
            self.append(&data[sent..]);
        }
        Ok(())
    }

    /// Keeps `data` to be sent by the next [`initiate_send`](Self::initiate_send), together with
    /// what is kept already.
    pub fn append(&mut self, data: &[u8]) {
        self.out_buffer.extend_from_slice(data);
    }

    /// Does the same with a vector, which need not be copied if nothing is kept yet.
    pub fn append_vec(&mut self, data: Vec<u8>) {
        if self.out_buffer.is_empty() {
            self.out_buffer = data;
        } else {
            self.append(&data);
        }
    }

    /// Sends what was kept, from where the last send stopped.
    ///
    /// # Errors
    /// The connection's end.
    // CONCEPT: partial-write
    pub fn initiate_send(&mut self, channel: &mut Channel) -> io::Result<()> {
        if !self.writable() {
            return Ok(());
        }
        self.sent += channel.send(&self.out_buffer[self.sent..])?;
        if self.sent == self.out_buffer.len() {
            // An idle connection keeps no memory.
            channel.reuse_buffer(mem::take(&mut self.out_buffer));
            self.sent = 0;
        } else if self.sent > self.out_buffer.len() / 2 {
            self.out_buffer.drain(..self.sent);
            self.sent = 0;
        }
        Ok(())
    }

    /// Whether there is something to send.
    pub fn writable(&self) -> bool {
        !self.out_buffer.is_empty()
    }

    /// How many bytes wait to be sent.
    pub fn pending_output(&self) -> usize {
        self.out_buffer.len() - self.sent
    }
}
