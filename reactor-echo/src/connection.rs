//! Connections: their state, and what the loop does with them. This is the only place that closes,
//! and for all engines that wait for readiness, the only one that reads and sends.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::sys::{self, Interest, Readiness};
use common::{Permit, SendPolicy, Settings};

use crate::engine::Completion;
use crate::entry::{Entry, Object};
use crate::producer::Registered;
use crate::socket::Socket;
use crate::{DelayedCall, Key, Protocol, Reactor, Reason, Transport};

pub(crate) struct Connection {
    /// A [`StringTransport`](crate::testing::StringTransport) has none.
    pub(crate) socket: Option<Socket>,
    /// Dropped after the socket.
    pub(crate) opened: Opened,
    /// Absent while one of its callbacks runs.
    pub(crate) protocol: Option<Box<dyn Protocol>>,
    /// Written by the protocol, but not yet taken by the kernel.
    pub(crate) pending_output: VecDeque<u8>,
    pub(crate) lifecycle: Lifecycle,
    /// Why the connection has ended, once it has.
    reason: Reason,
    /// Reading is paused because more than the high-water mark was pending. A connection with a
    /// producer pauses that instead, and goes on reading.
    pub(crate) reading_paused: bool,
    /// The protocol has paused receiving.
    pub(crate) pause_requested: bool,
    pub(crate) producer: Option<Registered>,
    /// When a byte was last read or sent.
    pub(crate) last_active: Instant,
    /// The call that will close the connection: at its timeout, or because the peer doesn't close.
    deadline: Option<DelayedCall>,
}

/// Which side has opened a connection. Keeps the peer's address, which the kernel can't return
/// after a reset.
pub(crate) enum Opened {
    /// The peer. The connection counts towards the limit.
    ByPeer(Permit),
    /// This side.
    ByUs(SocketAddr),
}

/// Where a connection is in its life. (*sent* means that nothing is pending any more.)
///
/// ```text
/// Open ─ lose_connection ──────▶ Closing ─ sent: FIN ──▶ Draining ─ the peer's FIN ─▶ Closed
///  ├──── lose_write_connection ▶ Finishing ─ sent: FIN ▶ Finished ─ the peer's FIN ─▶ Flushing
///  └──── the peer's FIN ───────▶ PeerClosed ─ lose_connection ▶ Flushing ─ sent ────▶ Closed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// The server reads and sends.
    Open,
    /// The peer has sent its last byte. The protocol can still write.
    PeerClosed,
    /// The peer has closed and the protocol is done: send pending output, then close.
    Flushing,
    /// The protocol has closed the connection: read nothing more, send pending output, then a
    /// FIN.
    Closing,
    /// The FIN is sent. Read and discard until the peer closes too: closing with unread input would
    /// send a reset, which can destroy output that is still on its way.
    Draining,
    /// Like `Closing`, but the protocol still receives.
    Finishing,
    /// Like `Finishing`, and the FIN is sent.
    Finished,
    /// All that is left is to close the socket and to call `connection_lost`.
    Closed,
}

impl Connection {
    pub(crate) fn new(
        opened: Opened,
        socket: Option<Socket>,
        protocol: Box<dyn Protocol>,
        now: Instant,
    ) -> Self {
        Connection {
            socket,
            opened,
            protocol: Some(protocol),
            pending_output: VecDeque::new(),
            lifecycle: Lifecycle::Open,
            reason: Reason::ConnectionDone,
            reading_paused: false,
            pause_requested: false,
            producer: None,
            last_active: now,
            deadline: None,
        }
    }

    /// The address of the other side.
    pub(crate) fn peer(&self) -> SocketAddr {
        match &self.opened {
            Opened::ByPeer(permit) => permit.peer(),
            Opened::ByUs(peer) => *peer,
        }
    }

    /// Whether the protocol gets the peer's data.
    #[inline]
    pub(crate) fn delivers(&self) -> bool {
        matches!(
            self.lifecycle,
            Lifecycle::Open | Lifecycle::Finishing | Lifecycle::Finished
        )
    }

