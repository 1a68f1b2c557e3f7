//! One client: its socket, and what was read from it but not yet sent back.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Instant;

use common::sys::{self, AsDescriptor, Descriptor, Stream};
use common::{Permit, Settings};

use crate::echo::Write;

/// Where a connection is in its life: what the server still does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifecycle {
    /// It reads, and sends back.
    Open,
    /// The peer has sent its last byte: send pending output, then close.
    PeerClosed,
    /// The server is stopping: send pending output, then say that there will be no more.
    Closing,
    /// That was said. Read and discard until the peer closes too: closing with unread input would
    /// send a reset, which can destroy the answer that is still on its way.
    Draining,
    /// Nothing more is to be done.
    Closed,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Stream,
    /// Dropped after the socket.
    pub(crate) permit: Permit,
    pending_output: VecDeque<u8>,
    lifecycle: Lifecycle,
    /// Reading is paused since more than the high-water mark was pending.
    reading_paused: bool,
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
        let (pending_output, lifecycle) = (VecDeque::new(), Lifecycle::Open);
        Connection {
            socket,
            permit,
            pending_output,
            lifecycle,
            reading_paused: false,
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
        self.lifecycle == Lifecycle::Open && !self.reading_paused
            || self.lifecycle == Lifecycle::Draining
    }

    /// Whether it belongs into the list of outputs. Left in there with nothing to send, it would
    /// never let select wait.
    // CONCEPT: level-and-edge
    pub(crate) fn wants_to_write(&self) -> bool {
        !self.pending_output.is_empty()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lifecycle == Lifecycle::Closed
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
        let Some(count) = now_or_later(self.socket.recv(sys::read_window(buffer)))? else {
            return Ok(());
        };
        self.last_active = now;
        match (count, self.lifecycle) {
            (0, Lifecycle::Draining) => self.lifecycle = Lifecycle::Closed,
            (0, _) => self.finish(Lifecycle::PeerClosed),
            (_, Lifecycle::Draining) => {}
            (_, _) => self.answer(&buffer[..count], write)?,
        }
        // CONCEPT: back-pressure
        self.reading_paused = self.pending_output.len() > settings.high_water;
        Ok(())
    }

    /// Sends `data` back at once, as much of it as the kernel takes, and keeps the rest for later.
    // CONCEPT: partial-write
    fn answer(&mut self, data: &[u8], write: Write) -> io::Result<()> {
        let mut sent = 0;
        if write == Write::AtOnce && self.pending_output.is_empty() {
            sent = now_or_later(self.socket.send(data))?.unwrap_or(0);
        }
        let rest = &data[sent..];
        if !rest.is_empty() {
            self.pending_output.extend(rest);
        }
        Ok(())
    }

    /// The socket can be written: sends from where the last send stopped.
    ///
    /// # Errors
    /// The connection's end.
    // CONCEPT: partial-write
    pub(crate) fn handle_write(&mut self, now: Instant, settings: &Settings) -> io::Result<()> {
        let (front, _) = self.pending_output.as_slices();
        let Some(sent) = now_or_later(self.socket.send(front))? else {
            return Ok(());
        };
        self.last_active = now;
        self.pending_output.drain(..sent);
        if self.pending_output.is_empty() {
            self.pending_output = VecDeque::new(); // An idle connection keeps no memory.
            self.finish(self.lifecycle);
        }
        // CONCEPT: back-pressure
        self.reading_paused &= self.pending_output.len() > settings.low_water();
        Ok(())
    }

    /// The server stops: no more is read, pending output is sent, and unread input does no harm.
    // CONCEPT: graceful-stop
    pub(crate) fn stop(&mut self, buffer: &mut [u8]) {
        if self.lifecycle == Lifecycle::Open {
            let unread = self.socket.recv(buffer);
            let nothing_unread = unread.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            let is_idle = nothing_unread && self.pending_output.is_empty();
            self.finish(if is_idle {
                Lifecycle::Closed
            } else {
                Lifecycle::Closing
            });
        }
    }

    /// Enters this state, and the one after it when nothing is pending.
    // CONCEPT: half-close
    fn finish(&mut self, lifecycle: Lifecycle) {
        self.lifecycle = match lifecycle {
            Lifecycle::PeerClosed if self.pending_output.is_empty() => Lifecycle::Closed,
            Lifecycle::Closing if self.pending_output.is_empty() => match self.socket.finish() {
                Ok(()) => Lifecycle::Draining,
                Err(_) => Lifecycle::Closed,
            },
            lifecycle => lifecycle,
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
