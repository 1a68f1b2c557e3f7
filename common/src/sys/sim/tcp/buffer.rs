//! The bytes in a socket's buffer.

use std::collections::VecDeque;

/// Bytes, with the position of an urgent one.
#[derive(Debug, Default)]
pub(in crate::sys::sim) struct Buffer {
    bytes: VecDeque<u8>,
    /// The position of the last urgent byte.
    urgent: Option<usize>,
}

impl Buffer {
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn has_urgent(&self) -> bool {
        self.urgent.is_some()
    }

    /// Marks the last byte as urgent.
    pub fn mark_last(&mut self) {
        self.urgent = self.len().checked_sub(1);
    }

    pub fn clear(&mut self) {
        *self = Buffer::default();
    }

    pub fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Moves the first `count` bytes to the end of `target`. There is at most one urgent byte: an
    /// older one becomes an ordinary byte or, if it comes next, is lost (`tcp_check_urg`).
    pub fn move_to(&mut self, target: &mut Buffer, count: usize) {
        if let Some(urgent) = self.urgent {
            if urgent < count {
                if target.urgent == Some(0) {
                    target.bytes.pop_front();
                }
                target.urgent = Some(target.len() + urgent);
            }
            self.urgent = urgent.checked_sub(count);
        }
        let (front, back) = self.bytes.as_slices();
        let in_front = count.min(front.len());
        target.bytes.extend(&front[..in_front]);
        target.bytes.extend(&back[..count - in_front]);
        self.bytes.drain(..count);
    }

    /// Copies the first bytes into `buffer`, removes them, and returns how many there were. It stops
    /// before the urgent byte, and skips it if it comes first: `tcp_recvmsg_locked` without
    /// SO_OOBINLINE.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        if self.urgent == Some(0) && !buffer.is_empty() {
            self.bytes.pop_front();
            self.urgent = None;
        }
        let before_mark = self.urgent.unwrap_or(usize::MAX);
        let count = buffer.len().min(self.len()).min(before_mark);
        for (place, byte) in buffer.iter_mut().zip(self.bytes.drain(..count)) {
            *place = byte;
        }
        self.urgent = self.urgent.map(|urgent| urgent - count);
        count
    }

    /// Copies what [`read`](Self::read) would copy, and removes nothing.
    pub fn peek(&self, buffer: &mut [u8]) -> usize {
        let skipped = usize::from(self.urgent == Some(0));
        let before_mark = match self.urgent {
            None | Some(0) => usize::MAX,
            Some(urgent) => urgent,
        };
        let bytes = self.bytes.iter().skip(skipped).take(before_mark);
        let places = buffer.iter_mut().zip(bytes);
        places.map(|(place, byte)| *place = *byte).count()
    }

    /// Whether a read finds anything but the urgent byte: `tcp_stream_is_readable`.
    pub fn is_readable(&self) -> bool {
        self.len() > usize::from(self.urgent == Some(0))
    }
}
