//! Splits a stream of bytes into messages.

use std::mem;

use crate::Terminator;
use crate::terminator::{Split, split};

/// What a [`FrameDecoder`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'input> {
    /// A part of a message, never empty. Collect it.
    Part(&'input [u8]),
    /// The end of the message: everything collected so far is all of it.
    End,
}

/// Splits input into messages, no matter where reads have cut it: the loop of asynchat's
/// `handle_read` without the socket.
///
/// ```
/// use chat_echo::{Piece, FrameDecoder, Terminator};
///
/// let mut decoder = FrameDecoder::new(Terminator::Bytes(b"\r\n".into()));
/// let mut messages = vec![String::new()];
/// for input in ["o", "ne\r", "\ntwo\r\n"] {
///     decoder.decode(input.as_bytes(), |_, piece| {
///         match piece {
///             Piece::Part(part) => messages.last_mut().unwrap().push_str(str::from_utf8(part).unwrap()),
///             Piece::End => messages.push(String::new()),
///         }
///         Ok::<bool, ()>(true)
///     })?;
/// }
/// assert_eq!(messages, ["one", "two", ""]);
/// # Ok::<(), ()>(())
/// ```
#[derive(Debug, Default)]
pub struct FrameDecoder {
    /// The terminator of the current message.
    pub terminator: Terminator,
    /// Bytes that may be the beginning of a terminator; the rest hasn't arrived yet.
    partial_terminator: Box<[u8]>,
}

impl FrameDecoder {
    /// Creates a decoder whose first message ends with `terminator`.
    pub fn new(terminator: Terminator) -> Self {
        FrameDecoder {
            terminator,
            partial_terminator: Box::default(),
        }
    }

    /// Calls `each` for each piece of `input`, until it returns `false`. Then the rest of the input
    /// is dropped, and a partial terminator too. `each` can change the terminator for the input
    /// that follows.
    ///
    /// # Errors
    /// The first error of `each`.
    pub fn decode<E>(
        &mut self,
        input: &[u8],
        mut each: impl FnMut(&mut Terminator, Piece) -> Result<bool, E>,
    ) -> Result<(), E> {
        let joined;
        let mut input = input;
        if !self.partial_terminator.is_empty() {
            joined = [&*self.take_partial_terminator(), input].concat();
            input = &joined;
        }
        while !input.is_empty() {
            let (part, rest) = match split(&self.terminator, input) {
                Split::Found { message, rest } => (message, Some(rest)),
                Split::More {
                    message,
                    partial_terminator,
                } => {
                    self.partial_terminator = partial_terminator.into();
                    (message, None)
                }
            };
            if let Terminator::Count(left) = &mut self.terminator {
                *left = left.saturating_sub(part.len());
            }
            if !part.is_empty() && !each(&mut self.terminator, Piece::Part(part))? {
                self.discard();
                break;
            }
            let Some(rest) = rest else { break };
            if !each(&mut self.terminator, Piece::End)? {
                break;
            }
            input = rest;
        }
        Ok(())
    }

    /// Drops a partial terminator.
    pub fn discard(&mut self) {
        self.partial_terminator = Box::default();
    }

