//! The echo server: what a user of this style writes.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use common::sys::{self, Listener, Stream};
use common::{Settings, StopSignal};

use crate::{Channel, Dispatcher, DispatcherWithSend, Permit, Server, Shared};

/// Serves until `stop` is raised and the last answer is delivered, or the shutdown timeout is over.
///
/// # Errors
/// As [`server`] and [`Server::serve`].
pub fn serve(listener: Listener, settings: Settings, stop: StopSignal) -> io::Result<()> {
    server(listener, settings, stop)?.serve()
}

/// Makes everything that the server needs, so that [`Server::serve`] can't fail for want of memory
/// or descriptors.
///
/// # Errors
/// As [`Shared::server`].
pub fn server(listener: Listener, settings: Settings, stop: StopSignal) -> io::Result<Server> {
    let shared = Shared::new(settings);
    let object = EchoServer {
        shared: Rc::clone(&shared),
    };
    shared.server(listener, object, stop)
}

/// The listener's object.
struct EchoServer {
    shared: Rc<Shared>,
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
        channel.open(socket, EchoHandler::new(self.shared.accepted(peer)))?;
        Ok(())
    }

    // CONCEPT: descriptors
    fn handle_error(&mut self, _: &mut Channel, error: io::Error) {
        self.shared.accept_failed(&error);
    }
}

/// One client's object.
struct EchoHandler {
    out: DispatcherWithSend,
    permit: Permit,
    /// Reading is paused since more than the high-water mark was pending.
    reading_paused: bool,
    lifecycle: Lifecycle,
}

/// Where a connection is in its life: what the object does when it has no pending output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lifecycle {
    /// It waits for more.
    Open,
    /// The peer has sent its last byte: the object closes the channel.
    PeerClosed,
    /// The server stops, and the peer may still be sending: the object lets the channel drain.
    Closing,
    /// The server stops, and there is nothing to lose: the object closes the channel.
    Closed,
}

impl Dispatcher for EchoHandler {
    fn readable(&self) -> bool {
        self.lifecycle == Lifecycle::Open && !self.reading_paused
    }

    fn writable(&self) -> bool {
        self.out.writable()
    }

    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::trace_handler("handle_read");
        let data = channel.recv(self.permit.settings().recv_size)?;
        self.out.send(channel, data)?;
        // CONCEPT: back-pressure
        self.reading_paused = self.out.pending_output() > self.permit.settings().high_water;
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::trace_handler("handle_write");
        self.out.initiate_send(channel)?;
        // CONCEPT: back-pressure
        self.reading_paused &= self.out.pending_output() > self.permit.settings().low_water();
        self.close_if_done(channel);
        Ok(())
    }

    // CONCEPT: half-close
    fn handle_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::trace_handler("handle_close");
        if let Some(error) = channel.take_error() {
            self.permit.failed(error);
        }
        self.lifecycle = Lifecycle::PeerClosed;
        self.close_if_done(channel);
        Ok(())
    }

    // CONCEPT: graceful-stop
    fn handle_stop(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::trace_handler("handle_stop");
        if self.lifecycle == Lifecycle::Open {
            let is_busy = self.out.writable() || channel.discard_unread();
            self.lifecycle = if is_busy {
                Lifecycle::Closing
            } else {
                Lifecycle::Closed
            };
        }
        self.close_if_done(channel);
        Ok(())
    }

    fn handle_error(&mut self, channel: &mut Channel, error: io::Error) {
        self.permit.failed(error);
        channel.close();
    }
}

impl EchoHandler {
    fn new(permit: Permit) -> Self {
        EchoHandler {
            out: DispatcherWithSend::default(),
            permit,
            reading_paused: false,
            lifecycle: Lifecycle::Open,
        }
    }

    // CONCEPT: half-close
    fn close_if_done(&mut self, channel: &mut Channel) {
        match self.lifecycle {
            _ if self.out.writable() => {}
            Lifecycle::Open => {}
            Lifecycle::PeerClosed | Lifecycle::Closed => channel.close(),
            Lifecycle::Closing => channel.drain(self.permit.settings().shutdown_timeout),
        }
    }
}
