//! The echo server. A user of this style writes all of this.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use common::net::{self, AcceptError};
use common::sys::{self, AsDescriptor, Descriptor, Fd, Listener, Stream, check_fits};
use common::{Clock, ConnectionLimit, Lifecycle, Permit, SendPolicy, Settings, StopSignal};

use crate::{FdMap, NOTHING, Ready, select};

/// Serves until `stop` is raised and all output is sent, or the shutdown timeout is over.
///
/// # Errors
/// The errors of [`server`] and [`Server::serve`].
pub fn serve(
    listener: Listener,
    settings: Settings,
    policy: SendPolicy,
    stop: StopSignal,
) -> io::Result<()> {
    server(listener, settings, policy, stop)?.serve()
}

/// Allocates everything that the server needs, so that [`Server::serve`] can't fail later because
/// memory or descriptors have run out.
///
/// # Errors
/// `InvalidInput` if select(2) can't watch the listener or the stop signal; an error if there is no
/// memory for the read buffer.
pub fn server(
    listener: Listener,
    settings: Settings,
    policy: SendPolicy,
    stop: StopSignal,
) -> io::Result<Server> {
    check_fits(listener.descriptor())?;
    check_fits(stop.descriptor())?;
    Ok(Server {
        listener: Some(listener),
        stop,
        limit: ConnectionLimit::new(settings.max_connections),
        connections: FdMap::new(),
        buffer: settings.read_buffer()?,
        policy,
        settings,
        clock: Clock::default(),
        stop_at: None,
    })
}

/// The server: a map of its connections, and the loop over it.
#[derive(Debug)]
pub struct Server {
    /// Closed when the server stops.
    listener: Option<Listener>,
    stop: StopSignal,
    limit: ConnectionLimit,
    connections: FdMap<Connection>,
    /// The only read buffer. Bytes stay in it from the read until the write after it.
    buffer: Vec<u8>,
    policy: SendPolicy,
    settings: Settings,
    clock: Clock,
    /// Set when the server begins to stop: the time at which it ends, even if output is still
    /// pending.
    stop_at: Option<Instant>,
}

impl Server {
    /// Runs the loop until the stop signal is raised and all output is sent, or the shutdown
    /// timeout is over.
    ///
    /// # Errors
    /// The errors of select(2). A connection's error ends only that connection.
    // CONCEPT: who-owns-the-loop
    pub fn serve(mut self) -> io::Result<()> {
        while self.is_serving() {
            let ready = self.wait()?;
            self.clock.waited(true);
            self.dispatch(ready);
        }
        for fd in self.connections.fds_where(|_| true) {
            self.close(
                fd,
                Err(io::Error::other("not finished within the shutdown timeout")),
            );
        }
        Ok(())
    }

    fn is_serving(&self) -> bool {
        match self.stop_at {
            None => true,
            Some(stop_at) => self.limit.connections() > 0 && !self.clock.has_passed(stop_at),
        }
    }

    /// Builds the lists from the map again, so that they can't contain a closed socket, and then
    /// waits.
    // CONCEPT: scaling
    fn wait(&self) -> io::Result<Ready> {
        let mut inputs: Vec<Descriptor> = Vec::with_capacity(2 + self.limit.connections());
        let mut outputs: Vec<Descriptor> = Vec::new();
        // The server watches both until it begins to stop.
        if let Some(listener) = &self.listener {
            inputs.push(self.stop.descriptor());
            if self.limit.is_open() {
                inputs.push(listener.descriptor());
            }
        }
        for connection in self.connections.values() {
            if connection.readable() {
                inputs.push(connection.descriptor());
            }
            if connection.writable() {
                outputs.push(connection.descriptor());
            }
        }
        select(&inputs, &outputs, NOTHING, self.timeout())
    }

    /// How long select can wait: until the next deadline, which no descriptor reports.
    // CONCEPT: timers
    fn timeout(&self) -> Option<Duration> {
        let first_silent = self.settings.idle_timeout.and_then(|idle_timeout| {
            let connections = self.connections.values();
            connections
                .map(|connection| connection.last_active + idle_timeout)
                .min()
        });
        let next = [self.stop_at, self.limit.retry_at(), first_silent];
        let next = next.into_iter().flatten().min();
        next.map(|next| self.clock.until(next))
    }

