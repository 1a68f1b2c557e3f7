//! An output buffer, for objects that send more than the kernel takes at once.

use std::io;
use std::mem;

use crate::Channel;
use crate::channel::append_pieces;

/// Output that the kernel hasn't taken yet: asyncore's `dispatcher_with_send`.
///
/// An object keeps it in a field, returns its [`writable`](Self::writable) from its own, and calls
/// [`initiate_send`](Self::initiate_send) in `handle_write`. The original sends at most 64 KiB per
/// iteration (512 bytes in Python 2.7) and copies the rest each time. This one passes all of it to
/// the kernel, and copies the rest only when it is less than what was sent.
#[derive(Debug, Default)]
pub struct DispatcherWithSend {
    out_buffer: Vec<u8>,
    /// How many bytes of it the kernel has taken.
    sent: usize,
}

impl DispatcherWithSend {
    /// Sends as much of `data` as the kernel takes now, and keeps the rest.
    ///
    /// # Errors
    /// The error of [`Channel::send`].
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

    /// Adds `data` to the pending output. The next [`initiate_send`](Self::initiate_send) sends it
    /// with the rest.
    pub fn append(&mut self, data: &[u8]) {
        if self.out_buffer.len() + data.len() > self.out_buffer.capacity() {
            self.remove_sent(); // The buffer grows for pending output only.
        }
        self.out_buffer.reserve(data.len());
        append_pieces(&mut self.out_buffer, data);
    }

    /// Like [`append`](Self::append), but doesn't copy if nothing is pending yet.
    #[inline]
    pub fn append_vec(&mut self, data: Vec<u8>) {
        if self.out_buffer.is_empty() {
            self.out_buffer = data;
        } else {
            self.append(&data);
        }
    }

    /// Sends pending output, from where the last send stopped.
    ///
    /// # Errors
    /// The error of [`Channel::send`].
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
            self.remove_sent();
        }
        Ok(())
    }

    fn remove_sent(&mut self) {
        self.out_buffer.drain(..self.sent);
        self.sent = 0;
    }

    /// Whether there is output to send.
    pub fn writable(&self) -> bool {
        !self.out_buffer.is_empty()
    }

    /// How many bytes of output are pending.
    pub fn pending_output(&self) -> usize {
        self.out_buffer.len() - self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_grows_for_pending_output_only() {
        let mut output = DispatcherWithSend::default();
        output.append(&[0; 1000]);
        let capacity = output.out_buffer.capacity();
        output.sent = 500;
        output.append(&[0; 500]);
        assert_eq!(output.out_buffer.capacity(), capacity);
        assert_eq!(output.pending_output(), 1000);
    }
}
