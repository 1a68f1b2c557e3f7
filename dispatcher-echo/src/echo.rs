//! The echo server: all that a user of this style writes. (`sys::trace_handler` only writes a line
//! for the option `--trace`.)

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use common::sys::{self, Listener, Stream};
use common::{ConnectionLimit, Lifecycle, Permit, Settings, StopSignal};

use crate::{Channel, Dispatcher, DispatcherWithSend, SocketMap};

/// Serves until `stop` is raised and all output is sent, or the shutdown timeout is over.
///
/// # Errors
/// The errors of [`server`] and [`Server::serve`].
pub fn serve(listener: Listener, settings: Settings, stop: StopSignal) -> io::Result<()> {
    server(listener, settings, stop)?.serve()
}

/// Allocates everything that the server needs, so that [`Server::serve`] can't fail later because
/// memory or descriptors have run out.
///
/// # Errors
/// No descriptor for the [`Poll`](common::sys::Poll) or the stop signal, no memory for the read
/// buffer, or an error of registering the listener with the kernel.
pub fn server(listener: Listener, settings: Settings, stop: StopSignal) -> io::Result<Server> {
    let limit = ConnectionLimit::new(settings.max_connections);
    let settings = Rc::new(settings);
    let mut map = SocketMap::new(settings.read_buffer()?)?;
    let object = EchoServer {
        limit: limit.clone(), // The same limit: clones share the count.
        settings: Rc::clone(&settings),
    };
    map.open_listener(listener, object)?;
    // The map owns what it watches, and the handler reads `stop`, so the map gets a duplicate.
    let pipe = stop.try_clone_file()?;
    let object = StopHandler {
        stop,
        limit: limit.clone(),
        settings: Rc::clone(&settings),
    };
    map.open_file(pipe, object)?;
    Ok(Server {
        map,
        limit,
        settings,
    })
}

/// The server: a map of its objects, and the loop over it.
pub struct Server {
    map: SocketMap,
    limit: ConnectionLimit,
    settings: Rc<Settings>,
}

impl Server {
    /// Runs the loop until the stop signal is raised and all output is sent, or the shutdown
    /// timeout is over.
    ///
    /// # Errors
    /// The errors of [`SocketMap::poll`]. A connection's error ends only that connection.
    // CONCEPT: who-owns-the-loop
    pub fn serve(mut self) -> io::Result<()> {
        let mut next_look = None;
        while !self.map.is_empty() {
            let next = [next_look, self.limit.retry_at()];
            let next = next.into_iter().flatten().min();
            let clock = self.map.clock();
            self.map.poll(next.map(|next| clock.until(next)))?;
            self.limit.retry_if_due(self.map.clock().now());
            // CONCEPT: timers
            if let Some(idle_timeout) = self.settings.idle_timeout {
                next_look = self.map.expire(idle_timeout);
            }
        }
        Ok(())
    }
}

/// The object that handles the listener's events.
struct EchoServer {
    limit: ConnectionLimit,
    settings: Rc<Settings>,
}

impl Dispatcher for EchoServer {
    // CONCEPT: descriptors
    fn readable(&self) -> bool {
        self.limit.is_open()
    }

    // CONCEPT: accept
    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        peer: SocketAddr,
    ) -> io::Result<()> {
        sys::trace_handler("handle_accepted");
        let permit = self.limit.accepted(peer);
        channel.open(socket, EchoHandler::new(permit, Rc::clone(&self.settings)))?;
        Ok(())
    }

    // CONCEPT: descriptors
    fn handle_error(&mut self, _: &mut Channel, error: io::Error) {
        self.limit.accept_failed(&error);
    }
}

/// The object that handles one client's events.
struct EchoHandler {
    /// Dropped after the socket, which the map owns.
    permit: Permit,
    output: DispatcherWithSend,
    lifecycle: Lifecycle,
    /// Reading is paused because more than the high-water mark was pending.
    reading_paused: bool,
    settings: Rc<Settings>,
}

impl EchoHandler {
    fn new(permit: Permit, settings: Rc<Settings>) -> Self {
        EchoHandler {
            permit,
            output: DispatcherWithSend::default(),
            lifecycle: Lifecycle::Open,
            reading_paused: false,
            settings,
        }
    }
}

impl Dispatcher for EchoHandler {
    fn readable(&self) -> bool {
        self.lifecycle == Lifecycle::Open && !self.reading_paused
    }

    fn writable(&self) -> bool {
        self.output.writable()
    }

    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::trace_handler("handle_read");
        // Empty at the end of the stream: the loop calls `handle_close` after this handler.
        let data = channel.recv(self.settings.recv_size)?;
        self.output.send(channel, data)?;
        // CONCEPT: back-pressure
        self.reading_paused = self.output.pending_output() > self.settings.high_water;
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::trace_handler("handle_write");
        self.output.initiate_send(channel)?;
        // CONCEPT: back-pressure
        self.reading_paused &= self.output.pending_output() > self.settings.low_water();
        // Move to the next state if nothing is pending any more.
        self.enter(self.lifecycle, channel);
        Ok(())
    }

    // CONCEPT: half-close
    fn handle_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::trace_handler("handle_close");
        if let Some(error) = channel.take_error() {
            self.permit.failed(error);
        }
        self.enter(Lifecycle::PeerClosed, channel);
        Ok(())
    }

    // CONCEPT: graceful-stop
    fn handle_stop(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::trace_handler("handle_stop");
        if self.lifecycle != Lifecycle::Open {
            return Ok(());
        }
        // Closing with unread input would send a reset, so drain first.
        let is_idle = self.output.pending_output() == 0 && !channel.discard_unread();
        let next = match is_idle {
            true => Lifecycle::Closed,
            false => Lifecycle::Closing,
        };
        self.enter(next, channel);
        Ok(())
    }

    // CONCEPT: isolation
    fn handle_error(&mut self, channel: &mut Channel, error: io::Error) {
        self.permit.failed(error);
        channel.close();
    }
}

impl EchoHandler {
    /// Enters `lifecycle`, or the state after it if nothing is pending. The map does the rest.
    fn enter(&mut self, lifecycle: Lifecycle, channel: &mut Channel) {
        self.lifecycle = match lifecycle {
            Lifecycle::PeerClosed if self.output.pending_output() == 0 => Lifecycle::Closed,
            Lifecycle::Closing if self.output.pending_output() == 0 => Lifecycle::Draining,
            lifecycle => lifecycle,
        };
        match self.lifecycle {
            Lifecycle::Draining => channel.drain(self.settings.shutdown_timeout),
            Lifecycle::Closed => channel.close(),
            _ => {}
        }
    }
}

/// The object that handles the stop signal's pipe.
struct StopHandler {
    stop: StopSignal,
    limit: ConnectionLimit,
    settings: Rc<Settings>,
}

impl Dispatcher for StopHandler {
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        if self.stop.is_raised() {
            self.limit.retry_now();
            channel.stop_all(self.settings.shutdown_timeout);
        }
        Ok(())
    }
}
