//! The bytes to send: one block of numbered messages that all connections share.

use std::iter;

/// The least length of a block, so that message numbers don't repeat soon. It still fits into a
/// cache.
const BLOCK: usize = 256 * 1024;

/// Messages of one size, each different from its neighbours, with a `\n` only at the end.
///
/// Every connection sends the block again and again, from its own starting position. So nothing is
/// generated or copied per message, and one memory comparison verifies an answer. An answer that was
/// swapped, repeated, lost, or sent to the wrong connection differs from the expected
/// bytes.
pub(super) struct LoadPayload {
    block: Vec<u8>,
    size: usize,
}

impl LoadPayload {
    /// Messages of `size` bytes: more of them than the `depth` that are in flight at once.
    pub(super) fn new(size: usize, depth: usize) -> Self {
        let messages = (BLOCK / size).max(depth + 1);
        let mut random = fastrand::Rng::with_seed(0);
        let mut block = Vec::with_capacity(messages * size);
        for number in 0..messages {
            let digits = format!("{number:08}");
            let digits = &digits.as_bytes()[8_usize.saturating_sub(size - 1)..];
            let filler = iter::repeat_with(|| random.lowercase() as u8);
            block.extend(digits.iter().copied().chain(filler).take(size - 1));
            block.push(b'\n');
        }
        LoadPayload { block, size }
    }

    /// The length of a message in bytes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Where connection `index` of `connections` starts: they are spread evenly over the block.
    pub(super) fn start(&self, index: usize, connections: usize) -> usize {
        let messages = self.block.len() / self.size;
        index % connections * messages / connections * self.size
    }

    /// At most `most` bytes from `place` on, and fewer where the block ends.
    pub(super) fn window(&self, place: usize, most: usize) -> &[u8] {
        let rest = &self.block[place..];
        &rest[..most.min(rest.len())]
    }

    /// The place `count` bytes after `place`, within the window there.
    pub(super) fn after(&self, place: usize, count: usize) -> usize {
        let next = place + count;
        if next == self.block.len() { 0 } else { next }
    }

    /// Compares what was received with the payload from `place` on, and returns the place after it.
    pub(super) fn verify(&self, mut place: usize, received: &[u8]) -> Result<usize, Mismatch> {
        let mut right = 0;
        while right < received.len() {
            let expected = self.window(place, received.len() - right);
            let found = &received[right..right + expected.len()];
            if found != expected {
                return Err(Mismatch::find(found, expected, right));
            }
            right += expected.len();
            place = self.after(place, expected.len());
        }
        Ok(place)
    }
}

/// The first byte that came back wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// The number of correct bytes right before it.
    pub(super) right: usize,
    pub(super) found: u8,
    pub(super) expected: u8,
}

impl Mismatch {
    fn find(found: &[u8], expected: &[u8], before: usize) -> Self {
        let mut pairs = found.iter().zip(expected).enumerate();
        let (offset, (&found, &expected)) =
            pairs.find(|(_, (a, b))| a != b).unwrap_or((0, (&0, &0)));
        Mismatch {
            right: before + offset,
            found,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn messages_differ_and_end_with_their_only_newline() {
        for (size, depth) in [(5, 1), (9, 3), (64, 16), (300_000, 2)] {
            let payload = LoadPayload::new(size, depth);
            let messages: Vec<_> = payload.block.chunks(size).collect();
            assert!(messages.len() > depth);
            for message in &messages {
                assert_eq!(
                    message.iter().position(|&byte| byte == b'\n'),
                    Some(size - 1)
                );
            }
            let distinct: HashSet<_> = messages.iter().take(10_000).collect();
            assert_eq!(distinct.len(), messages.len().min(10_000), "size {size}");
        }
        assert_eq!(LoadPayload::new(1, 1).window(0, 3), b"\n\n\n");
    }

    #[test]
    fn connections_start_at_messages_of_their_own() {
        let payload = LoadPayload::new(64, 1);
        let starts: HashSet<_> = (0..50).map(|index| payload.start(index, 50)).collect();
        assert_eq!(starts.len(), 50);
        assert!(starts.iter().all(|start| start % 64 == 0));
    }

    #[test]
    fn verification_goes_round_the_end_and_finds_the_first_wrong_byte() {
        let payload = LoadPayload::new(100, 1);
        let end = payload.block.len();
        let mut received = [&payload.block[end - 30..], &payload.block[..30]].concat();
        assert_eq!(payload.verify(end - 30, &received), Ok(30));
        received[41] ^= 1;
        let mismatch = payload
            .verify(end - 30, &received)
            .expect_err("a byte was changed");
        assert_eq!(
            (mismatch.right, mismatch.found),
            (41, mismatch.expected ^ 1)
        );
        assert_eq!(
            payload.verify(end - 100, &payload.block[end - 100..]),
            Ok(0)
        );
    }
}
