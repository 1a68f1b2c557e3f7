//! The reactor, as its callbacks see it: all that can be requested of it.
//!
//! | Twisted | here | difference |
//! |---|---|---|
//! | `from twisted.internet import reactor` | [`ReactorHandle`], which every callback can reach | a value, no global |
//! | `IReactorTCP.listenTCP`, `IListeningPort.stopListening`, `getHost` | [`listen_tcp`](ReactorHandle::listen_tcp), [`stop_listening`](ReactorHandle::stop_listening), [`host_of`](ReactorHandle::host_of) | the port is named by a key |
//! | `IReactorSocket.adoptStreamPort` | [`adopt_stream_port`](ReactorHandle::adopt_stream_port) | takes the listener itself, no copy of its descriptor |
//! | `IReactorTCP.connectTCP` | [`connect_tcp`](ReactorHandle::connect_tcp) | to an address; Twisted also resolves names |
//! | `IReactorTime.callLater` | [`call_later`](ReactorHandle::call_later) | see [`DelayedCall`] |
//! | `IReactorCore.callWhenRunning` | [`call_when_running`](ReactorHandle::call_when_running) | a call that is asked for while the reactor runs is made right after the current callback; Twisted makes it inside |
//! | `IReactorCore.stop` | [`stop`](ReactorHandle::stop) | accepts who waits and sends what was written; Twisted drops both. Raises nothing if it is asked twice |
//! | `IReactorFDSet.addReader`, `removeReader` | [`add_reader`](ReactorHandle::add_reader), [`remove_reader`](ReactorHandle::remove_reader) | a closure, no object with `fileno` and `doRead` |
//! | a protocol that holds another's `transport` | [`transport`](ReactorHandle::transport) finds it by its key, or nothing if it is gone | |

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::Clock;
use common::sys::{AsDescriptor, Listener};

use crate::connection::Connection;
use crate::connector::PendingConnect;
use crate::key::SlotMap;
use crate::output::Queue;
use crate::port::{Port, Reader};
use crate::timers::Timers;
use crate::{ClientFactory, DelayedCall, Factory, Key, Reason, Transport};

mod internal;

/// What a callback may request of the reactor. Requests are recorded, and applied once the callback
/// has returned; so no callback ever runs inside another.
pub struct ReactorHandle {
    pub(crate) entries: SlotMap<Entry>,
    /// Entries with requests that are to be applied when the callback has returned.
    pub(crate) dirty: VecDeque<Key>,
    pub(crate) timers: Timers<Call>,
    /// For the next connection that writes: an echo allocates nothing.
    pub(crate) recycled: Option<Box<Queue>>,
    /// The time of this iteration of the loop.
    pub(crate) clock: Clock,
    /// How far a test has put the clock forward.
    pub(crate) ahead: Duration,
    pub(crate) stopping: bool,
}

/// Everything that has a key.
pub(crate) enum Entry {
    Connection(Connection),
    Port(Port),
    /// Boxed, so that the many connections need not be as large as it.
    PendingConnect(Box<PendingConnect>),
    Reader(Reader),
    /// A call to be made as soon as the reactor runs and no other callback does.
    Call(Call),
}

pub(crate) type Call = Box<dyn FnOnce(&mut ReactorHandle)>;

impl ReactorHandle {
    /// Calls `call` once, after `delay` at the earliest, and never before the callback that asks
    /// has returned.
    #[doc(alias = "callLater")]
    pub fn call_later(
        &mut self,
        delay: Duration,
        call: impl FnOnce(&mut ReactorHandle) + 'static,
    ) -> DelayedCall {
        // No delay is the next iteration, however short the time until then.
        let from = if delay.is_zero() {
            self.iteration()
        } else {
            self.now()
        };
        self.timers.add(from, delay, Box::new(call))
    }

    /// Calls `call` when the reactor begins to run; if it does already, as soon as the callback
    /// that asks has returned. A call that always asks for itself never lets the loop wait: what is
    /// to be done again belongs to [`call_later`](Self::call_later).
    #[doc(alias = "callWhenRunning")]
    pub fn call_when_running(&mut self, call: impl FnOnce(&mut ReactorHandle) + 'static) {
        self.insert(Entry::Call(Box::new(call)));
    }

    /// Cancels a call. `false` if it was made or cancelled before.
    #[doc(alias = "cancelCallLater")]
    #[doc(alias = "cancel_call_later")]
    pub fn cancel(&mut self, call: &DelayedCall) -> bool {
        self.timers.remove(call).is_some()
    }

    /// Moves a call to `delay` from now. `false` if it was made or cancelled before.
    pub fn reset(&mut self, call: &mut DelayedCall, delay: Duration) -> bool {
        let now = self.now();
        self.move_call(call, now, delay)
    }