    /// Whether the protocol can still write: until the FIN is sent, as in Twisted.
    #[inline]
    fn takes_data(&self) -> bool {
        !matches!(
            self.lifecycle,
            Lifecycle::Finished | Lifecycle::Draining | Lifecycle::Closed
        )
    }

    /// Whether the connection closes as soon as all output is sent and the peer has closed.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(
            self.lifecycle,
            Lifecycle::Flushing | Lifecycle::Closing | Lifecycle::Draining
        )
    }

    /// Closes when all output is sent. (If a FIN was already sent, it isn't sent twice.)
    pub(crate) fn begin_closing(&mut self) {
        match self.lifecycle {
            Lifecycle::Open | Lifecycle::Finishing | Lifecycle::Finished => {
                self.lifecycle = Lifecycle::Closing;
            }
            Lifecycle::PeerClosed => self.lifecycle = Lifecycle::Flushing,
            _ => {}
        }
    }

    /// The protocol has finished writing.
    pub(crate) fn finish_writing(&mut self) {
        match self.lifecycle {
            Lifecycle::Open => self.lifecycle = Lifecycle::Finishing,
            Lifecycle::PeerClosed => self.lifecycle = Lifecycle::Flushing,
            _ => {}
        }
    }

    /// The peer has sent its last byte.
    pub(crate) fn peer_closed(&mut self) {
        match self.lifecycle {
            Lifecycle::Open => self.lifecycle = Lifecycle::PeerClosed,
            Lifecycle::Finishing | Lifecycle::Finished => self.lifecycle = Lifecycle::Flushing,
            Lifecycle::Draining => self.end(Reason::ConnectionDone),
            _ => {}
        }
    }

    /// Ends the connection for this reason, unless it has already ended.
    // CONCEPT: isolation
    pub(crate) fn end(&mut self, reason: Reason) {
        if self.lifecycle != Lifecycle::Closed {
            (self.lifecycle, self.reason) = (Lifecycle::Closed, reason);
        }
    }

    /// Handles the error of a call. Does nothing if the call would block or was interrupted: the
    /// loop repeats it when the socket is ready.
    // CONCEPT: isolation
    pub(crate) fn failed(&mut self, error: io::Error) {
        match error.kind() {
            // CONCEPT: readiness
            ErrorKind::WouldBlock | ErrorKind::Interrupted => {}
            _ => self.end(Reason::ConnectionLost(error)),
        }
    }

    /// No byte has moved for too long. Pending output is still sent and unread input discarded, but
    /// if no byte moves again until the next timeout, the connection ends.
    fn time_out(&mut self) {
        let peer_closed = self.lifecycle == Lifecycle::PeerClosed;
        let nothing_is_left = self.pending_output.is_empty() && (peer_closed || self.reads());
        if self.is_closing() || nothing_is_left {
            self.end(Reason::TimedOut);
        } else {
            self.begin_closing();
        }
    }

    #[inline]
    fn reads(&self) -> bool {
        let is_paused = self.pause_requested || self.reading_paused && self.producer.is_none();
        self.delivers() && !is_paused || self.lifecycle == Lifecycle::Draining
    }

    /// What the engine should watch the socket for. If it watched for writing with nothing to send,
    /// every wait would return at once.
    #[inline]
    pub(crate) fn wanted(&self) -> Option<Interest> {
        let is_pulled = self.producer.as_ref().is_some_and(Registered::is_pulled);
        Interest::of(self.reads(), !self.pending_output.is_empty() || is_pulled)
    }

    /// Starts the wanted operations on a completion engine, unless they are already under way.
    pub(crate) fn start(&self, engine: &mut dyn Completion, key: Key, wanted: Option<Interest>) {
        let socket = self.socket.as_ref().and_then(Socket::shared);
        let (Some(socket), Some(wanted)) = (socket, wanted) else {
            return;
        };
        if wanted.is_readable() {
            engine.start_recv(key, socket);
        }
        if wanted.is_writable() {
            engine.start_send(key, socket, self.pending_output.as_slices().0);
        }
    }

    /// Whether a completion engine sends the next part of the pending output: it is under way because
    /// the last one was sent at `now`, the time of this iteration. A producer's output has no last part.
    pub(crate) fn is_sending(&self, now: Instant) -> bool {
        let is_shared = self.socket.as_ref().and_then(Socket::shared).is_some();
        let has_last_part = !self.pending_output.is_empty() && self.producer.is_none();
        is_shared && has_last_part && self.last_active == now
    }

    /// Sends pending output once, from where the last send stopped.
    // CONCEPT: partial-write
    fn send_pending(&mut self, ready: &mut Readiness, now: Instant) {
        let Some(socket) = &self.socket else { return };
        let result = socket.send(self.pending_output.make_contiguous()); // One send for all of it.
        self.sent_pending(result, ready, now);
    }

    /// Records the result of a send of pending output.
    fn sent_pending(&mut self, result: io::Result<usize>, ready: &mut Readiness, now: Instant) {
        let sent = self.sent(result, ready, now);
        self.pending_output.drain(..sent);
        if self.pending_output.is_empty() {
            self.all_sent();
        }
    }

    /// Records the result of a send. Returns how many bytes the kernel took.
    #[inline(always)] // As in `common::sys`.
    fn sent(&mut self, result: io::Result<usize>, ready: &mut Readiness, now: Instant) -> usize {
        ready.record_write(&result);
        match result {
            Ok(count) => {
                self.last_active = now;
                count
            }
            Err(error) => {
                self.failed(error);
                0
            }
        }
    }

    /// Called when nothing is pending any more. A pull producer is due again.
    pub(crate) fn all_sent(&mut self) {
        self.pending_output = VecDeque::new(); // An idle connection keeps no memory.
        if let Some(producer) = &mut self.producer {
            producer.all_sent();
        }
    }

    /// Pauses or resumes reading, depending on the pending output.
    // CONCEPT: back-pressure
    #[inline]
    fn update_pause(&mut self, settings: &Settings) {
        let mark = match self.reading_paused {
            true => settings.low_water(),
            false => settings.high_water,
        };
        self.reading_paused = self.pending_output.len() > mark;
    }

    /// Called when all output is sent. Continues to close, and returns whether it now waits for
    /// the peer to close.
    // CONCEPT: half-close
    fn after_sending(&mut self) -> bool {
        let next = match self.lifecycle {
            Lifecycle::Closing => Lifecycle::Draining,
            Lifecycle::Finishing => Lifecycle::Finished,
            Lifecycle::Flushing => Lifecycle::Closed,
            _ => return false,
        };
        let finished = match (&self.socket, next) {
            (Some(socket), Lifecycle::Draining | Lifecycle::Finished) => socket.finish(),
            _ => Ok(()),
        };
        // If it fails, the connection is already lost.
        self.lifecycle = finished.map_or(Lifecycle::Closed, |()| next);
        self.lifecycle == Lifecycle::Draining
    }
}