    /// Takes the bytes that were kept as a partial terminator. At the end of the input, they belong
    /// to the message.
    pub fn take_partial_terminator(&mut self) -> Vec<u8> {
        mem::take(&mut self.partial_terminator).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes the input, cut at `cuts`, and returns the messages. The last one is the message that
    /// hasn't ended.
    fn messages(decoder: &mut FrameDecoder, input: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
        let mut messages = vec![Vec::new()];
        let mut begin = 0;
        let ends = cuts.iter().map(|cut| cut % (input.len() + 1));
        let mut ends: Vec<usize> = ends.chain([input.len()]).collect();
        ends.sort_unstable();
        for end in ends {
            let decoded = decoder.decode(&input[begin..end], |_, piece| {
                match piece {
                    Piece::Part(part) => messages.last_mut().unwrap().extend_from_slice(part),
                    Piece::End => messages.push(Vec::new()),
                }
                Ok::<bool, ()>(true)
            });
            assert_eq!(decoded, Ok(()));
            begin = end;
        }
        messages
            .last_mut()
            .unwrap()
            .append(&mut decoder.take_partial_terminator());
        messages
    }

    /// Returns the same in the slow, obvious way.
    fn expected(input: &[u8], terminator: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = vec![Vec::new()];
        let mut at = 0;
        while at < input.len() {
            if input[at..].starts_with(terminator) {
                messages.push(Vec::new());
                at += terminator.len();
            } else {
                messages.last_mut().unwrap().push(input[at]);
                at += 1;
            }
        }
        messages
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // Two letters only, so that prefixes of the terminator are everywhere.
        #[test]
        fn cuts_do_not_matter(
            input in "[ab]{0,40}",
            terminator in "[ab]{1,5}",
            cuts in prop::collection::vec(0..100usize, 0..8),
        ) {
            let mut decoder = FrameDecoder::new(Terminator::Bytes(terminator.clone().into_bytes().into()));
            let found = messages(&mut decoder, input.as_bytes(), &cuts);
            prop_assert_eq!(found, expected(input.as_bytes(), terminator.as_bytes()));
        }

        #[test]
        fn a_count_ends_after_so_many_bytes(
            input in prop::collection::vec(any::<u8>(), 0..60),
            count in 1..10usize,
            cuts in prop::collection::vec(0..100usize, 0..8),
        ) {
            let mut decoder = FrameDecoder::new(Terminator::Count(count));
            let found = messages(&mut decoder, &input, &cuts);
            // One message of that length, if there is enough input. The count isn't reset by
            // itself.
            let (first, rest) = input.split_at(count.min(input.len()));
            prop_assert_eq!(found[0].as_slice(), first);
            prop_assert_eq!(found.len(), if input.len() >= count { 2 } else { 1 });
            if let Some(second) = found.get(1) {
                prop_assert_eq!(second.as_slice(), rest);
            }
        }
    }

    #[test]
    fn every_single_cut_of_a_text() {
        let (input, terminator) = (b"one\r\n\r\r\ntwo\r\n\n\r", b"\r\n");
        // CONCEPT: testing
        for cut in 0..=input.len() {
            let mut decoder = FrameDecoder::new(Terminator::Bytes(terminator.into()));
            assert_eq!(
                messages(&mut decoder, input, &[cut]),
                expected(input, terminator),
                "{cut}"
            );
        }
    }

    /// A length in one byte, then that many bytes. The terminator changes at each end.
    #[test]
    fn the_terminator_may_change_at_an_end() -> Result<(), ()> {
        let input = b"\x03one\x05three\x01x";
        for cut in 0..=input.len() {
            let mut decoder = FrameDecoder::new(Terminator::Count(1));
            let (mut collected, mut values, mut in_length) = (Vec::new(), Vec::new(), true);
            for part in [&input[..cut], &input[cut..]] {
                decoder.decode(part, |terminator, piece| {
                    match piece {
                        Piece::Part(part) => collected.extend_from_slice(part),
                        Piece::End if in_length => {
                            *terminator = Terminator::Count(collected.remove(0).into());
                            in_length = false;
                        }
                        Piece::End => {
                            *terminator = Terminator::Count(1);
                            values.push(mem::take(&mut collected));
                            in_length = true;
                        }
                    }
                    Ok(true)
                })?;
            }
            assert_eq!(values, [&b"one"[..], b"three", b"x"], "{cut}");
        }
        Ok(())
    }

    #[test]
    fn decode_stops_when_the_callback_returns_false() {
        let mut decoder = FrameDecoder::new(Terminator::Bytes(b"\n".into()));
        let mut ends = 0;
        let decoded = decoder.decode(b"one\ntwo\n", |_, piece| {
            ends += usize::from(piece == Piece::End);
            Ok::<bool, ()>(piece != Piece::End)
        });
        assert_eq!((decoded, ends), (Ok(()), 1));
        assert_eq!(decoder.decode(b"three\n", |_, _| Err("stop")), Err("stop"));
    }

    #[test]
    fn a_partial_terminator_is_dropped_with_the_rest() {
        let mut decoder = FrameDecoder::new(Terminator::Bytes(b"\r\n".into()));
        assert_eq!(decoder.decode(b"one\r", |_, _| Ok::<_, ()>(false)), Ok(()));
        let mut pieces = Vec::new();
        let decoded = decoder.decode(b"\ntwo", |_, piece| {
            pieces.push(format!("{piece:?}"));
            Ok::<_, ()>(true)
        });
        assert_eq!(decoded, Ok(()));
        assert_eq!(pieces, [format!("{:?}", Piece::Part(b"\ntwo"))]);
    }
}
