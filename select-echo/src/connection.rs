//! One client: its socket, and what was read from it but not yet sent back.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Instant;

use common::sys::{self, AsDescriptor, Descriptor, Stream};
use common::{Permit, Settings};

use crate::echo::Write;

/// What the server still does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It reads, and sends back.
    Echoing,
    /// The peer has sent its last byte: send what is pending, then close.
    PeerFinished,
    /// The server is stopping: send what is pending, then say that there will be no more.
    Stopping,
    /// That was said. Read and discard until the peer closes too: closing with unread input would
    /// send a reset, which can destroy the answer that is still on its way.
    Draining,
    /// Nothing more is to be done.
    Over,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Stream,
    /// Dropped after the socket.
    pub(crate) permit: Permit,
    pending: VecDeque<u8>,
    stage: Stage,
    /// Reading is paused since more than the high-water mark was pending.
    paused: bool,
    /// When a byte last went in or out.
    pub(crate) last_active: Instant,
}

impl AsDescriptor for Connection {
    fn descriptor(&self) -> Descriptor<'_> {
        self.socket.descriptor()
    }
}

impl Connection {
    pub(crate) fn new(socket: Stream, permit: Permit, now: Instant) -> Self {
        let (pending, stage) = (VecDeque::new(), Stage::Echoing);
        Connection {
            socket,
            permit,
            pending,
            stage,
            paused: false,
            last_active: now,
        }
    }

    /// First the socket, then its permit.
    #[track_caller]
    pub(crate) fn close(self) {
        self.socket.close();
        drop(self.permit);
    }

    /// Whether it belongs into the list of inputs.
    pub(crate) fn wants_to_read(&self) -> bool {
        self.stage == Stage::Echoing && !self.paused || self.stage == Stage::Draining
    }

    /// Whether it belongs into the list of outputs. Left in there with nothing to send, it would
    /// never let select wait.
    // CONCEPT: level-and-edge
    pub(crate) fn wants_to_write(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The socket can be read: reads once, so that a flood waits for its turn like everybody else.
    ///
    /// # Errors
    /// The connection's end other than an orderly one.
    // CONCEPT: fairness
    pub(crate) fn handle_read(
        &mut self,
        buffer: &mut [u8],
        write: Write,
        now: Instant,
        settings: &Settings,
    ) -> io::Result<()> {
        let Some(count) = now_or_later(self.socket.recv(sys::room(buffer)))? else {
            return Ok(());
        };
        self.last_active = now;
        match (count, self.stage) {
            (0, Stage::Draining) => self.stage = Stage::Over,
            (0, _) => self.finish(Stage::PeerFinished),
            (_, Stage::Draining) => {}
            (_, _) => self.answer(&buffer[..count], write)?,
        }
        // CONCEPT: back-pressure
        self.paused = self.pending.len() > settings.high_water;
        Ok(())
    }

    /// Sends `data` back at once, as much of it as the kernel takes, and keeps the rest for later.
    // CONCEPT: partial-write
    fn answer(&mut self, data: &[u8], write: Write) -> io::Result<()> {
        let mut sent = 0;
        if write == Write::AtOnce && self.pending.is_empty() {
            sent = now_or_later(self.socket.send(data))?.unwrap_or(0);
        }
        let rest = &data[sent..];
        if !rest.is_empty() {
            self.pending.extend(rest);
        }
        Ok(())
    }

    /// The socket can be written: sends from where the last send stopped.
    ///
    /// # Errors
    /// The connection's end.
    // CONCEPT: partial-write
    pub(crate) fn handle_write(&mut self, now: Instant, settings: &Settings) -> io::Result<()> {
        let (front, _) = self.pending.as_slices();
        let Some(sent) = now_or_later(self.socket.send(front))? else {
            return Ok(());
        };
        self.last_active = now;
        self.pending.drain(..sent);
        if self.pending.is_empty() {
            self.pending = VecDeque::new(); // An idle connection keeps no memory.
            self.finish(self.stage);
        }
        // CONCEPT: back-pressure
        self.paused &= self.pending.len() > settings.low_water();
        Ok(())
    }

    /// The server stops: no more is read, what is pending is sent, and unread input does no harm.
    // CONCEPT: graceful-stop
    pub(crate) fn stop(&mut self, buffer: &mut [u8]) {
        if self.stage == Stage::Echoing {
            let unread = self.socket.recv(buffer);
            let nothing_unread = unread.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            let is_idle = nothing_unread && self.pending.is_empty();
            self.finish(if is_idle {
                Stage::Over
            } else {
                Stage::Stopping
            });
        }
    }

    /// Enters the stage, and the one after it when nothing is pending.
    // CONCEPT: half-close
    fn finish(&mut self, stage: Stage) {
        self.stage = match stage {
            Stage::PeerFinished if self.pending.is_empty() => Stage::Over,
            Stage::Stopping if self.pending.is_empty() => match self.socket.finish() {
                Ok(()) => Stage::Draining,
                Err(_) => Stage::Over,
            },
            stage => stage,
        };
    }
}

/// `None` for a call that has to wait for the next time that select finds its socket ready.
fn now_or_later(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        // CONCEPT: readiness
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