impl Reactor {
    /// Called when the socket is readable, writable, or both.
    // CONCEPT: fairness
    pub(crate) fn handle_ready(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let (can_read, can_write) = (entry.can_read(), entry.can_write());
        let Object::Connection(connection) = &mut entry.object else {
            return;
        };
        // Reads once, so that a flood of input can't delay the other connections.
        if can_read && let Some(socket) = &connection.socket {
            let window = sys::read_window(&mut self.buffer);
            let result = match self.engine.completion() {
                None => socket.recv(window),
                Some(engine) => engine.finish_recv(key, window),
            };
            entry.ready.record_read(&result, window.len());
            match result {
                Ok(0) => self.end_of_stream(key),
                Ok(count) => {
                    connection.last_active = self.clock.now();
                    if connection.delivers() {
                        let buffer = mem::take(&mut self.buffer);
                        self.call(key, |protocol, transport| {
                            protocol.data_received(transport, &buffer[..count]);
                        });
                        self.buffer = buffer;
                    }
                }
                Err(error) => {
                    connection.failed(error);
                    self.mark_dirty(key);
                }
            }
        }
        if can_write {
            self.flush(key, true);
        } else if self.engine.completion().is_some() {
            self.mark_dirty(key); // To start the next read.
        }
    }

    // CONCEPT: half-close
    fn end_of_stream(&mut self, key: Key) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        connection.peer_closed();
        self.mark_dirty(key);
        self.call(key, |protocol, transport| {
            protocol.read_connection_lost(transport);
        });
    }

    /// Calls a connection's protocol, unless the connection has ended.
    #[inline]
    pub(crate) fn call(
        &mut self,
        key: Key,
        callback: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>),
    ) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        let peer = connection.peer();
        if connection.lifecycle == Lifecycle::Closed {
            return;
        }
        let Some(mut protocol) = connection.protocol.take() else {
            return;
        };
        callback(&mut *protocol, &mut Transport::new(self, key, peer));
        if let Some(connection) = self.connection_mut(key) {
            connection.protocol = Some(protocol);
        }
    }

    /// Writes for a protocol: sends at once if nothing is pending, and keeps what the kernel
    /// doesn't take. A completion engine sends it all later.
    #[inline]
    pub(crate) fn write(&mut self, key: Key, data: &[u8]) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let Object::Connection(connection) = &mut entry.object else {
            return;
        };
        if data.is_empty() || !connection.takes_data() {
            return;
        }
        let mut sent = 0;
        if self.policy == SendPolicy::AtOnce
            && self.engine.completion().is_none()
            && connection.pending_output.is_empty()
            && let Some(socket) = &connection.socket
        {
            let result = socket.send(data);
            sent = connection.sent(result, &mut entry.ready, self.clock.now());
        }
        if sent < data.len() {
            connection.pending_output.extend(&data[sent..]);
            self.mark_dirty(key);
        } else if connection.producer.is_some() {
            connection.all_sent();
            self.mark_dirty(key);
        }
    }

    /// Applies the requests for a connection: pauses, resumes, closes. Sends pending output if the
    /// socket is writable. Calls the producer last.
    pub(crate) fn flush(&mut self, key: Key, can_write: bool) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let Object::Connection(connection) = &mut entry.object else {
            return;
        };
        let is_open = connection.lifecycle != Lifecycle::Closed;
        if can_write && is_open {
            match self.engine.completion() {
                None if connection.pending_output.is_empty() => {}
                None => connection.send_pending(&mut entry.ready, self.clock.now()),
                Some(engine) => {
                    let result = engine.finish_send(key);
                    connection.sent_pending(result, &mut entry.ready, self.clock.now());
                }
            }
        }
        connection.update_pause(&self.settings);
        let is_pulling = connection
            .producer
            .as_ref()
            .is_some_and(Registered::is_pulling);
        let begins_to_drain =
            connection.pending_output.is_empty() && !is_pulling && connection.after_sending();
        let (wanted, has_producer) = (connection.wanted(), connection.producer.is_some());
        if connection.lifecycle == Lifecycle::Closed {
            return self.close(key);
        }
        if (wanted != entry.watched || self.engine.completion().is_some())
            && let Err(error) = self.watch(key, wanted)
        {
            self.request(key, |connection| {
                connection.end(Reason::ConnectionLost(error))
            });
            return self.close(key);
        }
        if begins_to_drain {
            self.drain(key);
        }
        if has_producer {
            self.update_producer(key, can_write);
        }
    }

    /// Closes a connection, and calls its producer and its protocol.
    pub(crate) fn close(&mut self, key: Key) {
        match self.engine.completion() {
            None => self.unwatch(key),
            Some(engine) => engine.cancel(key),
        }
        let Some(Entry {
            object: Object::Connection(connection),
            ..
        }) = self.entries.remove(key)
        else {
            return;
        };
        let reason = connection.reason;
        if let Some(deadline) = connection.deadline {
            self.cancel(&deadline);
        }
        if let Some(socket) = connection.socket {
            if matches!(reason, Reason::ConnectionAborted) {
                let _ = socket.reset_on_close();
            }
            socket.close();
        }
        if let Opened::ByPeer(mut permit) = connection.opened
            && !matches!(reason, Reason::ConnectionDone)
        {
            permit.failed(io::Error::other(reason.to_string()));
        }
        self.stop_producer(connection.producer);
        if let Some(mut protocol) = connection.protocol {
            protocol.connection_lost(self, &reason);
        }
    }

    #[inline]
    pub(crate) fn connection(&self, key: Key) -> Option<&Connection> {
        match &self.entries.get(key)?.object {
            Object::Connection(connection) => Some(connection),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn connection_mut(&mut self, key: Key) -> Option<&mut Connection> {
        match &mut self.entries.get_mut(key)?.object {
            Object::Connection(connection) => Some(connection),
            _ => None,
        }
    }

    /// Records a request for a connection.
    pub(crate) fn request(&mut self, key: Key, request: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.connection_mut(key) {
            request(connection);
            self.mark_dirty(key);
        }
    }

    /// Closes a connection at the shutdown timeout, unless its peer closes before.
    fn drain(&mut self, key: Key) {
        let call = self.call_later(self.settings.shutdown_timeout, move |reactor| {
            reactor.request(key, |connection| connection.end(Reason::ConnectionDone));
        });
        self.set_deadline(key, Some(call));
    }

    /// Closes a connection when no byte has moved for `limit`; see [`Transport::set_timeout`].
    pub(crate) fn set_timeout(&mut self, key: Key, limit: Option<Duration>) {
        let is_draining = |connection: &Connection| connection.lifecycle == Lifecycle::Draining;
        if self.connection(key).is_none_or(is_draining) {
            return; // It is draining, and has a deadline of its own.
        }
        let now = self.iteration();
        let call = limit.map(|limit| self.close_when_silent(key, now, limit));
        self.set_deadline(key, call);
    }

    fn set_deadline(&mut self, key: Key, call: Option<DelayedCall>) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        if let Some(former) = mem::replace(&mut connection.deadline, call) {
            self.cancel(&former);
        }
    }

    /// Closes a connection when no byte has moved for `limit`, counted from `since`. Pending output
    /// is sent first, unless no byte moves for another `limit`.
    // CONCEPT: timers
    fn close_when_silent(&mut self, key: Key, since: Instant, limit: Duration) -> DelayedCall {
        let check = move |reactor: &mut Reactor| {
            let Some(connection) = reactor.connection(key) else {
                return;
            };
            let mut since = connection.last_active.max(since);
            let has_passed = reactor.passed();
            if has_passed(since + limit) {
                reactor.request(key, Connection::time_out);
                since = reactor.iteration();
            }
            let call = reactor.close_when_silent(key, since, limit);
            reactor.set_deadline(key, Some(call));
        };
        self.timers.add(since, limit, Box::new(check))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PEER;

    struct Silent;

    impl Protocol for Silent {
        fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    }

    #[test]
    fn reading_pauses_above_the_high_water_mark_and_resumes_at_the_low_one() {
        let settings = Settings {
            high_water: 100,
            ..Settings::default()
        };
        let (opened, protocol) = (Opened::ByUs(PEER), Box::new(Silent));
        let mut connection = Connection::new(opened, None, protocol, Instant::now());
        let mut reads = Vec::new();
        for pending in [100, 101, 26, 25, 100, 101, 0] {
            connection.pending_output = vec![0; pending].into();
            connection.update_pause(&settings);
            reads.push(connection.reads());
            let wanted = connection.wanted();
            assert_eq!(wanted.is_some_and(Interest::is_writable), pending > 0);
        }
        assert_eq!(reads, [true, false, false, true, true, false, true]);
    }
}
