//! One end of a TCP connection as Linux implements it, and what travels between two ends.
//!
//! Everything here is pure: no descriptors, no time. The comments name the functions of Linux
//! (net/ipv4/tcp.c, tcp_input.c, tcp_output.c, af_inet.c) that do the same.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

mod buffer;

use buffer::Buffer;

/// The bits of epoll(7).
pub(super) mod bits {
    pub const IN: u32 = 1;
    pub const PRI: u32 = 2;
    pub const OUT: u32 = 4;
    pub const ERR: u32 = 8;
    pub const HUP: u32 = 0x10;
    pub const RDHUP: u32 = 0x2000;
    /// Wakes everything that watches the socket, whatever it watches for: `sk_state_change`.
    pub const ANY: u32 = 1 << 31;
}

/// The phase of a connection. Whether the peer has finished, and whether this end has, is stored
/// separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// SYN-SENT: no answer yet.
    Connecting,
    /// From ESTABLISHED to LAST-ACK.
    Connected,
    /// Both ends have finished and know it: CLOSE, or TIME-WAIT, which has no socket any more.
    Finished,
    /// A reset was sent or received, or the connection was never established: CLOSE.
    Dead,
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Socket {
    pub local: SocketAddr,
    pub peer: SocketAddr,
    pub phase: Phase,
    /// Received but not yet read; at most `receive_limit` bytes.
    pub received: Buffer,
    receive_limit: usize,
    /// Sent but not yet arrived at the other end; at most `send_limit` bytes.
    pub sending: Buffer,
    send_limit: usize,
    /// The peer's FIN has arrived, after everything that was received: RCV_SHUTDOWN.
    pub peer_finished: bool,
    /// This end will send no more: SEND_SHUTDOWN.
    pub has_finished: bool,
    /// The state of its FIN.
    fin: Fin,
    /// The application has closed it. The kernel still delivers what is in `sending`.
    pub is_orphan: bool,
    /// Closing sends a reset: SO_LINGER with a time of zero.
    resets_on_close: bool,
    /// A reset is on its way to the other end.
    reset_to_send: bool,
    /// SO_ERROR.
    error: Option<ErrorKind>,
    /// A send found the buffer full: its watchers get an edge once it has space again
    /// (SOCK_NOSPACE).
    no_space: bool,
    /// The changes that its watchers haven't been notified of yet, as bits.
    pub news: u32,
    /// Bytes that the application has read and written.
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// The last send didn't take everything.
    pub was_refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fin {
    Unsent,
    Arrived,
    Acknowledged,
}

/// What travels from one end to the other. Data is acknowledged as it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packet {
    Reset,
    Data,
    Fin,
    /// Of the other's FIN.
    Acknowledgement,
}

impl Socket {
    pub fn new(
        local: SocketAddr,
        peer: SocketAddr,
        receive_limit: usize,
        send_limit: usize,
    ) -> Self {
        Socket {
            local,
            peer,
            phase: Phase::Connecting,
            received: Buffer::default(),
            receive_limit,
            sending: Buffer::default(),
            send_limit,
            peer_finished: false,
            has_finished: false,
            fin: Fin::Unsent,
            is_orphan: false,
            resets_on_close: false,
            reset_to_send: false,
            error: None,
            no_space: false,
            news: 0,
            bytes_read: 0,
            bytes_written: 0,
            was_refused: false,
        }
    }

    /// The handshake is over: `tcp_finish_connect`.
    pub fn connected(&mut self) {
        self.phase = Phase::Connected;
        self.news |= bits::ANY;
    }

