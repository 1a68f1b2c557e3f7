//! What a protocol has written, until the kernel has taken it.

/// Bytes in the order in which they go out. One that is empty holds no memory: it gets a queue when
/// something is written, and gives it back when all is sent.
#[derive(Default)]
pub(crate) struct Output {
    queue: Option<Box<Queue>>,
}

/// A queue with more memory than this is not kept for the next output: twice of what is read at once
/// by default, as a queue that grows doubles.
const MOST_SPARE: usize = 128 * 1024;

/// Never empty while an output has it.
#[derive(Default)]
pub(crate) struct Queue {
    bytes: Vec<u8>,
    /// How many of them, at the front, are sent already: never all.
    sent: usize,
}

impl Output {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.unsent().len()
    }

    #[inline]
    pub(crate) fn unsent(&self) -> &[u8] {
        let queue = self.queue.as_ref();
        queue.map_or(&[], |queue| &queue.bytes[queue.sent..])
    }

    /// Takes the spare queue if it has none of its own.
    #[inline]
    pub(crate) fn push(&mut self, data: &[u8], spare: &mut Option<Box<Queue>>) {
        if !data.is_empty() {
            let queue = self
                .queue
                .get_or_insert_with(|| spare.take().unwrap_or_default());
            queue.bytes.extend_from_slice(data);
        }
    }

    /// Forgets what is sent. The rest moves up only when it is the smaller part: so a long output
    /// that goes out in small pieces is not copied over and over. A queue that is empty becomes the
    /// spare one, unless it has grown large.
    #[inline]
    pub(crate) fn sent(&mut self, count: usize, spare: &mut Option<Box<Queue>>) {
        let Some(queue) = &mut self.queue else { return };
        queue.sent += count;
        if queue.sent == queue.bytes.len() {
            queue.bytes.clear();
            queue.sent = 0;
            let queue = self.queue.take();
            *spare = queue.filter(|queue| queue.bytes.capacity() <= MOST_SPARE);
        } else if queue.sent > queue.bytes.len() / 2 {
            queue.bytes.drain(..queue.sent);
            queue.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_in_pieces_goes_out_in_order() {
        let (mut output, mut spare) = (Output::default(), None);
        output.push(b"abcdefgh", &mut spare);
        for (count, rest) in [(3, "defgh"), (2, "fgh"), (1, "gh"), (0, "gh")] {
            output.sent(count, &mut spare);
            assert_eq!(output.unsent(), rest.as_bytes());
        }
        output.push(b"ij", &mut spare);
        assert_eq!((output.unsent(), output.len()), (&b"ghij"[..], 4));
        output.sent(4, &mut spare);
        assert!(output.is_empty());
    }

    #[test]
    fn memory_that_has_grown_large_is_given_back() {
        let (mut output, mut spare) = (Output::default(), None);
        output.push(&vec![0; MOST_SPARE], &mut spare);
        output.sent(MOST_SPARE, &mut spare);
        assert!(output.is_empty() && spare.is_some());
        output.push(&vec![0; MOST_SPARE + 1], &mut spare);
        output.sent(MOST_SPARE + 1, &mut spare);
        assert!(output.is_empty() && spare.is_none());
    }

    #[test]
    fn memory_goes_from_one_to_the_next() {
        let (mut one, mut other, mut spare) = (Output::default(), Output::default(), None);
        one.push(b"one", &mut spare);
        let memory = one.unsent().as_ptr();
        one.sent(3, &mut spare);
        assert!(one.is_empty() && spare.is_some());
        other.push(b"", &mut spare);
        assert!(other.is_empty() && spare.is_some(), "nothing needs none");
        other.push(b"two", &mut spare);
        assert_eq!(
            (other.unsent(), other.unsent().as_ptr()),
            (&b"two"[..], memory)
        );
        assert!(spare.is_none());
    }
}
