//! The echo server: what a user of this style writes, which is everything.

use std::io;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use common::net::{self, AcceptError};
use common::sys::{AsDescriptor, Descriptor, Fd, Listener, check_fits};
use common::{Clock, ConnectionLimit, Settings, StopSignal};

use crate::connection::Connection;
use crate::{FdMap, NOTHING, Ready, select};

/// When an answer is sent.
#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Write {
    /// At once after the read; only what the kernel refuses waits for select.
    #[default]
    AtOnce,
    /// When select has found the socket writable, as the textbook's loop does.
    Queued,
}

/// Serves until `stop` is raised and the last answer is delivered, or the shutdown timeout is over.
///
/// # Errors
/// What select(2) answers, or a listener that does not fit into its sets. A connection's error
/// costs that connection only.
pub fn serve(
    listener: Listener,
    settings: Settings,
    write: Write,
    stop: StopSignal,
) -> io::Result<()> {
    Server::new(listener, settings, write, stop)?.serve()
}

/// The server: its listener, its connections, and the loop over them.
#[derive(Debug)]
pub struct Server {
    /// Closed when the server stops.
    listener: Option<Listener>,
    stop: StopSignal,
    settings: Settings,
    write: Write,
    limit: ConnectionLimit,
    connections: FdMap<Connection>,
    /// The one read buffer: bytes stay in it only from the read to the write after it.
    buffer: Vec<u8>,
    clock: Clock,
    /// Set once the server was asked to stop: the time at which it does, whatever output is still pending.
    stop_at: Option<Instant>,
}

impl Server {
    /// Makes everything that the server needs, so that [`serve`](Self::serve) can't fail for want
    /// of memory or descriptors.
    ///
    /// # Errors
    /// `InvalidInput` for a listener or a stop signal that select(2) can't watch, or no memory for
    /// the read buffer.
    pub fn new(
        listener: Listener,
        settings: Settings,
        write: Write,
        stop: StopSignal,
    ) -> io::Result<Self> {
        check_fits(listener.descriptor())?;
        check_fits(stop.descriptor())?;
        Ok(Server {
            listener: Some(listener),
            stop,
            write,
            limit: ConnectionLimit::new(settings.max_connections),
            connections: FdMap::new(),
            buffer: settings.read_buffer()?,
            settings,
            clock: Clock::default(),
            stop_at: None,
        })
    }

    /// Serves until it is asked to stop and has nothing left to send, or its time for that is over.
    ///
    /// # Errors
    /// What select(2) returns.
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

    /// Makes the lists anew from the map, so that a closed socket cannot be left in them, and
    /// waits.
    // CONCEPT: scaling
    fn wait(&self) -> io::Result<Ready> {
        let mut inputs: Vec<Descriptor> = Vec::with_capacity(2 + self.limit.connections());
        let mut outputs: Vec<Descriptor> = Vec::new();
        if let Some(listener) = &self.listener {
            inputs.push(self.stop.descriptor());
            if self.limit.is_open() {
                inputs.push(listener.descriptor());
            }
        }
        for connection in self.connections.values() {
            if connection.wants_to_read() {
                inputs.push(connection.descriptor());
            }
            if connection.wants_to_write() {
                outputs.push(connection.descriptor());
            }
        }
        select(&inputs, &outputs, NOTHING, self.timeout())
    }

    /// How long select may wait: until the next thing is due that no descriptor tells of.
    // CONCEPT: timers
    fn timeout(&self) -> Option<Duration> {
        let mut next = self.stop_at.or(self.limit.retry_at());
        if let Some(idle_timeout) = self.settings.idle_timeout {
            let first_idle = self
                .connections
                .values()
                .map(|connection| connection.last_active + idle_timeout)
                .min();
            next = [next, first_idle].into_iter().flatten().min();
        }
        next.map(|next| self.clock.until(next))
    }

    /// Does what select found to be possible. The listener comes last: a descriptor that is closed
    /// in this iteration and given to a new connection is not in `ready` any more.
    // CONCEPT: stale-events
    fn dispatch(&mut self, ready: Ready) {
        let now = self.clock.now();
        for fd in ready.outputs {
            let Some(connection) = self.connections.get_mut(fd) else {
                continue;
            };
            let handled = connection.handle_write(now, &self.settings);
            if handled.is_err() || connection.is_closed() {
                self.close(fd, handled);
            }
        }
        let (mut stop, mut accept) = (false, false);
        for fd in ready.inputs {
            if let Some(connection) = self.connections.get_mut(fd) {
                let handled =
                    connection.handle_read(&mut self.buffer, self.write, now, &self.settings);
                if handled.is_err() || connection.is_closed() {
                    self.close(fd, handled);
                }
            } else {
                stop |= fd == self.stop.descriptor().number();
                accept |= self
                    .listener
                    .as_ref()
                    .is_some_and(|listener| fd == listener.descriptor().number());
            }
        }
        self.close_idle();
        self.limit.retry_if_due(now);
        if accept {
            self.accept(net::ACCEPTS_PER_ITERATION);
        }
        if stop && self.stop.is_raised() {
            self.begin_to_stop();
        }
    }

    /// Accepts the clients that wait, but not more than `most`.
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

    /// Closes a connection that has ended in an orderly way, or with an error.
    // CONCEPT: isolation
    fn close(&mut self, fd: Fd, end: io::Result<()>) {
        let Some(mut connection) = self.connections.remove(fd) else {
            return;
        };
        if let Err(error) = end {
            connection.permit.failed(error);
        }
        connection.close();
    }

    // CONCEPT: timers
    fn close_idle(&mut self) {
        let Some(idle_timeout) = self.settings.idle_timeout else {
            return;
        };
        let clock = self.clock;
        let is_idle =
            |connection: &Connection| clock.has_passed(connection.last_active + idle_timeout);
        for fd in self.connections.fds_where(is_idle) {
            self.close(fd, Err(io::Error::other("idle for too long")));
        }
    }

    /// Ends all connections in an orderly way, and closes the listener. Clients that wait in its
    /// queue would be reset with it, so the server accepts them first and ends them like the
    /// others.
    // CONCEPT: graceful-stop
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
            connection.stop(&mut self.buffer);
            if connection.is_closed() {
                self.close(fd, Ok(()));
            }
        }
    }
}
