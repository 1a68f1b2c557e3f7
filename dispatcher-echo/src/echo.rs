//! The echo server: what a user of this style writes.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use common::sys::{self, Listener, Stream};
use common::{Settings, StopSignal};

use crate::{Channel, Dispatcher, DispatcherWithSend, Guest, House, Server};

/// Serves until `stop` is raised and the last answer is delivered, or the grace is over.
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
/// As [`House::server`].
pub fn server(listener: Listener, settings: Settings, stop: StopSignal) -> io::Result<Server> {
    let house = House::new(settings);
    let object = EchoServer {
        house: Rc::clone(&house),
    };
    house.server(listener, object, stop)
}

/// The listener's object.
struct EchoServer {
    house: Rc<House>,
}

impl Dispatcher for EchoServer {
    // CONCEPT: descriptors
    fn readable(&self) -> bool {
        self.house.is_open()
    }

    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        peer: SocketAddr,
    ) -> io::Result<()> {
        sys::enter("handle_accepted");
        channel.open(socket, EchoHandler::new(self.house.admit(peer)))?;
        Ok(())
    }

    // CONCEPT: descriptors
    fn handle_error(&mut self, _: &mut Channel, error: io::Error) {
        self.house.accept_failed(&error);
    }
}

/// One client's object.
struct EchoHandler {
    out: DispatcherWithSend,
    guest: Guest,
    /// Reading is paused since more than the high-water mark was pending.
    paused: bool,
    /// What to do when all that is pending was sent.
    then: Then,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Wait for more.
    GoOn,
    /// Close: the peer has sent its last byte.
    Close,
    /// Close without hurting what is on its way: the server stops, and the peer may still be
    /// sending.
    Linger,
}

impl Dispatcher for EchoHandler {
    fn readable(&self) -> bool {
        self.then == Then::GoOn && !self.paused
    }

    fn writable(&self) -> bool {
        self.out.writable()
    }

    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::enter("handle_read");
        let data = channel.recv(self.guest.settings().recv_size)?;
        self.out.send(channel, data)?;
        // CONCEPT: back-pressure
        self.paused = self.out.pending() > self.guest.settings().high_water;
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::enter("handle_write");
        self.out.initiate_send(channel)?;
        // CONCEPT: back-pressure
        self.paused &= self.out.pending() > self.guest.settings().low_water();
        self.close_if_done(channel);
        Ok(())
    }

    // CONCEPT: half-close
    fn handle_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::enter("handle_close");
        if let Some(error) = channel.take_error() {
            self.guest.failed(error);
        }
        self.then = Then::Close;
        self.close_if_done(channel);
        Ok(())
    }

    // CONCEPT: graceful-stop
    fn handle_stop(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::enter("handle_stop");
        if self.then == Then::GoOn {
            let is_busy = self.out.writable() || channel.discard_unread();
            self.then = if is_busy { Then::Linger } else { Then::Close };
        }
        self.close_if_done(channel);
        Ok(())
    }

    fn handle_error(&mut self, channel: &mut Channel, error: io::Error) {
        self.guest.failed(error);
        channel.close();
    }
}

impl EchoHandler {
    fn new(guest: Guest) -> Self {
        EchoHandler {
            out: DispatcherWithSend::default(),
            guest,
            paused: false,
            then: Then::GoOn,
        }
    }

    // CONCEPT: half-close
    fn close_if_done(&mut self, channel: &mut Channel) {
        match self.then {
            _ if self.out.writable() => {}
            Then::GoOn => {}
            Then::Close => channel.close(),
            Then::Linger => channel.linger(self.guest.settings().grace),
        }
    }
}
