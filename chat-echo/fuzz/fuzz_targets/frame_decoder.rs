//! Compares the decoder with the slow, obvious way, for any terminator, any input, and any cuts.
//!
//! The first byte of the data is the terminator's length, the second the size of the pieces.

#![no_main]

use chat_echo::{Piece, FrameDecoder, Terminator};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [length, cut, rest @ ..] = data else {
        return;
    };
    let length = 1 + usize::from(length % 6);
    let Some((terminator, input)) = rest.split_at_checked(length) else {
        return;
    };
    let piece_size = 1 + usize::from(*cut);

    let mut decoder = FrameDecoder::new(Terminator::Bytes(terminator.to_vec().into()));
    let mut messages = vec![Vec::new()];
    for piece in input.chunks(piece_size) {
        let decoded = decoder.decode(piece, |_, piece| {
            match piece {
                Piece::Part(part) => {
                    assert!(!part.is_empty());
                    messages.last_mut().unwrap().extend_from_slice(part);
                }
                Piece::End => messages.push(Vec::new()),
            }
            Ok::<bool, ()>(true)
        });
        assert_eq!(decoded, Ok(()));
    }
    let partial_terminator = decoder.take_partial_terminator();
    assert!(partial_terminator.len() < terminator.len() && terminator.starts_with(&partial_terminator));
    messages.last_mut().unwrap().extend(partial_terminator);

    assert_eq!(messages, expected(input, terminator));
});

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
