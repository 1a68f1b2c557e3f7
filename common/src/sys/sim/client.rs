//! A client of the script: a program that sends, reads, and closes as the script says.

use std::collections::VecDeque;
use std::io::ErrorKind;

use super::script::Payload;
use super::tcp::{Phase, Socket};
use super::trace::ClientEnd;

/// What a client does once everything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum AfterSending {
    #[default]
    Nothing,
    HalfClose,
    Close,
}

#[derive(Debug, Default)]
pub(super) struct Client {
    /// Its end of the connection, while it has one.
    pub end: Option<usize>,
    /// The bytes that it still has to send, and the position of an urgent byte among them.
    pub to_send: VecDeque<u8>,
    urgent: Option<usize>,
    after_sending: AfterSending,
    /// It reads only this many more bytes.
    may_read: Option<usize>,
    /// How many bytes of the alphabet it has sent.
    alphabet: usize,
    /// How many bytes its kernel took.
    pub sent: u64,
    /// What it has read.
    pub received: Vec<u8>,
    /// How the server's stream ended.
    pub ended: Option<ClientEnd>,
    has_half_closed: bool,
}

impl Client {
    pub fn send(&mut self, payload: &Payload) {
        match payload {
            Payload::Text(text) => self.to_send.extend(text),
            Payload::Count(count) => {
                let first = self.alphabet;
                self.alphabet += count;
                let letters = (first..self.alphabet).map(|place| b'a' + (place % 26) as u8);
                self.to_send.extend(letters);
            }
        }
    }

    pub fn send_urgent(&mut self, text: &[u8]) {
        self.to_send.extend(text);
        if !text.is_empty() {
            self.urgent = Some(self.to_send.len() - 1);
        }
    }

    pub fn read(&mut self, count: usize) {
        self.may_read = Some(self.may_read.unwrap_or(0) + count);
    }

    pub fn stop_reading(&mut self) {
        self.may_read = Some(0);
    }

    pub fn resume_reading(&mut self) {
        self.may_read = None;
    }

    pub fn half_close(&mut self) {
        if self.after_sending == AfterSending::Nothing {
            self.after_sending = AfterSending::HalfClose;
        }
    }

    pub fn close(&mut self) {
        self.after_sending = AfterSending::Close;
    }

    /// Closes at once, and sends nothing more.
    pub fn forget_connection(&mut self) {
        *self = Client {
            sent: self.sent,
            received: std::mem::take(&mut self.received),
            ended: self.ended,
            ..Client::default()
        };
    }

    /// Whether [`run_client`](Self::run_client) would do anything.
    pub fn can_act(&self, socket: &mut Socket) -> bool {
        if socket.phase == Phase::Connecting {
            return false;
        }
        let can_read = self.may_read != Some(0) && self.ended.is_none();
        let readiness = socket.readiness();
        let writes = readiness & super::tcp::bits::OUT != 0 && !self.to_send.is_empty();
        let ends = self.to_send.is_empty() && self.after_sending != AfterSending::Nothing;
        writes || ends || can_read && readiness & super::tcp::bits::IN != 0
    }

    /// Sends, reads, and closes as far as the kernel allows, at most `limit` bytes each. Returns
    /// whether it did anything.
    pub fn run_client(&mut self, socket: &mut Socket, limit: usize) -> bool {
        if socket.phase == Phase::Connecting {
            return false;
        }
        let wrote = self.write(socket, limit);
        let read = self.read_from(socket, limit);
        let ended = self.to_send.is_empty() && self.end_stream(socket);
        wrote || read || ended
    }

    fn write(&mut self, socket: &mut Socket, limit: usize) -> bool {
        let (front, _) = self.to_send.as_slices();
        if front.is_empty() {
            return false;
        }
        let result = match self.urgent {
            Some(0) => socket.send_urgent(&front[..1]),
            Some(urgent) => socket.send(&front[..front.len().min(limit).min(urgent)]),
            None => socket.send(&front[..front.len().min(limit)]),
        };
        match result {
            Ok(count) => {
                self.to_send.drain(..count);
                self.sent += count as u64;
                self.urgent = self.urgent.and_then(|urgent| urgent.checked_sub(count));
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => {
                self.to_send.clear();
                self.ended.get_or_insert(ClientEnd::from(error.kind()));
                true
            }
        }
    }

    fn read_from(&mut self, socket: &mut Socket, limit: usize) -> bool {
        let most = self.may_read.unwrap_or(usize::MAX).min(limit);
        if most == 0 || self.ended.is_some() {
            return false;
        }
        let mut buffer = vec![0; most.min(socket.received.len()).max(1)];
        match socket.recv(&mut buffer) {
            Ok(0) => self.ended = Some(ClientEnd::EndOfStream),
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                self.may_read = self.may_read.map(|left| left - count);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => self.ended = Some(ClientEnd::from(error.kind())),
        }
        true
    }

    fn end_stream(&mut self, socket: &mut Socket) -> bool {
        match std::mem::take(&mut self.after_sending) {
            AfterSending::Nothing => return false,
            AfterSending::HalfClose if self.has_half_closed => return false,
            AfterSending::HalfClose => {
                self.has_half_closed = true;
                let _ = socket.finish(); // The connection can have ended already.
            }
            AfterSending::Close => {
                socket.close();
                self.forget_connection();
            }
        }
        true
    }
}
