//! What a protocol has written, until the kernel has taken it.

/// Bytes in the order in which they go out. One that is empty holds no memory: it gets a queue when
/// something is written, and gives it back when all is sent.
#[derive(Default)]
pub(crate) struct Output {
    queue: Option<Box<Queue>>,
}

/// A queue with more memory than this is not kept for the next output: twice of what is read at
/// once by default, as a queue that grows doubles.
const MOST_RECYCLED: usize = 128 * 1024;

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

    /// Takes the recycled queue if it has none of its own.
    #[inline]
    pub(crate) fn push(&mut self, data: &[u8], recycled: &mut Option<Box<Queue>>) {
        if !data.is_empty() {
            let queue = self
                .queue
                .get_or_insert_with(|| recycled.take().unwrap_or_default());
            queue.bytes.extend_from_slice(data);
        }
    }

    /// Forgets what is sent. The rest moves up only when it is the smaller part: so a long output
    /// that goes out in small pieces is not copied over and over. A queue that is empty becomes the
    /// recycled one, unless it has grown large.
    #[inline]
    pub(crate) fn sent(&mut self, count: usize, recycled: &mut Option<Box<Queue>>) {
        let Some(queue) = &mut self.queue else { return };
        queue.sent += count;
        if queue.sent == queue.bytes.len() {
            queue.bytes.clear();
            queue.sent = 0;
            let queue = self.queue.take();
            *recycled = queue.filter(|queue| queue.bytes.capacity() <= MOST_RECYCLED);
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
    fn pieces_are_sent_in_order() {
        let (mut output, mut recycled) = (Output::default(), None);
        output.push(b"abcdefgh", &mut recycled);
        for (count, rest) in [(3, "defgh"), (2, "fgh"), (1, "gh"), (0, "gh")] {
            output.sent(count, &mut recycled);
            assert_eq!(output.unsent(), rest.as_bytes());
        }
        output.push(b"ij", &mut recycled);
        assert_eq!((output.unsent(), output.len()), (&b"ghij"[..], 4));
        output.sent(4, &mut recycled);
        assert!(output.is_empty());
    }

    #[test]
    fn memory_that_has_grown_large_is_given_back() {
        let (mut output, mut recycled) = (Output::default(), None);
        output.push(&vec![0; MOST_RECYCLED], &mut recycled);
        output.sent(MOST_RECYCLED, &mut recycled);
        assert!(output.is_empty() && recycled.is_some());
        output.push(&vec![0; MOST_RECYCLED + 1], &mut recycled);
        output.sent(MOST_RECYCLED + 1, &mut recycled);
        assert!(output.is_empty() && recycled.is_none());
    }

    #[test]
    fn an_emptied_queue_is_recycled_by_the_next_output() {
        let (mut one, mut other, mut recycled) = (Output::default(), Output::default(), None);
        one.push(b"one", &mut recycled);
        let memory = one.unsent().as_ptr();
        one.sent(3, &mut recycled);
        assert!(one.is_empty() && recycled.is_some());
        other.push(b"", &mut recycled);
        assert!(other.is_empty() && recycled.is_some(), "nothing needs none");
        other.push(b"two", &mut recycled);
        assert_eq!(
            (other.unsent(), other.unsent().as_ptr()),
            (&b"two"[..], memory)
        );
        assert!(recycled.is_none());
    }
}