    /// Acts on what select found ready. The listener comes last, so that no descriptor that is
    /// closed in this iteration is reused before all of `ready` is handled.
    // CONCEPT: stale-events
    fn dispatch(&mut self, ready: Ready) {
        let now = self.clock.now();
        for fd in ready.outputs {
            let Some(connection) = self.connections.get_mut(fd) else {
                continue;
            };
            let handled = connection.handle_write(now, &self.settings);
            if handled.is_err() || connection.lifecycle == Lifecycle::Closed {
                self.close(fd, handled);
            }
        }
        let (mut stop_is_ready, mut listener_is_ready) = (false, false);
        for fd in ready.inputs {
            if let Some(connection) = self.connections.get_mut(fd) {
                let handled =
                    connection.handle_read(&mut self.buffer, self.policy, now, &self.settings);
                if handled.is_err() || connection.lifecycle == Lifecycle::Closed {
                    self.close(fd, handled);
                }
            } else {
                stop_is_ready |= fd == self.stop.descriptor().number();
                listener_is_ready |= self
                    .listener
                    .as_ref()
                    .is_some_and(|listener| fd == listener.descriptor().number());
            }
        }
        self.limit.retry_if_due(now);
        self.close_silent();
        if listener_is_ready {
            self.accept(net::ACCEPTS_PER_ITERATION);
        }
        if stop_is_ready && self.stop.is_raised() {
            self.begin_to_stop();
        }
    }

    /// Accepts the clients in the queue, at most `most` of them.
    // CONCEPT: descriptors
    fn accept(&mut self, most: usize) {
        let Some(listener) = &self.listener else {
            return;
        };
        for _ in 0..most {
            if !self.limit.is_open() {
                return;
            }
            // CONCEPT: accept
            match listener.accept() {
                Ok((socket, peer)) => match check_fits(socket.descriptor()) {
                    Ok(()) => {
                        let permit = self.limit.accepted(peer);
                        let connection = Connection::new(socket, permit, self.clock.now());
                        let fd = connection.descriptor().number();
                        self.connections.insert(fd, connection);
                    }
                    Err(error) => {
                        socket.close();
                        self.limit.cannot_watch(peer, &error);
                    }
                },
                Err(error) => match self.limit.accept_failed(&error) {
                    AcceptError::WouldBlock | AcceptError::Lasting => return,
                    AcceptError::Transient => {}
                },
            }
        }
    }
}

/// One client: its socket, and the bytes that were read from it but not yet sent back.
#[derive(Debug)]
struct Connection {
    socket: Stream,
    /// Dropped after the socket.
    permit: Permit,
    pending_output: VecDeque<u8>,
    lifecycle: Lifecycle,
    /// Reading is paused because more than the high-water mark was pending.
    reading_paused: bool,
    /// When a byte was last read or sent.
    last_active: Instant,
}

impl AsDescriptor for Connection {
    fn descriptor(&self) -> Descriptor<'_> {
        self.socket.descriptor()
    }
}

impl Connection {
    fn new(socket: Stream, permit: Permit, now: Instant) -> Self {
        Connection {
            socket,
            permit,
            pending_output: VecDeque::new(),
            lifecycle: Lifecycle::Open,
            reading_paused: false,
            last_active: now,
        }
    }

    /// Whether to put this connection in the list of inputs.
    fn readable(&self) -> bool {
        (self.lifecycle == Lifecycle::Open && !self.reading_paused)
            || self.lifecycle == Lifecycle::Draining
    }

    /// Whether to put this connection in the list of outputs. If it were in there with nothing to
    /// send, select would return at once, every time.
    // CONCEPT: level-and-edge
    fn writable(&self) -> bool {
        !self.pending_output.is_empty()
    }

    /// Called when the socket is readable. Reads once, so that a flood can't delay the others.
    ///
    /// # Errors
    /// The connection's error, if it didn't end in an orderly way.
    // CONCEPT: fairness
    fn handle_read(
        &mut self,
        buffer: &mut [u8],
        policy: SendPolicy,
        now: Instant,
        settings: &Settings,
    ) -> io::Result<()> {
        let Some(count) = now_or_later(self.socket.recv(sys::read_window(buffer)))? else {
            return Ok(());
        };
        self.last_active = now;
        match (count, self.lifecycle) {
            (0, _) => self.handle_close(),
            (_, Lifecycle::Draining) => {}
            (_, _) => self.answer(&buffer[..count], policy)?,
        }
        // CONCEPT: back-pressure
        self.reading_paused = self.pending_output.len() > settings.high_water;
        Ok(())
    }

