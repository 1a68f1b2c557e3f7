//! The receiving side of a conversation: compares what came back with what was sent.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use super::transcript::Transcript;
use super::{CHUNK, Sent, explain};
use crate::client::EchoClient;

/// Receives answers and compares them with what the sender has announced.
pub(super) struct Answers {
    client: EchoClient,
    sent: Receiver<Sent>,
    limit: Duration,
    /// The bytes that were sent and have not come back yet.
    expected: VecDeque<u8>,
    expected_lines: u64,
    /// Why sending ended early.
    failed: Option<io::Error>,
    /// Whether everything has been sent.
    ended: bool,
    waiting_since: Instant,
    last_received: Option<u8>,
    received: u64,
    lines_received: u64,
}

impl Answers {
    /// Waits at most `limit` for each expected answer.
    pub(super) fn new(
        client: EchoClient,
        sent: Receiver<Sent>,
        limit: Duration,
    ) -> io::Result<Self> {
        // An answer can become expected at any time, so check ten times within the
        // limit.
        let look_every = (limit / 10).max(Duration::from_millis(1));
        client.socket().set_read_timeout(Some(look_every))?;
        Ok(Answers {
            client,
            sent,
            limit,
            expected: VecDeque::new(),
            expected_lines: 0,
            failed: None,
            ended: false,
            waiting_since: Instant::now(),
            last_received: None,
            received: 0,
            lines_received: 0,
        })
    }

    /// Receives until the server closes.
    ///
    /// # Errors
    /// The connection failed, or an answer is wrong, missing, or late; or it can't be shown.
    pub(super) fn receive_all(mut self, mut transcript: Transcript) -> io::Result<TalkOutcome> {
        loop {
            let looked_at = Instant::now();
            let received = self.client.receive_some(CHUNK);
            self.learn_what_was_sent()?;
            match received {
                Ok(bytes) if bytes.is_empty() => {
                    transcript.end()?;
                    return self.conclude();
                }
                Ok(bytes) => {
                    transcript.show(&bytes)?;
                    self.compare(&bytes)?;
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    self.keep_patience(looked_at)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(explain("the connection was lost", error)),
            }
        }
    }

    fn learn_what_was_sent(&mut self) -> io::Result<()> {
        let was_waiting = self.is_waiting();
        loop {
            match self.sent.try_recv() {
                Ok(Sent::Chunk(chunk)) => {
                    self.expected_lines += lines(&chunk);
                    self.expected.extend(chunk);
                }
                Ok(Sent::Failed(error)) => self.failed = Some(error),
                Ok(Sent::NotShown(error)) => return Err(error),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    break;
                }
            }
        }
        if !was_waiting && self.is_waiting() {
            self.waiting_since = Instant::now();
        }
        Ok(())
    }

    /// Whether the server has something to do: return a complete line, or close. (A line
    /// server doesn't return an incomplete line.)
    fn is_waiting(&self) -> bool {
        self.ended || self.expected_lines > 0
    }

    /// Call this if nothing had come at `looked_at` and for a while after.
    ///
    /// The answer is late only if the time limit was over before `looked_at`. If this program itself
    /// was stopped (Ctrl-Z) until after the limit, it looks once more.
    fn keep_patience(&mut self, looked_at: Instant) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let waited = looked_at.saturating_duration_since(self.waiting_since);
        if !self.is_waiting() || waited < self.limit {
            return Ok(());
        }
        let (limit, expected) = (self.limit.as_secs_f64(), self.expected.len());
        let message = match expected {
            0 => format!("everything came back, but the server did not close within {limit} s"),
            _ => format!("no answer within {limit} s: {expected} bytes did not come back"),
        };
        Err(io::Error::new(ErrorKind::TimedOut, message))
    }

    fn compare(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut pairs = self.expected.iter().zip(bytes).enumerate();
        if let Some((index, (sent, found))) = pairs.find(|(_, (sent, found))| sent != found) {
            let place = self.received + index as u64 + 1;
            return Err(wrong(format!(
                "byte {place} came back as {found:#04x}, but {sent:#04x} was sent"
            )));
        }
        if bytes.len() > self.expected.len() {
            let unasked = bytes.len() - self.expected.len();
            return Err(wrong(format!(
                "{unasked} bytes came back that were not sent"
            )));
        }
        self.expected.drain(..bytes.len());
        self.received += bytes.len() as u64;
        self.expected_lines -= lines(bytes);
        self.lines_received += lines(bytes);
        self.last_received = bytes.last().copied();
        self.waiting_since = Instant::now();
        Ok(())
    }

    /// Decides whether the server was right to close.
    fn conclude(self) -> io::Result<TalkOutcome> {
        let unanswered = self.expected.len();
        if !self.ended || self.failed.is_some() {
            let message = format!(
                "the server closed before the input ended, with {unanswered} bytes unanswered"
            );
            return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
        }
        let after_a_line = matches!(self.last_received, None | Some(b'\n'));
        let only_a_tail = self.expected_lines == 0 && after_a_line;
        if unanswered > 0 && !only_a_tail {
            let message = format!("the server closed with {unanswered} bytes unanswered");
            return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
        }
        Ok(TalkOutcome {
            bytes: self.received,
            lines: self.lines_received,
            after_a_line,
            unanswered,
        })
    }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

fn wrong(message: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

/// The result of a conversation in which every answer was correct.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TalkOutcome {
    bytes: u64,
    lines: u64,
    after_a_line: bool,
    /// Length of the last line, if it had no newline and didn't come back.
    unanswered: usize,
}

impl fmt::Display for TalkOutcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TalkOutcome {
            bytes,
            lines,
            unanswered,
            ..
        } = self;
        let plural = if *lines == 1 { "" } else { "s" };
        write!(
            out,
            "{lines} line{plural} ({bytes} bytes) came back as sent"
        )?;
        if *unanswered > 0 {
            write!(
                out,
                "; the last {unanswered} bytes have no newline and did not: a line server"
            )?;
        } else if !self.after_a_line {
            write!(
                out,
                ", even the last one, which has no newline: a stream server"
            )?;
        }
        Ok(())
    }
}