    /// Moves a call to so much later than it was to be made. `false` if it was made or cancelled
    /// before.
    pub fn delay(&mut self, call: &mut DelayedCall, longer: Duration) -> bool {
        let time = call.time();
        self.move_call(call, time, longer)
    }

    fn move_call(&mut self, call: &mut DelayedCall, from: Instant, delay: Duration) -> bool {
        let Some(what) = self.timers.remove(call) else {
            return false;
        };
        *call = self.timers.add(from, delay, what);
        true
    }

    /// Whether a call is still to be made.
    #[doc(alias = "active")]
    pub fn is_active(&self, call: &DelayedCall) -> bool {
        self.timers.contains(call)
    }

    /// Asks the reactor to stop: clients that wait are accepted, as far as the limit allows, and
    /// ports are closed; nothing more is read, what was written is sent for at most the shutdown
    /// timeout, every protocol hears that its connection is lost, and `run` returns.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Listens on `address`, where port 0 lets the system pick one, with at most `backlog`
    /// connections waiting to be accepted. Each is given to a protocol that `factory` makes.
    ///
    /// # Errors
    /// What bind(2) answers.
    #[doc(alias = "listenTCP")]
    pub fn listen_tcp(
        &mut self,
        address: SocketAddr,
        factory: impl Factory + 'static,
        backlog: i32,
    ) -> io::Result<Key> {
        let listener = Listener::bind(address, backlog).map_err(|error| {
            let (ip, port) = (address.ip(), address.port());
            let message = format!("cannot listen on {ip} port {port}: {error}");
            io::Error::new(error.kind(), message)
        })?;
        Ok(self.adopt_stream_port(listener, factory))
    }

    /// Listens with a socket that listens already.
    #[doc(alias = "adoptStreamPort")]
    pub fn adopt_stream_port(
        &mut self,
        listener: Listener,
        factory: impl Factory + 'static,
    ) -> Key {
        self.insert(Entry::Port(Port::new(listener, Box::new(factory))))
    }

    /// Closes a port; its connections go on. Its factory hears of it.
    #[doc(alias = "stopListening")]
    pub fn stop_listening(&mut self, port: Key) {
        if let Some(Entry::Port(entry)) = self.entries.get_mut(port) {
            entry.closing = true;
            self.mark_dirty(port);
        }
    }

    /// The address that a port listens on, if it does.
    #[doc(alias = "getHost")]
    pub fn host_of(&self, port: Key) -> Option<SocketAddr> {
        match self.entries.get(port) {
            Some(Entry::Port(port)) => port.listener.local_addr().ok(),
            _ => None,
        }
    }

    /// Connects to `address` within `timeout`, and gives the connection to a protocol that
    /// `factory` makes. The key that is answered names the attempt, and then the connection.
    #[doc(alias = "connectTCP")]
    pub fn connect_tcp(
        &mut self,
        address: SocketAddr,
        factory: impl ClientFactory + 'static,
        timeout: Duration,
    ) -> Key {
        self.begin_connect(address, Box::new(factory), timeout)
    }

    pub(crate) fn begin_connect(
        &mut self,
        address: SocketAddr,
        factory: Box<dyn ClientFactory>,
        timeout: Duration,
    ) -> Key {
        let pending = PendingConnect::new(address, factory, timeout);
        self.insert(Entry::PendingConnect(Box::new(pending)))
    }

    /// Gives up an attempt to connect.
    #[doc(alias = "stopConnecting")]
    pub fn stop_connecting(&mut self, attempt: Key) {
        self.fail(attempt, Reason::ConnectionAborted);
    }

    /// The connection of that name, to write to it or to close it; nothing if it is gone.
    pub fn transport(&mut self, key: Key) -> Option<Transport<'_>> {
        let peer = self.connection(key)?.peer();
        Some(Transport::new(self, key, peer))
    }

    /// From now on calls `callback` whenever there is something new to read from `descriptor`,
    /// which it has to read until `WouldBlock`.
    #[doc(alias = "addReader")]
    pub fn add_reader(
        &mut self,
        descriptor: Rc<dyn AsDescriptor>,
        callback: impl FnMut(&mut ReactorHandle) + 'static,
    ) -> Key {
        self.insert(Entry::Reader(Reader::new(descriptor, Box::new(callback))))
    }

    /// Watches the descriptor no more.
    #[doc(alias = "removeReader")]
    pub fn remove_reader(&mut self, reader: Key) {
        if let Some(Entry::Reader(entry)) = self.entries.get_mut(reader) {
            entry.closing = true;
            self.mark_dirty(reader);
        }
    }
}

impl fmt::Debug for ReactorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReactorHandle")
            .field("dirty", &self.dirty)
            .field("stopping", &self.stopping)
            .finish_non_exhaustive()
    }
}
