//! The echo server: what a user of this style writes, which is everything.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use common::net::{self, NotAccepted};
use common::{Admission, Settings, StopSignal, sys};

use crate::connection::Connection;
use crate::{FdMap, NOTHING, Ready, check_fits, select};

/// When an answer is sent.
#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Write {
    /// At once after the read; only what the kernel refuses waits for select.
    #[default]
    AtOnce,
    /// When select has found the socket writable, as the textbook's loop does.
    Queued,
}

/// Serves until `stop` is raised and the last answer is delivered, or the grace is over.
///
/// # Errors
/// What select(2) answers, or a listener that does not fit into its sets. A connection's error
/// costs that connection only.
pub fn serve(
    listener: TcpListener,
    settings: Settings,
    write: Write,
    stop: StopSignal,
) -> io::Result<()> {
    let mut server = Server::new(listener, settings, write, stop)?;
    // CONCEPT: who-owns-the-loop
    while server.is_serving() {
        let ready = server.wait()?;
        server.turn(ready);
    }
    Ok(())
}

struct Server {
    /// Closed when the server stops.
    listener: Option<TcpListener>,
    stop: StopSignal,
    settings: Settings,
    write: Write,
    admission: Admission,
    connections: FdMap<Connection>,
    /// The one read buffer: bytes stay in it only from the read to the write after it.
    buffer: Vec<u8>,
    /// Set once the server was asked to stop: the time at which it does, whatever is still owed.
    stop_at: Option<Instant>,
}

impl Server {
    fn new(
        listener: TcpListener,
        settings: Settings,
        write: Write,
        stop: StopSignal,
    ) -> io::Result<Self> {
        check_fits(&listener)?;
        check_fits(&stop)?;
        Ok(Server {
            listener: Some(listener),
            stop,
            write,
            admission: Admission::new(settings.max_connections),
            connections: FdMap::new(),
            buffer: vec![0; settings.recv_size],
            settings,
            stop_at: None,
        })
    }

    fn is_serving(&self) -> bool {
        match self.stop_at {
            None => true,
            Some(stop_at) => self.admission.connections() > 0 && Instant::now() < stop_at,
        }
    }

    /// Makes the lists anew from the map, so that a closed socket cannot be left in them, and
    /// waits.
    // CONCEPT: scaling
    fn wait(&self) -> io::Result<Ready> {
        let mut inputs: Vec<BorrowedFd> = Vec::with_capacity(2 + self.admission.connections());
        let mut outputs: Vec<BorrowedFd> = Vec::new();
        if let Some(listener) = &self.listener {
            inputs.push(self.stop.as_fd());
            if self.admission.is_open() {
                inputs.push(listener.as_fd());
            }
        }
        for connection in self.connections.values() {
            if connection.wants_to_read() {
                inputs.push(connection.as_fd());
            }
            if connection.wants_to_write() {
                outputs.push(connection.as_fd());
            }
        }
        select(&inputs, &outputs, NOTHING, self.timeout())
    }

    /// How long select may wait: until the next thing is due that no descriptor tells of.
    // CONCEPT: timers
    fn timeout(&self) -> Option<Duration> {
        let mut next = self.stop_at.or(self.admission.retry_at());
        if let Some(idle_timeout) = self.settings.idle_timeout {
            let first_idle = self
                .connections
                .values()
                .map(|connection| connection.last_active + idle_timeout)
                .min();
            next = [next, first_idle].into_iter().flatten().min();
        }
        next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    /// Does what select found to be possible. The listener comes last: a descriptor that is closed
    /// in this turn and given to a new connection is not in `ready` any more.
    // CONCEPT: stale-events
    fn turn(&mut self, ready: Ready) {
        let now = Instant::now();
        for fd in ready.outputs {
            let Some(connection) = self.connections.get_mut(fd) else {
                continue;
            };
            let handled = connection.handle_write(&self.settings);
            connection.last_active = now;
            if handled.is_err() || connection.is_over() {
                self.close(fd, handled);
            }
        }
        let (mut stop, mut accept) = (false, false);
        for fd in ready.inputs {
            if let Some(connection) = self.connections.get_mut(fd) {
                let handled = connection.handle_read(&mut self.buffer, self.write, &self.settings);
                connection.last_active = now;
                if handled.is_err() || connection.is_over() {
                    self.close(fd, handled);
                }
            } else {
                stop |= fd == self.stop.as_fd().as_raw_fd();
                accept |= self
                    .listener
                    .as_ref()
                    .is_some_and(|listener| fd == listener.as_raw_fd());
            }
        }
        self.close_idle(now);
        self.admission.retry_if_due(now);
        if stop && self.stop.is_raised() {
            self.begin_to_stop(now);
        } else if accept {
            self.accept(now);
        }
    }

    // CONCEPT: descriptors
    fn accept(&mut self, now: Instant) {
        let Some(listener) = &self.listener else {
            return;
        };
        for _ in 0..net::ACCEPTS_PER_TURN {
            if !self.admission.is_open() {
                return;
            }
            // CONCEPT: accept
            match sys::accept(listener, net::accept) {
                Ok((socket, peer)) => match check_fits(&socket) {
                    Ok(()) => {
                        self.admission.connected(peer);
                        self.connections
                            .insert(socket.as_raw_fd(), Connection::new(socket, peer, now));
                    }
                    Err(error) => self.admission.refused(peer, &error),
                },
                Err(error) => match NotAccepted::from(&error) {
                    NotAccepted::NobodyWaits => return,
                    NotAccepted::TryNext => {}
                    NotAccepted::OutOfResources => return self.admission.out_of_resources(&error),
                },
            }
        }
    }

    /// Closes a connection that has ended in an orderly way, or with an error.
    // CONCEPT: isolation
    fn close(&mut self, fd: RawFd, end: io::Result<()>) {
        let Some(connection) = self.connections.remove(fd) else {
            return;
        };
        let peer = connection.peer;
        sys::close(connection);
        let why = end.map_or_else(|error| error.to_string(), |()| "finished".to_owned());
        self.admission.disconnected(peer, why);
    }

    // CONCEPT: timers
    fn close_idle(&mut self, now: Instant) {
        let Some(idle_timeout) = self.settings.idle_timeout else {
            return;
        };
        let is_idle = |connection: &Connection| now - connection.last_active >= idle_timeout;
        for fd in self.connections.fds_where(is_idle) {
            self.close(fd, Err(io::Error::other("idle for too long")));
        }
    }

    // CONCEPT: graceful-stop
    fn begin_to_stop(&mut self, now: Instant) {
        self.stop_at = Some(now + self.settings.grace);
        self.listener = None;
        for fd in self.connections.fds_where(|_| true) {
            let Some(connection) = self.connections.get_mut(fd) else {
                continue;
            };
            connection.stop(&mut self.buffer);
            if connection.is_over() {
                self.close(fd, Ok(()));
            }
        }
    }
}
