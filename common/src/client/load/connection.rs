//! One connection under load: what it has sent, which answers it expects, and whether its socket is
//! ready.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use mio::event::Event;
use mio::net::TcpStream;

use super::payload::{LoadPayload, Mismatch};

/// A non-blocking connection. mio reports a socket's readiness only when it *changes*, so this
/// remembers it.
pub(super) struct LoadConnection {
    pub(super) socket: TcpStream,
    /// How many messages it has taken from the schedule so far.
    pub(super) taken: u64,
    /// A receive can find something.
    pub(super) may_receive: bool,
    may_send: bool,
    /// The server has ended its stream: a short read doesn't show that everything was read.
    ended: bool,
    /// The position in the payload of the next byte to send, and how many to send from there.
    sending: usize,
    unsent: usize,
    /// The position in the payload of the next byte to receive, and how many bytes of its message
    /// have arrived.
    receiving: usize,
    partial: usize,
    /// For each unanswered message, when it was sent, or should have been.
    due: VecDeque<Instant>,
    answered: u64,
}

impl LoadConnection {
    /// A connection that sends the payload from `start` on.
    pub(super) fn new(socket: TcpStream, start: usize) -> Self {
        LoadConnection {
            socket,
            taken: 0,
            may_receive: false,
            may_send: true,
            ended: false,
            sending: start,
            unsent: 0,
            receiving: start,
            partial: 0,
            due: VecDeque::new(),
            answered: 0,
        }
    }

    /// Records what the socket has become ready for.
    pub(super) fn note(&mut self, event: &Event) {
        self.may_send |= event.is_writable();
        self.may_receive |= event.is_readable() || event.is_error();
        self.ended |= event.is_read_closed() || event.is_error();
    }

    /// How many messages are in flight.
    pub(super) fn outstanding(&self) -> usize {
        self.due.len()
    }

    /// Adds a message to those that [`flush`](Self::flush) sends.
    pub(super) fn queue(&mut self, due: Instant, payload: &LoadPayload) {
        self.due.push_back(due);
        self.unsent += payload.size();
    }

    /// Sends what is queued, as far as the socket takes it, and returns the number of bytes.
    pub(super) fn flush(&mut self, payload: &LoadPayload) -> io::Result<usize> {
        let mut total = 0;
        while self.may_send && self.unsent > 0 {
            match self.socket.write(payload.window(self.sending, self.unsent)) {
                Ok(count) => {
                    self.sending = payload.after(self.sending, count);
                    self.unsent -= count;
                    total += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_send = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    /// Receives once, verifies what came, and returns the number of bytes.
    pub(super) fn receive(
        &mut self,
        payload: &LoadPayload,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let count = match self.socket.read(buffer) {
            Ok(0) => return Err(self.closed_early()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.may_receive = false;
                return Ok(0);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(0),
            Err(error) => return Err(error),
        };
        // A short read has emptied the socket, so no second read is needed: epoll(7).
        self.may_receive = count == buffer.len() || self.ended;
        let expected = self.due.len() * payload.size() - self.partial - self.unsent;
        if count > expected {
            let message = format!("{} bytes came back that were not sent", count - expected);
            return Err(io::Error::new(ErrorKind::InvalidData, message));
        }
        self.receiving = payload
            .verify(self.receiving, &buffer[..count])
            .map_err(|mismatch| self.wrong_byte(payload, &mismatch))?;
        self.partial += count;
        Ok(count)
    }

    /// Takes one message that has been answered in full, if any, and returns when it was due.
    pub(super) fn next_answered(&mut self, payload: &LoadPayload) -> Option<Instant> {
        if self.partial < payload.size() {
            return None;
        }
        self.partial -= payload.size();
        self.answered += 1;
        self.due.pop_front()
    }

    fn closed_early(&self) -> io::Error {
        let (answered, open) = (self.answered, self.due.len());
        let message = format!(
            "closed by the server after {answered} answers, with {open} unanswered messages"
        );
        io::Error::new(ErrorKind::UnexpectedEof, message)
    }

    fn wrong_byte(&self, payload: &LoadPayload, mismatch: &Mismatch) -> io::Error {
        let Mismatch {
            right,
            found,
            expected,
        } = mismatch;
        let offset = self.partial + right;
        let message = self.answered + (offset / payload.size()) as u64 + 1;
        let byte = offset % payload.size() + 1;
        let text = format!(
            "message {message} came back wrong: byte {byte} is {found:#04x}, not {expected:#04x}"
        );
        io::Error::new(ErrorKind::InvalidData, text)
    }
}
