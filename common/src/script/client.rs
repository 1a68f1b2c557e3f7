//! A client of the script: a program that sends, reads, and closes as the script says.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use serde::{Serialize, Serializer};

use super::{Payload, Step};

/// What a client does once everything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum AfterSending {
    #[default]
    Nothing,
    HalfClose,
    Close,
}

/// A client that acts as a script says. `End` is its end of the connection.
#[derive(Debug)]
pub struct ScriptedClient<End> {
    /// Its end of the connection, while it has one. To forget it closes it.
    pub end: Option<End>,
    /// The bytes that it still has to send, and the position of an urgent byte among them.
    to_send: VecDeque<u8>,
    urgent: Option<usize>,
    after_sending: AfterSending,
    /// It reads only this many more bytes.
    may_read: Option<usize>,
    /// How many bytes of the alphabet it has sent.
    alphabet: usize,
    /// How many bytes its kernel took.
    sent: u64,
    received: Vec<u8>,
    ended: Option<ClientEnd>,
    has_half_closed: bool,
}

/// The calls that a client makes on its socket. None of them waits.
pub trait ClientSocket {
    /// Sends as many of these bytes as the kernel takes.
    ///
    /// # Errors
    /// The errors of send(2), such as `WouldBlock`.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// As [`send`](Self::send), the last byte as urgent data.
    ///
    /// # Errors
    /// The errors of send(2).
    fn send_urgent(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Receives at most this many bytes. None are the end of the stream.
    ///
    /// # Errors
    /// The errors of recv(2), such as `WouldBlock`.
    fn recv(&mut self, most: usize) -> io::Result<Vec<u8>>;

    /// Ends the stream to the server.
    fn finish(&mut self);

    /// Closes the connection. The client forgets its end right after that.
    fn close(&mut self);
}

impl<End> Default for ScriptedClient<End> {
    fn default() -> Self {
        ScriptedClient {
            end: None,
            to_send: VecDeque::new(),
            urgent: None,
            after_sending: AfterSending::default(),
            may_read: None,
            alphabet: 0,
            sent: 0,
            received: Vec::new(),
            ended: None,
            has_half_closed: false,
        }
    }
}

impl<End> ScriptedClient<End> {
    /// Begins with a step of this client. A step that isn't about sending, reading, or ending in order
    /// changes nothing here.
    pub fn begin(&mut self, step: &Step) {
        match step {
            Step::Send(_, payload) => self.send(payload),
            Step::Urgent(_, text) => {
                self.to_send.extend(text);
                if !text.is_empty() {
                    self.urgent = Some(self.to_send.len() - 1);
                }
            }
            Step::Read(_, count) => self.may_read = Some(self.may_read.unwrap_or(0) + count),
            Step::StopReading(_) => self.may_read = Some(0),
            Step::ResumeReading(_) => self.may_read = None,
            Step::HalfClose(_) if self.after_sending == AfterSending::Nothing => {
                self.after_sending = AfterSending::HalfClose;
            }
            Step::Close(_) => self.after_sending = AfterSending::Close,
            _ => {}
        }
    }

    fn send(&mut self, payload: &Payload) {
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

    /// Closes at once, and sends nothing more.
    pub fn forget_connection(&mut self) {
        *self = ScriptedClient {
            sent: self.sent,
            received: std::mem::take(&mut self.received),
            ended: self.ended,
            ..ScriptedClient::default()
        };
    }

    /// It couldn't connect.
    pub fn not_connected(&mut self) {
        self.ended = Some(ClientEnd::NotConnected);
    }

    /// Whether it would read if there was something to read.
    pub fn wants_to_read(&self) -> bool {
        self.may_read != Some(0) && self.ended.is_none()
    }

    /// Whether it reads, and an echo server has something left for it: bytes, or the end of the stream.
    pub fn expects_more(&self) -> bool {
        let is_behind = (self.received.len() as u64) < self.sent;
        self.end.is_some() && self.wants_to_read() && (is_behind || self.has_half_closed)
    }

    /// Whether it has something to send.
    pub fn wants_to_write(&self) -> bool {
        !self.to_send.is_empty()
    }

    /// Whether everything is sent and the stream can end.
    pub fn wants_to_end(&self) -> bool {
        self.to_send.is_empty() && self.after_sending != AfterSending::Nothing
    }

    /// How many bytes it still has to send.
    pub fn bytes_to_send(&self) -> usize {
        self.to_send.len()
    }

    /// How many bytes it has read.
    pub fn bytes_received(&self) -> usize {
        self.received.len()
    }

    /// How the server's stream ended, as far as it has read.
    pub fn ended(&self) -> Option<ClientEnd> {
        self.ended
    }

    /// How the run ended for it.
    pub fn trace(&self, number: u32) -> ClientTrace {
        ClientTrace {
            client: number,
            sent: self.sent,
            received: self.received.clone(),
            ended: self.ended,
        }
    }

    /// Sends, reads, and closes as far as the kernel allows, at most `limit` bytes each. Returns
    /// whether it did anything.
    pub fn run(&mut self, socket: &mut impl ClientSocket, limit: usize) -> bool {
        let wrote = self.write(socket, limit);
        let read = self.read_from(socket, limit);
        let ended = self.wants_to_end() && self.end_stream(socket);
        wrote || read || ended
    }

    fn write(&mut self, socket: &mut impl ClientSocket, limit: usize) -> bool {
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

    fn read_from(&mut self, socket: &mut impl ClientSocket, limit: usize) -> bool {
        let most = self.may_read.unwrap_or(usize::MAX).min(limit);
        if most == 0 || self.ended.is_some() {
            return false;
        }
        match socket.recv(most) {
            Ok(bytes) if bytes.is_empty() => self.ended = Some(ClientEnd::EndOfStream),
            Ok(bytes) => {
                self.may_read = self.may_read.map(|left| left - bytes.len());
                self.received.extend(bytes);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => self.ended = Some(ClientEnd::from(error.kind())),
        }
        true
    }

    fn end_stream(&mut self, socket: &mut impl ClientSocket) -> bool {
        match std::mem::take(&mut self.after_sending) {
            AfterSending::Nothing => return false,
            AfterSending::HalfClose if self.has_half_closed => return false,
            AfterSending::HalfClose => {
                self.has_half_closed = true;
                socket.finish();
            }
            AfterSending::Close => {
                socket.close();
                self.forget_connection();
            }
        }
        true
    }
}

/// How the run ended for a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientTrace {
    /// Its number.
    pub client: u32,
    /// Bytes that its kernel took from it.
    pub sent: u64,
    /// What it read. In JSON, a text with escapes for bytes that aren't printable ASCII.
    #[serde(serialize_with = "escaped")]
    pub received: Vec<u8>,
    /// How the server's stream ended for it; `None` if it hasn't, as far as the client has read.
    pub ended: Option<ClientEnd>,
}

/// How a stream ended for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientEnd {
    /// With a FIN, after everything that the server had sent.
    EndOfStream,
    /// With a reset.
    Reset,
    /// The connection was never established.
    NotConnected,
}

impl From<ErrorKind> for ClientEnd {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionRefused | ErrorKind::TimedOut => ClientEnd::NotConnected,
            _ => ClientEnd::Reset,
        }
    }
}

fn escaped<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&bytes.escape_ascii())
}
