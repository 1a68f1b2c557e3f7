//! The record of one connection: what was requested of it, its pending output, and its state.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use common::sys::Stream;
use common::{Permit, Settings};

use crate::engine::Interest;
use crate::output::{Output, Queue};
use crate::producer::Registered;
use crate::{DelayedCall, Reason};

pub(crate) struct Connection {
    /// Callbacks have no way to it; a [`StringTransport`](crate::testing::StringTransport) has
    /// none.
    pub(crate) socket: Option<Rc<Stream>>,
    /// Dropped after the socket.
    pub(crate) opened: Opened,
    /// Written by the protocol, and not yet taken by the kernel.
    pub(crate) pending_output: Output,
    /// When a byte last went in or out.
    pub(crate) last_active: Instant,
    /// The call that will close it: for silence, or since the peer does not.
    pub(crate) deadline: Option<DelayedCall>,
    /// Set once nothing more is to be done but to close it. Boxed, since most have none.
    pub(crate) close_reason: Option<Box<Reason>>,
    /// Asked for: no more data for now.
    pub(crate) pause_requested: bool,
    /// Back-pressure has paused reading: more than the high-water mark was pending, and it is not
    /// yet down to the low-water mark. If there is a producer, that is paused, and reading goes on.
    pub(crate) reading_paused: bool,
    /// Boxed, since most have none.
    pub(crate) producer: Option<Box<Registered>>,
    /// Asked for: close when everything is sent.
    pub(crate) closing: bool,
    pub(crate) reading: ReadState,
    pub(crate) writing: WriteState,
    /// What the engine was last told to watch it for.
    pub(crate) watched: Interest,
    /// It is among the entries with requests already.
    pub(crate) dirty: bool,
}

/// Who has opened a connection. It keeps the peer's address: a socket that was reset no longer
/// knows it.
pub(crate) enum Opened {
    /// The peer, which counts within the limit.
    ByPeer(Permit),
    /// This side.
    ByUs(SocketAddr),
}

/// What is done with what the peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadState {
    /// The protocol gets it.
    Open,
    /// The peer has sent its last byte.
    PeerClosed,
    /// Nobody gets it. It is read all the same, until the peer closes: closing with unread input
    /// would send a reset, which can destroy an answer that is still on its way.
    Draining,
}

/// What is done with what the protocol writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteState {
    /// It is sent.
    Open,
    /// Asked for: say that this was all as soon as it is sent.
    Closing,
    /// That was said.
    Closed,
}

impl Connection {
    pub(crate) fn new(opened: Opened, socket: Option<Rc<Stream>>, now: Instant) -> Self {
        Connection {
            socket,
            opened,
            pending_output: Output::default(),
            last_active: now,
            deadline: None,
            close_reason: None,
            pause_requested: false,
            reading_paused: false,
            producer: None,
            closing: false,
            reading: ReadState::Open,
            writing: WriteState::Open,
            watched: Interest::NOTHING,
            dirty: false,
        }
    }

    /// The address of the other side.
    #[inline]
    pub(crate) fn peer(&self) -> SocketAddr {
        match &self.opened {
            Opened::ByPeer(permit) => permit.peer(),
            Opened::ByUs(peer) => *peer,
        }
    }

    /// Ends it for this reason, unless it has ended already.
    // CONCEPT: isolation
    pub(crate) fn end(&mut self, reason: Reason) {
        self.close_reason.get_or_insert_with(|| Box::new(reason));
    }

    /// Nothing more is written.
    pub(crate) fn finish_writing(&mut self) {
        if self.writing == WriteState::Open {
            self.writing = WriteState::Closing;
        }
    }

    /// Closes when everything is sent.
    pub(crate) fn begin_closing(&mut self) {
        self.closing = true;
        self.finish_writing();
    }

    /// No byte has moved for too long. Pending output may still be sent, and unread input does no
    /// harm; but if no byte moves again, that was all.
    pub(crate) fn time_out(&mut self) {
        let is_read = self.reading == ReadState::PeerClosed || self.wanted().reads();
        if self.closing || self.pending_output.is_empty() && is_read {
            self.end(Reason::TimedOut);
        } else {
            self.begin_closing();
        }
    }

