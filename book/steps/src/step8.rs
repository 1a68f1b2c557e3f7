//! Step 8: lines instead of bytes.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::mem;
use std::time::Instant;

use common::net::{ACCEPTS_PER_ITERATION, AcceptError, MOST_ACCEPTED_AT_STOP};
use common::sys::{self, AsDescriptor, Fd, Listener, Stream, check_fits};
use common::{Clock, ConnectionLimit, Lifecycle, Permit, Settings, StopSignal};
use select_echo::{NOTHING, select};
use tracing::warn;

/// Serves until a stop is requested and pending output is sent, or the shutdown timeout has passed.
pub fn serve(
    listener: Listener,
    settings: Settings,
    max_line: usize,
    stop: StopSignal,
) -> io::Result<()> {
    let mut listener = Some(listener);
    let mut stop_at = None;
    let mut connections: BTreeMap<Fd, Connection> = BTreeMap::new();
    let limit = ConnectionLimit::new(settings.max_connections);
    let mut buffer = settings.read_buffer()?;
    let mut clock = Clock::default();
    while stop_at.is_none_or(|at| !connections.is_empty() && !clock.has_passed(at)) {
        let mut inputs = Vec::new();
        if let Some(listener) = &listener {
            inputs.push(stop.descriptor());
            if limit.is_open() {
                inputs.push(listener.descriptor());
            }
        }
        let mut outputs = Vec::new();
        let mut deadlines = Vec::new();
        for connection in connections.values() {
            if connection.readable() {
                inputs.push(connection.socket.descriptor());
            }
            if connection.writable() {
                outputs.push(connection.socket.descriptor());
            }
            deadlines.extend(connection.deadline(&settings));
        }
        deadlines.extend(limit.retry_at());
        deadlines.extend(stop_at);
        let timeout = deadlines.iter().min().map(|next| clock.until(*next));
        let ready = select(&inputs, &outputs, NOTHING, timeout)?;
        clock.waited(true);
        let now = clock.now();
        for fd in &ready.outputs {
            if let Some(connection) = connections.get_mut(fd) {
                connection.handle_write(now, &settings);
            }
        }
        for fd in &ready.inputs {
            if let Some(connection) = connections.get_mut(fd) {
                connection.handle_read(&mut buffer, now, &settings, max_line);
            }
        }
        for connection in connections.values_mut() {
            let deadline = connection.deadline(&settings);
            if deadline.is_some_and(|deadline| clock.has_passed(deadline)) {
                connection.lifecycle = Lifecycle::Closed;
            }
        }
        limit.retry_if_due(now);
        connections.retain(|_, connection| connection.lifecycle != Lifecycle::Closed);
        if let Some(listener) = &listener
            && ready.inputs.contains(&listener.descriptor().number())
        {
            accept(
                listener,
                &limit,
                &mut connections,
                now,
                ACCEPTS_PER_ITERATION,
            );
        }
        if ready.inputs.contains(&stop.descriptor().number()) && stop.is_raised() {
            stop_at = Some(now + settings.shutdown_timeout);
            stop_all(&mut connections, &mut buffer);
            limit.retry_now();
            if let Some(listener) = listener.take() {
                accept(
                    &listener,
                    &limit,
                    &mut connections,
                    now,
                    MOST_ACCEPTED_AT_STOP,
                );
            }
            stop_all(&mut connections, &mut buffer);
        }
    }
    Ok(())
}

/// Accepts the clients that wait, but not more than `most`.
fn accept(
    listener: &Listener,
    limit: &ConnectionLimit,
    connections: &mut BTreeMap<Fd, Connection>,
    now: Instant,
    most: usize,
) {
    for _ in 0..most {
        if !limit.is_open() {
            return;
        }
        match listener.accept() {
            Ok((socket, peer)) => match check_fits(socket.descriptor()) {
                Ok(()) => {
                    let permit = limit.accepted(peer);
                    let fd = socket.descriptor().number();
                    connections.insert(fd, Connection::new(socket, permit, now));
                }
                Err(error) => limit.cannot_watch(peer, &error),
            },
            Err(error) => match limit.accept_failed(&error) {
                AcceptError::WouldBlock | AcceptError::Lasting => return,
                AcceptError::Transient => {}
            },
        }
    }
}

/// Ends the connections in an orderly way: closes those that are done, and flushes the others.
fn stop_all(connections: &mut BTreeMap<Fd, Connection>, buffer: &mut [u8]) {
    for connection in connections.values_mut() {
        connection.handle_stop(buffer);
    }
    connections.retain(|_, connection| connection.lifecycle != Lifecycle::Closed);
}

