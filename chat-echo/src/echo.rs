//! The echo server: all that a user of this style writes. `Server` and `StopHandler` are the same
//! as in the dispatcher style, word for word. (`sys::trace_handler` only writes a line for the
//! option `--trace`.)

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::rc::Rc;

use common::sys::{self, Listener, Stream};
use common::{ConnectionLimit, Permit, Settings, StopSignal};
use dispatcher_echo::{Channel, Dispatcher, SocketMap};
use tracing::warn;

use crate::{AsyncChat, Chat, ChatChannel, Terminator};

/// Serves until `stop` is raised and all output is sent, or the shutdown timeout is over.
/// A line longer than `max_line` bytes (without its `\n`) ends its connection.
///
/// # Errors
/// The errors of [`server`] and [`Server::serve`].
pub fn serve(
    listener: Listener,
    settings: Settings,
    max_line: usize,
    stop: StopSignal,
) -> io::Result<()> {
    server(listener, settings, max_line, stop)?.serve()
}

/// Allocates everything that the server needs, so that [`Server::serve`] can't fail later because
/// memory or descriptors have run out.
///
/// # Errors
/// No descriptor for the [`Poll`](common::sys::Poll) or the stop signal, no memory for the read
/// buffer, or an error of registering the listener with the kernel.
pub fn server(
    listener: Listener,
    settings: Settings,
    max_line: usize,
    stop: StopSignal,
) -> io::Result<Server> {
    let limit = ConnectionLimit::new(settings.max_connections);
    let settings = Rc::new(settings);
    let mut map = SocketMap::new(settings.read_buffer()?)?;
    let object = EchoServer {
        limit: limit.clone(), // The same limit: clones share the count.
        max_line,
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
    max_line: usize,
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
        let object = EchoChat::new(permit, self.max_line);
        let terminator = Terminator::Bytes(b"\n".into());
        let chat = Chat::new(object, terminator, Rc::clone(&self.settings));
        channel.open(socket, chat)?;
        Ok(())
    }

    // CONCEPT: descriptors
    fn handle_error(&mut self, _: &mut Channel, error: io::Error) {
        self.limit.accept_failed(&error);
    }
}

/// The object that handles one client's lines.
struct EchoChat {
    /// Dropped after the socket, which the map owns.
    permit: Permit,
    /// The part of the current line that has arrived so far.
    line: Vec<u8>,
    max_line: usize,
}

impl EchoChat {
    fn new(permit: Permit, max_line: usize) -> Self {
        EchoChat {
            permit,
            line: Vec::new(),
            max_line,
        }
    }
}

impl AsyncChat for EchoChat {
    fn collect_incoming_data(&mut self, chat: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        sys::trace_handler("collect_incoming_data");
        if self.line.len() + data.len() > self.max_line {
            warn!(peer = %self.permit.peer(), max_line = self.max_line, "the line is too long");
            self.permit.failed(io::Error::other("the line is too long"));
            self.line = Vec::new(); // A draining connection keeps no memory.
            chat.close_when_done();
            return Ok(());
        }
        chat.channel().collect(&mut self.line, data); // `extend_from_slice`, but faster.
        Ok(())
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        sys::trace_handler("found_terminator");
        let mut line = mem::take(&mut self.line); // An idle connection keeps no memory.
        line.push(b'\n');
        chat.push(line);
        Ok(())
    }

    // CONCEPT: half-close
    fn handle_close(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        sys::trace_handler("handle_close");
        if let Some(error) = chat.channel().take_error() {
            self.permit.failed(error);
        }
        chat.close_when_done();
        Ok(())
    }

    // CONCEPT: isolation
    fn handle_error(&mut self, chat: &mut ChatChannel, error: io::Error) {
        self.permit.failed(error);
        chat.channel().close();
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
