//! Finds the end of a message.

use std::borrow::Cow;

use memchr::{memchr, memmem};

/// Determines where a message ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Terminator {
    /// At these bytes, which aren't collected.
    Bytes(Cow<'static, [u8]>),
    /// After this many bytes, all of which are collected. As in the original, zero means never.
    Count(usize),
    /// Never: all input is collected.
    #[default]
    Never,
}

/// The input, split at the next end of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Split<'input> {
    /// A message ends here: `message` is its last part, and `rest` comes after its terminator.
    Found {
        /// Collect this.
        message: &'input [u8],
        /// Split this next.
        rest: &'input [u8],
    },
    /// No message ends here.
    More {
        /// Collect this.
        message: &'input [u8],
        /// May be the beginning of a terminator. Put it in front of the next input, and split both
        /// together.
        partial_terminator: &'input [u8],
    },
}

/// Finds the end of a message in `input`.
pub(crate) fn split<'input>(terminator: &Terminator, input: &'input [u8]) -> Split<'input> {
    let more = Split::More {
        message: input,
        partial_terminator: b"",
    };
    match terminator {
        Terminator::Never | Terminator::Count(0) => more,
        Terminator::Count(count) => match input.split_at_checked(*count) {
            Some((message, rest)) => Split::Found { message, rest },
            None => more,
        },
        Terminator::Bytes(bytes) if bytes.is_empty() => more,
        Terminator::Bytes(bytes) => match find(input, bytes) {
            Some(at) => Split::Found {
                message: &input[..at],
                rest: &input[at + bytes.len()..],
            },
            None => {
                let (message, partial_terminator) =
                    input.split_at(input.len() - prefix_at_end(input, bytes));
                Split::More {
                    message,
                    partial_terminator,
                }
            }
        },
    }
}

fn find(input: &[u8], bytes: &[u8]) -> Option<usize> {
    match bytes {
        [byte] => memchr(*byte, input),
        _ => memmem::find(input, bytes),
    }
}

/// How many bytes at the end of `input` are the beginning of `bytes`, but not all of it: asynchat's
/// `find_prefix_at_end`.
fn prefix_at_end(input: &[u8], bytes: &[u8]) -> usize {
    let longest = input.len().min(bytes.len() - 1);
    (1..=longest)
        .rev()
        .find(|length| input.ends_with(&bytes[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(message: &'a [u8], rest: &'a [u8]) -> Split<'a> {
        Split::Found { message, rest }
    }

    fn more<'a>(message: &'a [u8], partial_terminator: &'a [u8]) -> Split<'a> {
        Split::More {
            message,
            partial_terminator,
        }
    }

    #[test]
    fn a_whole_terminator_ends_a_message() {
        let crlf = Terminator::Bytes(b"\r\n".into());
        assert_eq!(split(&crlf, b"one\r\ntwo"), found(b"one", b"two"));
        assert_eq!(split(&crlf, b"\r\n\r\n"), found(b"", b"\r\n"));
        assert_eq!(split(&crlf, b"two\r"), more(b"two", b"\r"));
        assert_eq!(split(&crlf, b"\r\rtwo\n"), more(b"\r\rtwo\n", b""));
        assert_eq!(split(&crlf, b""), more(b"", b""));
    }

    #[test]
    fn the_longest_prefix_of_a_terminator_is_held_back() {
        let aab = Terminator::Bytes(b"aab".into());
        assert_eq!(split(&aab, b"aaa"), more(b"a", b"aa"));
        assert_eq!(split(&aab, b"aaab"), found(b"a", b""));
    }

    #[test]
    fn a_count_takes_so_many_bytes() {
        assert_eq!(split(&Terminator::Count(2), b"abc"), found(b"ab", b"c"));
        assert_eq!(split(&Terminator::Count(3), b"abc"), found(b"abc", b""));
        assert_eq!(split(&Terminator::Count(4), b"abc"), more(b"abc", b""));
    }

    #[test]
    fn never_zero_and_no_bytes_take_all() {
        for terminator in [
            Terminator::Never,
            Terminator::Count(0),
            Terminator::Bytes(b"".into()),
        ] {
            assert_eq!(
                split(&terminator, b"abc"),
                more(b"abc", b""),
                "{terminator:?}"
            );
        }
    }
}