/// One client. Dropping it closes its socket.
struct Connection {
    socket: Stream,
    /// Its place within the limit, until it is dropped.
    _permit: Permit,
    /// What has come of a line so far.
    line: Vec<u8>,
    pending_output: VecDeque<u8>,
    lifecycle: Lifecycle,
    /// Reading is paused since more than the high-water mark was pending.
    reading_paused: bool,
    /// When a byte last went in or out, or the FIN went out.
    last_active: Instant,
}

impl Connection {
    fn new(socket: Stream, permit: Permit, now: Instant) -> Self {
        Connection {
            socket,
            _permit: permit,
            line: Vec::new(),
            pending_output: VecDeque::new(),
            lifecycle: Lifecycle::Open,
            reading_paused: false,
            last_active: now,
        }
    }

    /// Whether it is watched for reading.
    fn readable(&self) -> bool {
        (self.lifecycle == Lifecycle::Open && !self.reading_paused)
            || self.lifecycle == Lifecycle::Draining
    }

    /// Whether it is watched for writing: it has something to send.
    fn writable(&self) -> bool {
        !self.pending_output.is_empty()
    }

    /// When it is closed, unless a byte goes in or out before.
    fn deadline(&self, settings: &Settings) -> Option<Instant> {
        let limit = match self.lifecycle {
            Lifecycle::Draining => Some(settings.shutdown_timeout),
            _ => settings.idle_timeout,
        };
        limit.map(|limit| self.last_active + limit)
    }

    /// The socket is readable: reads once, and sends back the lines that are complete.
    fn handle_read(
        &mut self,
        buffer: &mut [u8],
        now: Instant,
        settings: &Settings,
        max_line: usize,
    ) {
        match self.socket.recv(buffer) {
            Ok(0) if self.lifecycle == Lifecycle::Open => self.enter(Lifecycle::PeerClosed),
            Ok(0) => self.lifecycle = Lifecycle::Closed,
            Ok(_) if self.lifecycle == Lifecycle::Draining => {} // Discarded.
            Ok(count) => {
                self.last_active = now;
                self.decode(&buffer[..count], max_line);
                if self.writable() {
                    self.handle_write(now, settings);
                }
                self.reading_paused = self.pending_output.len() > settings.high_water;
            }
            Err(error) if is_not_ready(&error) => {}
            Err(_) => self.lifecycle = Lifecycle::Closed,
        }
    }

    /// Takes the complete lines out of what has come, and keeps the beginning of the next one.
    fn decode(&mut self, data: &[u8], max_line: usize) {
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend(piece);
            let is_complete = self.line.ends_with(b"\n");
            if self.line.len() - usize::from(is_complete) > max_line {
                warn!(max_line, "the line is too long");
                self.line = Vec::new();
                return self.enter(Lifecycle::Closing);
            }
            if is_complete {
                self.pending_output.extend(mem::take(&mut self.line));
            }
        }
    }

    /// The socket is writable: sends pending output, as much of it as the kernel takes.
    fn handle_write(&mut self, now: Instant, settings: &Settings) {
        match self.socket.send(self.pending_output.make_contiguous()) {
            Ok(count) => {
                self.last_active = now;
                self.pending_output.drain(..count);
                if self.pending_output.is_empty() {
                    self.pending_output = VecDeque::new(); // An idle connection keeps no memory.
                }
                self.reading_paused &= self.pending_output.len() > settings.low_water();
                self.enter(self.lifecycle); // If nothing is pending any more, the next state follows.
            }
            Err(error) if is_not_ready(&error) => {}
            Err(_) => self.lifecycle = Lifecycle::Closed,
        }
    }

    /// The server stops: no more is read, and pending output is flushed.
    fn handle_stop(&mut self, buffer: &mut [u8]) {
        if self.lifecycle != Lifecycle::Open {
            return;
        }
        // Closing with unread input would send a reset: then it has to drain first.
        let unread = self.socket.recv(buffer);
        let has_unread = !matches!(unread, Err(error) if error.kind() == ErrorKind::WouldBlock);
        self.enter(match has_unread || self.writable() {
            true => Lifecycle::Closing,
            false => Lifecycle::Closed,
        });
    }

    /// Enters this state, or the one after it when nothing is pending.
    fn enter(&mut self, lifecycle: Lifecycle) {
        self.lifecycle = match lifecycle {
            Lifecycle::PeerClosed if self.pending_output.is_empty() => Lifecycle::Closed,
            Lifecycle::Closing if self.pending_output.is_empty() => match self.socket.finish() {
                Ok(()) => {
                    self.last_active = sys::now();
                    Lifecycle::Draining
                }
                Err(_) => Lifecycle::Closed,
            },
            lifecycle => lifecycle,
        };
    }
}

/// Whether the call can succeed later: the next time that select finds its socket ready.
fn is_not_ready(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