    /// recv(2): first the data; then, after a FIN, the end of the stream, even if a reset came
    /// later; then the error, once. With an empty buffer it reads nothing, and fails only if there is
    /// no data.
    pub fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let had_data = !self.received.is_empty();
        let count = self.received.read(buffer);
        if count > 0 || buffer.is_empty() && had_data {
            self.bytes_read += count as u64;
            return Ok(count);
        }
        self.nothing_to_read()
    }

    /// recv(2) with MSG_PEEK: the same, but the data stays.
    pub fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.received.peek(buffer);
        if count > 0 || buffer.is_empty() && !self.received.is_empty() {
            return Ok(count);
        }
        self.nothing_to_read()
    }

    fn nothing_to_read(&mut self) -> io::Result<usize> {
        if self.peer_finished {
            return Ok(0);
        }
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        match self.phase {
            Phase::Connecting | Phase::Connected => Err(ErrorKind::WouldBlock.into()),
            Phase::Finished | Phase::Dead => Ok(0),
        }
    }

    /// send(2).
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        if self.has_finished || matches!(self.phase, Phase::Finished | Phase::Dead) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.phase == Phase::Connecting {
            return Err(ErrorKind::WouldBlock.into());
        }
        let free = self.send_limit.saturating_sub(self.sending.len());
        let count = bytes.len().min(free);
        self.was_refused = count < bytes.len();
        self.no_space |= self.was_refused;
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.sending.append(&bytes[..count]);
        self.bytes_written += count as u64;
        Ok(count)
    }

    /// send(2) with MSG_OOB: the last byte is urgent.
    pub fn send_urgent(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.send(bytes)?;
        if count > 0 && count == bytes.len() {
            self.sending.mark_last();
        }
        Ok(count)
    }

    /// shutdown(2) with SHUT_WR. It wakes everything that watches the socket, even when it fails:
    /// `inet_shutdown`.
    pub fn finish(&mut self) -> io::Result<()> {
        self.news |= bits::ANY;
        if self.phase != Phase::Connected {
            return Err(ErrorKind::NotConnected.into());
        }
        self.has_finished = true;
        Ok(())
    }

    /// getsockopt(2) with SO_ERROR.
    pub fn take_error(&mut self) -> Option<ErrorKind> {
        self.error.take()
    }

    /// getpeername(2).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.phase {
            Phase::Connected => Ok(self.peer),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// setsockopt(2) with SO_LINGER and a time of zero.
    pub fn reset_on_close(&mut self) {
        self.resets_on_close = true;
    }

    /// close(2), `tcp_close`: sends a reset if there is unread input (RFC 2525, section 2.17) or
    /// `reset_on_close` was called, otherwise a FIN after the bytes in the send buffer.
    pub fn close(&mut self) {
        self.is_orphan = true;
        match self.phase {
            Phase::Connecting => self.phase = Phase::Dead,
            Phase::Connected if self.resets_on_close || !self.received.is_empty() => {
                self.send_reset();
            }
            Phase::Connected => self.has_finished = true,
            Phase::Finished | Phase::Dead => {}
        }
    }

    /// Resets the connection. Everything that hasn't arrived is lost.
    pub fn send_reset(&mut self) {
        if self.phase == Phase::Connected {
            self.phase = Phase::Dead;
            self.sending.clear();
            self.reset_to_send = true;
        }
    }

    /// A reset has arrived: `tcp_reset`. What was received before it can still be read. A
    /// connection whose two ends have finished ignores it.
    fn receive_reset(&mut self) {
        let is_close_wait = self.peer_finished && !self.has_finished;
        let error = match self.phase {
            Phase::Connecting => ErrorKind::ConnectionRefused,
            Phase::Connected if is_close_wait => ErrorKind::BrokenPipe,
            Phase::Connected => ErrorKind::ConnectionReset,
            Phase::Finished | Phase::Dead => return,
        };
        self.fail(error);
    }

    /// Ends the connection with this error: `tcp_done_with_error`.
    fn fail(&mut self, error: ErrorKind) {
        self.phase = Phase::Dead;
        self.sending.clear();
        self.error = Some(error);
        self.news |= bits::ANY;
    }

    /// The other end refused the connection.
    pub fn refused(&mut self) {
        self.receive_reset();
    }

    /// The connect got no answer for too long.
    pub fn timed_out(&mut self) {
        if self.phase == Phase::Connecting {
            self.fail(ErrorKind::TimedOut);
        }
    }

    /// Whether the socket counts as writable. On Linux that takes a third of the buffer free
    /// (`__sk_stream_is_writeable`), though send(2) takes as much as fits.
    fn has_space(&self) -> bool {
        self.sending.len() * 3 <= self.send_limit * 2
    }

    /// What the socket is ready for: `tcp_poll`. If it isn't writable, its watchers get an edge
    /// when it is.
    pub fn readiness(&mut self) -> u32 {
        if self.phase == Phase::Connecting {
            return 0;
        }
        let is_over = self.phase != Phase::Connected;
        let mut ready = 0;
        if is_over || self.peer_finished && self.has_finished {
            ready |= bits::HUP;
        }
        if is_over || self.peer_finished {
            ready |= bits::IN | bits::RDHUP;
        }
        if self.received.is_readable() {
            ready |= bits::IN;
        }
        if is_over || self.has_finished || self.has_space() {
            ready |= bits::OUT;
        } else {
            self.no_space = true;
        }
        if self.received.has_urgent() {
            ready |= bits::PRI;
        }
        if self.error.is_some() {
            ready |= bits::ERR;
        }
        ready
    }

    /// What can travel from this end to `other` now, if anything.
    pub fn next_packet(&self, other: &Socket) -> Option<Packet> {
        if self.reset_to_send {
            return Some(Packet::Reset);
        }
        if other.phase != Phase::Connected || self.phase == Phase::Dead {
            return None;
        }
        if self.phase == Phase::Connected && self.can_carry(other) > 0 {
            return Some(Packet::Data);
        }
        if self.phase == Phase::Connected && self.may_send_fin() {
            return Some(Packet::Fin);
        }
        (other.fin == Fin::Arrived).then_some(Packet::Acknowledgement)
    }

    /// How many bytes the other end has space for, or would reset the connection for.
    fn can_carry(&self, other: &Socket) -> usize {
        let space = match other.is_orphan {
            true => usize::MAX,
            false => other.receive_limit.saturating_sub(other.received.len()),
        };
        space.min(self.sending.len())
    }

    fn may_send_fin(&self) -> bool {
        self.fin == Fin::Unsent && self.has_finished && self.sending.is_empty()
    }

    /// Delivers one packet from this end to `other`, with at most `limit` bytes. Returns whether
    /// there was one.
    pub fn send_packet(&mut self, other: &mut Socket, limit: usize) -> bool {
        let packet = self.next_packet(other);
        match packet {
            None => {}
            Some(Packet::Reset) => {
                self.reset_to_send = false;
                other.receive_reset();
            }
            // There is no application left to read it.
            Some(Packet::Data) if other.is_orphan => other.send_reset(),
            Some(Packet::Data) => {
                let count = self.can_carry(other).min(limit);
                self.sending.move_to(&mut other.received, count);
                other.news |= bits::IN | bits::PRI;
                if self.no_space && self.has_space() {
                    self.no_space = false;
                    self.news |= bits::OUT;
                }
            }
            Some(Packet::Fin) => {
                self.fin = Fin::Arrived;
                other.peer_finished = true;
                other.news |= bits::ANY;
                other.end_if_both_have_finished();
            }
            Some(Packet::Acknowledgement) => {
                other.fin = Fin::Acknowledged;
                other.news |= bits::ANY;
                other.end_if_both_have_finished();
            }
        }
        packet.is_some()
    }

    /// `tcp_time_wait`, or `tcp_done` at the end of LAST-ACK.
    fn end_if_both_have_finished(&mut self) {
        if self.peer_finished && self.fin == Fin::Acknowledged {
            self.phase = Phase::Finished;
        }
    }
}

#[cfg(test)]
mod tests;