    /// Whether what the protocol writes now will be sent: until the end was sent, as in Twisted.
    pub(crate) fn takes_data(&self) -> bool {
        self.writing != WriteState::Closed && self.close_reason.is_none()
    }

    /// What the engine is to watch it for. To be watched for writing with nothing to send would
    /// never let the loop wait.
    #[inline]
    pub(crate) fn wanted(&self) -> Interest {
        let reads = match self.reading {
            ReadState::Open => {
                !(self.pause_requested
                    || self.closing
                    || self.reading_paused && self.producer.is_none())
            }
            ReadState::PeerClosed => false,
            ReadState::Draining => true,
        };
        let producer = self.producer.as_ref();
        let writes = !self.pending_output.is_empty() || producer.is_some_and(|it| it.is_pulled());
        Interest::READ.when(reads) | Interest::WRITE.when(writes)
    }

    /// Sends once, from where the last send stopped. Answers whether the kernel takes no more for
    /// now.
    // CONCEPT: partial-write
    pub(crate) fn send(&mut self, now: Instant, recycled: &mut Option<Box<Queue>>) -> bool {
        let Some(socket) = &self.socket else {
            return false;
        };
        match socket.send(self.pending_output.unsent()) {
            Ok(sent) => {
                self.last_active = now;
                self.pending_output.sent(sent, recycled);
                if let Some(producer) = &mut self.producer
                    && self.pending_output.is_empty()
                {
                    producer.all_sent();
                }
            }
            Err(error) => return self.failed(error),
        }
        false
    }

    /// A call failed. Answers whether all it says is to wait for the next readiness.
    // CONCEPT: isolation
    pub(crate) fn failed(&mut self, error: io::Error) -> bool {
        match error.kind() {
            // CONCEPT: readiness
            ErrorKind::WouldBlock => return true,
            ErrorKind::Interrupted => {}
            _ => self.end(Reason::ConnectionLost(error)),
        }
        false
    }

    /// Pauses and resumes reading by pending output, and goes on with closing once nothing is.
    /// Answers whether from now on it waits for the peer to close.
    pub(crate) fn after_sending(&mut self, settings: &Settings) -> bool {
        if self.pending_output.is_empty() {
            self.reading_paused = false;
            return self.writing != WriteState::Open && !self.is_pulling() && self.finish();
        }
        // CONCEPT: back-pressure
        let mark = if self.reading_paused {
            settings.low_water()
        } else {
            settings.high_water
        };
        self.reading_paused = self.pending_output.len() > mark;
        false
    }

    /// Whether a pull producer has more to send.
    pub(crate) fn is_pulling(&self) -> bool {
        self.producer.as_ref().is_some_and(|it| !it.streaming)
    }

    /// Everything written is sent, and nothing more will be.
    // CONCEPT: half-close
    #[cold]
    fn finish(&mut self) -> bool {
        if self.reading == ReadState::PeerClosed {
            self.end(Reason::ConnectionDone);
            return false;
        }
        if self.writing != WriteState::Closed {
            self.writing = WriteState::Closed;
            let socket = self.socket.as_ref();
            if let Some(Err(_)) = socket.map(|socket| socket.finish()) {
                self.end(Reason::ConnectionDone); // The peer is gone already.
            }
        }
        let was_open = self.reading == ReadState::Open;
        if self.closing {
            self.reading = ReadState::Draining;
        }
        self.closing && was_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PEER;

    #[test]
    fn reading_pauses_above_the_high_water_mark_and_resumes_at_the_low_one() {
        let settings = Settings {
            high_water: 100,
            ..Settings::default()
        };
        let mut connection = Connection::new(Opened::ByUs(PEER), None, Instant::now());
        let mut reads = Vec::new();
        for pending in [100, 101, 26, 25, 100, 101, 0] {
            connection.pending_output = Output::default();
            connection.pending_output.push(&vec![0; pending], &mut None);
            connection.after_sending(&settings);
            reads.push(connection.wanted().reads());
            assert_eq!(connection.wanted().writes(), pending > 0);
        }
        assert_eq!(reads, [true, false, false, true, true, false, true]);
    }
}
