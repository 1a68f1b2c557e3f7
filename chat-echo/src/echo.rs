//! The echo server: what a user of this style writes.

use std::cell::Cell;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::rc::Rc;

use common::sys::{self, Listener, Stream};
use common::{Settings, StopSignal};
use dispatcher_echo::{Channel, Dispatcher, Permit, Server, Shared};
use tracing::warn;

use crate::{AsyncChat, Chat, ChatChannel, Terminator};

/// Serves until `stop` is raised and the last answer is delivered, or the shutdown timeout is over.
/// A line longer than `max_line` bytes, its end not counted, ends its connection.
///
/// # Errors
/// As [`server`] and [`Server::serve`].
pub fn serve(
    listener: Listener,
    settings: Settings,
    max_line: usize,
    stop: StopSignal,
) -> io::Result<()> {
    // CONCEPT: who-owns-the-loop
    server(listener, settings, max_line, stop)?.serve()
}

/// Makes everything that the server needs, so that [`Server::serve`] can't fail for want of memory
/// or descriptors.
///
/// # Errors
/// As [`Shared::server`].
pub fn server(
    listener: Listener,
    settings: Settings,
    max_line: usize,
    stop: StopSignal,
) -> io::Result<Server> {
    let shared = Shared::new(settings);
    let object = EchoServer {
        shared: Rc::clone(&shared),
        lines: Rc::new(Lines {
            max_line,
            recycled: Cell::default(),
        }),
    };
    shared.server(listener, object, stop)
}

/// The listener's object: a plain dispatcher, as in asynchat's own example.
struct EchoServer {
    shared: Rc<Shared>,
    lines: Rc<Lines>,
}

/// What is the same for the lines of all clients.
struct Lines {
    /// The longest, in bytes without its end.
    max_line: usize,
    /// The memory of the last line that was answered, for the next one that begins.
    recycled: Cell<Vec<u8>>,
}

/// Most memory that is kept for the lines to come, in bytes.
const MOST_RECYCLED: usize = 1 << 16;

impl Lines {
    /// Keeps the memory of a line for the next one, unless it is much.
    fn reuse(&self, mut line: Vec<u8>) {
        if line.capacity() <= MOST_RECYCLED {
            line.clear();
            self.recycled.set(line);
        }
    }
}

impl Dispatcher for EchoServer {
    // CONCEPT: descriptors
    fn readable(&self) -> bool {
        self.shared.is_open()
    }

    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        peer: SocketAddr,
    ) -> io::Result<()> {
        sys::trace_handler("handle_accepted");
        // CONCEPT: accept
        let permit = self.shared.accepted(peer);
        let settings = Rc::clone(permit.settings());
        let object = EchoChat {
            line: Vec::new(),
            lines: Rc::clone(&self.lines),
            permit,
        };
        channel.open(
            socket,
            Chat::new(object, Terminator::Bytes(b"\n".into()), settings),
        )?;
        Ok(())
    }

    // CONCEPT: descriptors
    fn handle_error(&mut self, _: &mut Channel, error: io::Error) {
        self.shared.accept_failed(&error);
    }
}

/// One client's object.
struct EchoChat {
    /// What has come of a line so far.
    line: Vec<u8>,
    lines: Rc<Lines>,
    permit: Permit,
}

impl AsyncChat for EchoChat {
    fn collect_incoming_data(&mut self, chat: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        sys::trace_handler("collect_incoming_data");
        let max_line = self.lines.max_line;
        if self.line.len() + data.len() > max_line {
            warn!(peer = %self.permit.peer(), max_line, "the line is too long");
            self.permit.failed(io::Error::other("the line is too long"));
            self.line = Vec::new(); // The channel may drain for a while.
            chat.close_when_done();
            return Ok(());
        }
        if self.line.is_empty() {
            self.line = self.lines.recycled.take();
        }
        self.line.extend_from_slice(data);
        Ok(())
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        sys::trace_handler("found_terminator");
        let mut line = mem::take(&mut self.line);
        line.push(b'\n');
        chat.push(&line);
        self.lines.reuse(line); // An idle connection keeps no memory.
        Ok(())
    }

    // CONCEPT: half-close
    fn handle_close(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_leaves_no_memory_behind() {
        let lines = Lines {
            max_line: usize::MAX,
            recycled: Cell::default(),
        };
        lines.reuse(Vec::with_capacity(MOST_RECYCLED));
        assert_eq!(lines.recycled.take().capacity(), MOST_RECYCLED);
        lines.reuse(Vec::with_capacity(2 * MOST_RECYCLED));
        assert_eq!(lines.recycled.take().capacity(), 0);
    }
}
