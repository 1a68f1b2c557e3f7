//! What a socket is ready for, as far as the loop knows.

use std::io::{self, ErrorKind};

use common::sys::{self, Event};

/// [`Poll`](common::sys::Poll) tells of *edges*: once, when a socket becomes ready. This remembers
/// that the socket may still be ready, until a call finds that it is not.
#[derive(Default)]
pub(crate) struct Readiness {
    /// A read may find something.
    pub read: bool,
    /// A write may find room.
    pub write: bool,
    /// The peer has sent its last byte: the end of the stream waits to be read, behind the bytes
    /// that came before it.
    pub read_closed: bool,
    /// Urgent data has come, of which the object is still to be told.
    pub urgent: bool,
    /// Urgent data is among the bytes to be read: a read stops before it, however much comes
    /// behind.
    pub marked: bool,
    /// The kernel has told of an error, and no call has met it yet.
    pub failed: bool,
}

impl Readiness {
    /// Remembers what an event tells.
    #[inline]
    pub fn record(&mut self, event: Event<'_>) {
        self.read |= event.is_readable();
        self.write |= event.is_writable();
        self.read_closed |= event.is_read_closed();
        if event.is_priority() {
            (self.urgent, self.marked) = (true, true);
        }
        if event.is_error() {
            (self.failed, self.read, self.write) = (true, true, true);
        }
    }

    /// Draws the conclusion from a read into `size` bytes.
    ///
    /// A read that filled its buffer may have left some. One that did not has emptied the socket,
    /// so the next byte to come is an edge of its own. Two things make that conclusion wrong: the
    /// end of the stream, which may have come in one edge with the bytes, and urgent data, before
    /// which a read stops.
    // CONCEPT: level-and-edge
    #[inline(always)] // As in `common::sys`.
    pub fn has_read(&mut self, result: &io::Result<usize>, size: usize) {
        match result {
            Ok(count) => {
                let may_have_stopped_short = self.read_closed || self.marked;
                self.read = *count == size || may_have_stopped_short || sys::spurious();
            }
            Err(error) => {
                self.read = error.kind() == ErrorKind::Interrupted;
                self.marked &= self.read;
            }
        }
    }
}