    /// Sends as much of `data` as the kernel takes now, and keeps the rest for later.
    // CONCEPT: partial-write
    fn answer(&mut self, data: &[u8], policy: SendPolicy) -> io::Result<()> {
        let mut sent = 0;
        if policy == SendPolicy::AtOnce && self.pending_output.is_empty() {
            sent = now_or_later(self.socket.send(data))?.unwrap_or(0);
        }
        if sent < data.len() {
            // Usually nothing is left. Extending by nothing would cost 43 instructions of 230.
            self.pending_output.extend(&data[sent..]);
        }
        Ok(())
    }

    /// Called when the socket is writable. Continues where the last send stopped.
    ///
    /// # Errors
    /// The connection's error.
    // CONCEPT: partial-write
    fn handle_write(&mut self, now: Instant, settings: &Settings) -> io::Result<()> {
        let pending = self.pending_output.make_contiguous(); // One send for all of it.
        let Some(sent) = now_or_later(self.socket.send(pending))? else {
            return Ok(());
        };
        self.last_active = now;
        self.pending_output.drain(..sent);
        if self.pending_output.is_empty() {
            self.pending_output = VecDeque::new(); // An idle connection keeps no memory.
        }
        // CONCEPT: back-pressure
        self.reading_paused &= self.pending_output.len() > settings.low_water();
        self.enter(self.lifecycle); // Moves to the next state if nothing is pending any more.
        Ok(())
    }

    /// Called when the peer has sent its last byte.
    // CONCEPT: half-close
    fn handle_close(&mut self) {
        self.enter(match self.lifecycle {
            Lifecycle::Draining => Lifecycle::Closed,
            _ => Lifecycle::PeerClosed,
        });
    }

    /// The server stops: it reads no more from this client, and sends the pending output.
    // CONCEPT: graceful-stop
    fn handle_stop(&mut self, buffer: &mut [u8]) {
        if self.lifecycle != Lifecycle::Open {
            return;
        }
        // Closing with unread input would send a reset, so drain first.
        let is_idle = self.pending_output.is_empty() && !self.discard_unread(buffer);
        self.enter(match is_idle {
            true => Lifecycle::Closed,
            false => Lifecycle::Closing,
        });
    }

    /// Reads and discards input, at most one buffer of it, and returns whether there was
    /// any. If a signal interrupts the read, that's unknown, and `true` is the safe answer.
    fn discard_unread(&self, buffer: &mut [u8]) -> bool {
        !matches!(self.socket.recv(buffer), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Enters `lifecycle`, or the state after it if nothing is pending.
    fn enter(&mut self, lifecycle: Lifecycle) {
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

/// Returns `None` if the call has to wait until select finds its socket ready again.
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

impl Server {
    /// Ends all connections in an orderly way, and closes the listener. Closing the listener would
    /// reset the clients in its queue, so the server accepts them first and ends them like the
    /// others.
    fn begin_to_stop(&mut self) {
        self.stop_at = Some(self.clock.now() + self.settings.shutdown_timeout);
        self.stop_connections();
        self.limit.retry_now();
        self.accept(net::MOST_ACCEPTED_AT_STOP);
        if let Some(listener) = self.listener.take() {
            listener.close();
        }
        self.stop_connections();
    }

    fn stop_connections(&mut self) {
        for fd in self.connections.fds_where(|_| true) {
            let Some(connection) = self.connections.get_mut(fd) else {
                continue;
            };
            connection.handle_stop(&mut self.buffer);
            if connection.lifecycle == Lifecycle::Closed {
                self.close(fd, Ok(()));
            }
        }
    }

    // CONCEPT: timers
    fn close_silent(&mut self) {
        let Some(idle_timeout) = self.settings.idle_timeout else {
            return;
        };
        let clock = self.clock;
        let is_silent =
            |connection: &Connection| clock.has_passed(connection.last_active + idle_timeout);
        for fd in self.connections.fds_where(is_silent) {
            self.close(fd, Err(io::Error::other("idle for too long")));
        }
    }

    /// Closes a connection that has ended, in an orderly way or with an error.
    // CONCEPT: isolation
    fn close(&mut self, fd: Fd, end: io::Result<()>) {
        let Some(mut connection) = self.connections.remove(fd) else {
            return;
        };
        if let Err(error) = end {
            connection.permit.failed(error);
        }
        connection.socket.close(); // First the socket, then its permit.
    }
}
