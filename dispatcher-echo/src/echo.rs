//! The echo server: what a user of this style writes.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::{Admission, Settings, StopSignal, sys};
use mio::net::TcpStream;

use crate::{Channel, Dispatcher, DispatcherWithSend, Key, SocketMap};

/// Serves until `stop` is raised and the last answer is delivered, or the grace is over.
///
/// # Errors
/// What mio's poll answers. A connection's error costs that connection only.
pub fn serve(listener: TcpListener, settings: Settings, stop: StopSignal) -> io::Result<()> {
    let mut map = SocketMap::new(settings.recv_size)?;
    let shared = Rc::new(Shared::new(settings));
    let server = map.open_listener(
        listener,
        EchoServer {
            shared: Rc::clone(&shared),
        },
    )?;
    let stop = Rc::new(stop);
    map.open_file(
        Rc::clone(&stop),
        StopHandler {
            stop,
            shared: Rc::clone(&shared),
        },
    )?;
    while !map.is_empty() {
        map.poll(shared.timeout())?;
        shared.look_at_the_clock(&mut map, server);
    }
    Ok(())
}

/// What the objects of the server share.
struct Shared {
    settings: Settings,
    admission: RefCell<Admission>,
    /// When to look for idle connections next.
    next_look: Cell<Option<Instant>>,
    /// Set once the server was asked to stop: the time at which it does, whatever is still owed.
    stop_at: Cell<Option<Instant>>,
}

impl Shared {
    fn new(settings: Settings) -> Self {
        let next_look = settings
            .idle_timeout
            .map(|idle_timeout| Instant::now() + idle_timeout);
        Shared {
            admission: RefCell::new(Admission::new(settings.max_connections)),
            settings,
            next_look: Cell::new(next_look),
            stop_at: Cell::new(None),
        }
    }

    /// How long the loop may wait: until the next thing is due that no socket tells of.
    fn timeout(&self) -> Option<Duration> {
        let dues = [
            self.stop_at.get(),
            self.next_look.get(),
            self.admission.borrow().retry_at(),
        ];
        let next = dues.into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Does what is due by now.
    fn look_at_the_clock(&self, map: &mut SocketMap, server: Key) {
        let now = Instant::now();
        if self.stop_at.get().is_some_and(|stop_at| stop_at <= now) {
            map.close_all();
        }
        if self.admission.borrow_mut().retry_if_due(now) {
            map.reconsider(server);
        }
        if let (Some(due), Some(idle_timeout)) = (self.next_look.get(), self.settings.idle_timeout)
            && due <= now
        {
            // The look costs as much as there are connections: at most ten of them in the time of one timeout.
            let next = map.expire(idle_timeout).unwrap_or(now + idle_timeout);
            self.next_look.set(Some(next.max(now + idle_timeout / 10)));
        }
    }
}

/// The listener's object.
struct EchoServer {
    shared: Rc<Shared>,
}

impl Dispatcher for EchoServer {
    fn readable(&self) -> bool {
        self.shared.admission.borrow().is_open()
    }

    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: TcpStream,
        peer: SocketAddr,
    ) -> io::Result<()> {
        sys::enter("handle_accepted");
        let (server, shared) = (channel.key(), Rc::clone(&self.shared));
        let out = DispatcherWithSend::default();
        channel.open(
            socket,
            EchoHandler {
                out,
                peer,
                server,
                shared,
                paused: false,
                then: Then::GoOn,
            },
        )?;
        self.shared.admission.borrow_mut().connected(peer);
        Ok(())
    }

    fn handle_error(&mut self, _: &mut Channel, error: io::Error) {
        self.shared.admission.borrow_mut().out_of_resources(&error);
    }
}

/// One client's object.
struct EchoHandler {
    out: DispatcherWithSend,
    /// Told by accept: a socket that was reset no longer knows it.
    peer: SocketAddr,
    server: Key,
    shared: Rc<Shared>,
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
    /// Close without hurting what is on its way: the server stops, and the peer may still be sending.
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
        let data = channel.recv(self.shared.settings.recv_size)?;
        self.out.send(channel, data)?;
        self.paused = self.out.pending() > self.shared.settings.high_water;
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::enter("handle_write");
        self.out.initiate_send(channel)?;
        self.paused &= self.out.pending() > self.shared.settings.low_water();
        self.close_if_done(channel);
        Ok(())
    }

    fn handle_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        sys::enter("handle_close");
        self.then = Then::Close;
        self.close_if_done(channel);
        Ok(())
    }

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
        self.over(channel, &error.to_string());
        channel.close();
    }
}

impl EchoHandler {
    fn close_if_done(&mut self, channel: &mut Channel) {
        if self.then == Then::GoOn || self.out.writable() {
            return;
        }
        self.over(channel, "finished");
        match self.then {
            Then::Linger => channel.linger(self.shared.settings.grace),
            _ => channel.close(),
        }
    }

    /// The connection counts no more, so the listener may be open again.
    fn over(&mut self, channel: &mut Channel, why: &str) {
        self.shared
            .admission
            .borrow_mut()
            .disconnected(self.peer, why);
        channel.reconsider(self.server);
    }
}

/// The object of the pipe that a signal writes to.
struct StopHandler {
    stop: Rc<StopSignal>,
    shared: Rc<Shared>,
}

impl Dispatcher for StopHandler {
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        if self.stop.is_raised() {
            self.shared
                .stop_at
                .set(Some(Instant::now() + self.shared.settings.grace));
            channel.stop_all();
        }
        Ok(())
    }
}
