//! What a protocol has written, until the kernel has taken it.

use std::mem;

/// Bytes in the order in which they go out.
#[derive(Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// How many of them, at the front, are sent already: never all.
    sent: usize,
}

impl Output {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.unsent().len()
    }

    #[inline]
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Takes the spare memory if it has none of its own.
    #[inline]
    pub(crate) fn push(&mut self, data: &[u8], spare: &mut Vec<u8>) {
        if self.bytes.capacity() == 0 {
            mem::swap(&mut self.bytes, spare);
        }
        self.bytes.extend_from_slice(data);
    }

    /// Forgets what is sent. The rest moves up only when it is the smaller part: so a long output
    /// that goes out in small pieces is not copied over and over.
    #[inline]
    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.bytes.len() {
            self.clear();
        } else if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
    }

    /// Gives away its memory, which becomes the spare one if there is none.
    #[inline]
    pub(crate) fn release(&mut self, spare: &mut Vec<u8>) {
        if spare.capacity() == 0 {
            mem::swap(&mut self.bytes, spare);
        } else if self.bytes.capacity() > 0 {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_in_pieces_goes_out_in_order() {
        let (mut output, mut spare) = (Output::default(), Vec::new());
        output.push(b"abcdefgh", &mut spare);
        for (count, rest) in [(3, "defgh"), (2, "fgh"), (1, "gh"), (0, "gh")] {
            output.sent(count);
            assert_eq!(output.unsent(), rest.as_bytes());
        }
        output.push(b"ij", &mut spare);
        assert_eq!((output.unsent(), output.len()), (&b"ghij"[..], 4));
        output.sent(4);
        assert!(output.is_empty());
    }

    #[test]
    fn memory_goes_from_one_to_the_next() {
        let (mut one, mut other) = (Output::default(), Output::default());
        let mut spare = Vec::with_capacity(100);
        let memory = spare.as_ptr();
        one.push(b"one", &mut spare);
        assert_eq!((spare.capacity(), one.unsent().as_ptr()), (0, memory));
        other.push(b"other", &mut spare);
        one.clear();
        one.release(&mut spare);
        other.clear();
        other.release(&mut spare);
        assert_eq!((spare.as_ptr(), other.bytes.capacity()), (memory, 0));
    }
}
