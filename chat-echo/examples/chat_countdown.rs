//! A countdown: the client sends a number, and the server sends all numbers from there down to
//! zero, one per line.
//!
//! Shows a [`Producer`]: an answer of any length, made piece by piece as the peer takes it. A
//! client that requests billions and reads none costs one buffer, and once a few milliseconds.
//!
//! ```sh
//! cargo run -p chat-echo --example chat_countdown -- 7000
//! echo 10 | nc 127.0.0.1 7000
//! (echo 1000000000; sleep 1000) | nc 127.0.0.1 7000 | less        # look at the server's memory meanwhile
//! ```

use std::io;
use std::iter::Rev;
use std::ops::RangeInclusive;

use chat_echo::{AsyncChat, Chat, ChatChannel, Producer, Terminator};
use common::StopSignal;
use common::sys::Listener;

mod shared;

/// How many numbers to make at once.
const NUMBERS_PER_PIECE: usize = 500;

/// The longest line, in bytes: the largest number.
const LONGEST_LINE: usize = 20;

fn main() -> io::Result<()> {
    shared::run(serve)
}

/// Serves the clients of this listener until the stop signal is raised.
pub fn serve(listener: Listener, stop: StopSignal) -> io::Result<()> {
    shared::serve_each(listener, stop, |settings| {
        let counter = Counter { line: Vec::new() };
        Chat::new(counter, Terminator::Bytes(b"\n".into()), settings)
    })
}

/// The numbers that are still to send.
struct Countdown(Rev<RangeInclusive<u64>>);

impl Producer for Countdown {
    fn more(&mut self) -> Option<Vec<u8>> {
        let numbers = self.0.by_ref().take(NUMBERS_PER_PIECE);
        let piece: String = numbers.map(|number| format!("{number}\n")).collect();
        Some(piece.into_bytes()) // Empty at the end.
    }
}

/// The object that handles one client's lines.
struct Counter {
    line: Vec<u8>,
}

impl AsyncChat for Counter {
    fn collect_incoming_data(&mut self, _: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        if self.line.len() + data.len() > LONGEST_LINE {
            return Err(io::Error::other("the line is too long"));
        }
        self.line.extend_from_slice(data);
        Ok(())
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        let number = str::from_utf8(&self.line).map(|line| line.trim().parse());
        match number {
            Ok(Ok(number)) => {
                chat.push_with_producer(Countdown((0..=number).rev()));
                chat.push(b"lift-off\n"); // Sent after all of the producer's output.
            }
            _ => chat.push(b"from which number?\n"),
        }
        self.line.clear();
        Ok(())
    }
}
