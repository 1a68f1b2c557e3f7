//! What a server has beside its objects: the connection limit, the clock, and the signal to stop.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::sys::{Listener, Stream};
use common::{Clock, ConnectionLimit, Settings, StopSignal};

use crate::{Channel, Dispatcher, SocketMap};

/// What the objects of one server share.
#[derive(Debug)]
pub struct Shared {
    settings: Rc<Settings>,
    limit: ConnectionLimit,
    /// When to look for idle connections next; `None` while there are no connections.
    next_idle_check: Cell<Option<Instant>>,
    /// Set once the server was asked to stop: the time at which it does, whatever output is still pending.
    stop_at: Cell<Option<Instant>>,
}

impl Shared {
    /// What a server shares that has no connections yet.
    pub fn new(settings: Settings) -> Rc<Self> {
        Rc::new(Shared {
            limit: ConnectionLimit::new(settings.max_connections),
            settings: Rc::new(settings),
            next_idle_check: Cell::new(None),
            stop_at: Cell::new(None),
        })
    }

    /// Makes a server with `object` as the listener's object, and all that it needs: its loop can't
    /// fail for want of memory or descriptors.
    ///
    /// # Errors
    /// No descriptor for the [`Poll`](common::sys::Poll) or the stop signal, no memory for the read
    /// buffer, or what registering the listener with the kernel returns.
    pub fn server(
        self: &Rc<Self>,
        listener: Listener,
        object: impl Dispatcher + 'static,
        stop: StopSignal,
    ) -> io::Result<Server> {
        let mut map = SocketMap::new(self.settings.read_buffer()?)?;
        map.open_listener(listener, object)?;
        let pipe = stop.try_clone_file()?;
        let shared = Rc::clone(self);
        map.open_file(pipe, StopHandler { stop, shared })?;
        let shared = Rc::clone(self);
        Ok(Server { shared, map })
    }

    /// Makes the server and runs it.
    ///
    /// # Errors
    /// As [`server`](Self::server) and [`Server::serve`].
    pub fn serve(
        self: &Rc<Self>,
        listener: Listener,
        object: impl Dispatcher + 'static,
        stop: StopSignal,
    ) -> io::Result<()> {
        self.server(listener, object, stop)?.serve()
    }

    /// Whether the listener may accept.
    pub fn is_open(&self) -> bool {
        self.limit.is_open()
    }

    /// Counts a connection within the limit, for as long as the returned permit lives.
    pub fn accepted(self: &Rc<Self>, peer: SocketAddr) -> Permit {
        Permit {
            permit: self.limit.accepted(peer),
            shared: Rc::clone(self),
        }
    }

    /// Accepting failed. If that will last, nothing is accepted until a connection closes, or a
    /// while has passed.
    pub fn accept_failed(&self, error: &io::Error) {
        self.limit.accept_failed(error);
    }

    /// How long the loop may wait: until the next thing is due that no socket tells of.
    // CONCEPT: timers
    fn timeout(&self, clock: Clock) -> Option<Duration> {
        let dues = [
            self.stop_at.get(),
            self.next_idle_check.get(),
            self.limit.retry_at(),
        ];
        let next = dues.into_iter().flatten().min()?;
        Some(clock.until(next))
    }

    /// Does what is due by now. asyncore has no timers: this is the place between two iterations of
    /// the loop where its users look at the clock.
    // CONCEPT: timers
    fn check_timers(&self, map: &mut SocketMap) {
        let clock = map.clock();
        self.limit.retry_if_due(clock.now());
        if self
            .stop_at
            .get()
            .is_some_and(|stop_at| clock.has_passed(stop_at))
        {
            map.fail_all("not finished within the shutdown timeout");
        }
        if let Some(idle_timeout) = self.settings.idle_timeout {
            self.next_idle_check.set(self.close_idle(map, idle_timeout));
        }
    }

    /// Closes idle connections if it is time to look for them, and returns when it is next.
    ///
    /// A look costs as much as there are connections: at most ten of them in the time of one
    /// timeout.
    fn close_idle(&self, map: &mut SocketMap, idle_timeout: Duration) -> Option<Instant> {
        let clock = map.clock();
        match self.next_idle_check.get() {
            _ if !map.can_expire() => None,
            None => Some(clock.now() + idle_timeout),
            Some(due) if clock.has_passed(due) => {
                let soonest = clock.now() + idle_timeout / 10;
                map.expire(idle_timeout).map(|next| next.max(soonest))
            }
            not_yet => not_yet,
        }
    }
}

/// A server that has all it needs, and has only to be run.
pub struct Server {
    shared: Rc<Shared>,
    map: SocketMap,
}

impl Server {
    /// Runs the loop until the stop signal is raised and the last answer is delivered, or the
    /// shutdown timeout is over.
    ///
    /// # Errors
    /// As [`SocketMap::poll`]. A connection's error costs that connection only.
    pub fn serve(mut self) -> io::Result<()> {
        // CONCEPT: who-owns-the-loop
        while !self.map.is_empty() {
            let timeout = self.shared.timeout(self.map.clock());
            self.map.poll(timeout)?;
            self.shared.check_timers(&mut self.map);
        }
        Ok(())
    }
}

/// A listener's object that accepts as many clients as the limit allows, and has `make` make an
/// object for each: what the original's users write as a dispatcher of their own, such as smtpd's
/// `SMTPServer` with its `channel_class`.
pub struct Acceptor<M> {
    shared: Rc<Shared>,
    make: M,
}

impl<D: Dispatcher + 'static, M: FnMut(Permit) -> D> Acceptor<M> {
    /// An acceptor for a server that shares this.
    pub fn new(shared: &Rc<Shared>, make: M) -> Self {
        let shared = Rc::clone(shared);
        Acceptor { shared, make }
    }
}

impl<D: Dispatcher + 'static, M: FnMut(Permit) -> D> Dispatcher for Acceptor<M> {
    fn readable(&self) -> bool {
        self.shared.is_open()
    }

    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        peer: SocketAddr,
    ) -> io::Result<()> {
        let permit = self.shared.accepted(peer);
        channel.open(socket, (self.make)(permit))?;
        Ok(())
    }

    fn handle_error(&mut self, _: &mut Channel, error: io::Error) {
        self.shared.accept_failed(&error);
    }
}

/// The [permit](common::Permit) of an accepted connection, and what its server shares. The object
/// of the connection holds it, and the connection is counted until it is dropped.
#[derive(Debug)]
pub struct Permit {
    permit: common::Permit,
    shared: Rc<Shared>,
}

impl Permit {
    /// What the server was told.
    pub fn settings(&self) -> &Rc<Settings> {
        &self.shared.settings
    }

    /// The other side's address.
    pub fn peer(&self) -> SocketAddr {
        self.permit.peer()
    }

    /// Keeps the reason for the log.
    pub fn failed(&mut self, error: io::Error) {
        self.permit.failed(error);
    }
}

/// The object of the pipe that a signal writes to.
struct StopHandler {
    stop: StopSignal,
    shared: Rc<Shared>,
}

impl Dispatcher for StopHandler {
    // CONCEPT: graceful-stop
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        if self.stop.is_raised() {
            let stop_at = channel.map.now() + self.shared.settings.shutdown_timeout;
            self.shared.stop_at.set(Some(stop_at));
            self.shared.limit.retry_now();
            channel.stop_all();
        }
        Ok(())
    }
}
