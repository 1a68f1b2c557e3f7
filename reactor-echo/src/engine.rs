//! The part that waits: for readiness, or for the completion of operations.
//!
//! | | an [`Engine`] waits for readiness | a [`Completion`] engine also reads and sends |
//! |---|---|---|
//! | before a wait | [`watch`](Engine::watch): "tell me when I can read" | [`start_recv`](Completion::start_recv): "read, and tell me when it's done" |
//! | an event means | a read can find something | the read has ended |
//! | after the wait | the reactor calls recv(2) | [`finish_recv`](Completion::finish_recv) returns the bytes |
//! | to pause reading | watch without reading | start no further read |
//! | to close | close(2) | [`cancel`](Completion::cancel), then close(2) |
//!
//! | Twisted | here | difference |
//! |---|---|---|
//! | `IReactorFDSet.addReader`, `addWriter`, `removeReader`, `removeWriter` | [`Engine::watch`] | sets reading and writing with one call |
//! | `removeAll` | `watch` with `None` | one descriptor at a time |
//! | `doIteration(delay)`: `doSelect`, `doPoll` | [`Engine::wait`] | returns a list; the reactor makes the calls |
//! | `selectreactor`, `epollreactor`, `asyncioreactor` `.install()` | [`EngineKind`] | a value; no module is replaced |
//! | `iocpreactor`: its own `Port` and `Connection`, with `readFromHandle`, `writeToHandle` | [`Completion`] | under the same connections as the other engines |
//!
//! An engine that waits for readiness doesn't read or write. The reactor tells it which descriptors
//! to watch, and the engine reports which of them are ready: select(2) as a level, tokio and mio as
//! edges. The reactor remembers the readiness until a call finds nothing more; see [`Readiness`].

use std::fmt::{self, Debug};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use clap::ValueEnum;
use common::sys::{Descriptor, Interest, Readiness, Stream};

use crate::Key;
use crate::entry::Entries;
use crate::socket::Socket;

mod mio;
mod select;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(all(feature = "completion", target_os = "linux"))]
mod uring;
#[cfg(any(feature = "tokio", all(feature = "completion", target_os = "linux")))]
mod wakers;

/// How many events an engine takes from the kernel with one call, if the kernel reports edges.
const MOST_EVENTS: usize = 1024;

/// Waits until descriptors are ready. The reactor reads and writes them.
pub trait Engine: Debug {
    /// Watches a descriptor for `wanted`, where it was watched for `was` before. Before a
    /// descriptor is closed, the reactor calls this with a `wanted` of `None`.
    ///
    /// # Errors
    /// An error if the engine can't watch the descriptor.
    fn watch(
        &mut self,
        key: Key,
        descriptor: Descriptor<'_>,
        was: Option<Interest>,
        wanted: Option<Interest>,
    ) -> io::Result<()>;

    /// Waits until a watched descriptor is ready, at most for `timeout` (`None` waits without
    /// limit). Appends all ready descriptors to `events`: the reactor relies on "all" when it
    /// closes idle connections. `watched` is for an engine that keeps no list of its own.
    ///
    /// # Errors
    /// `Interrupted` by a signal, which is no failure, or an error of the kernel. Then `events` can
    /// be incomplete.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        watched: Watched<'_>,
        events: &mut Vec<Event>,
    ) -> io::Result<()>;
}

/// An engine that also reads and sends, called a *proactor*. The reactor starts an operation, the
/// kernel carries it out, and [`wait`](Engine::wait) reports that it has ended: an event that is
/// readable means a read, one that is writable means a send.
///
/// Each connection has at most one read and one send under way. Everything else that a reactor
/// watches, such as a port, it still [watches](Engine::watch) for readiness.
pub trait Completion: Engine {
    /// Starts to read, unless a read is under way or has ended and isn't finished. The operation
    /// shares the socket: closing a descriptor doesn't end its operations.
    fn start_recv(&mut self, key: Key, socket: &Rc<Stream>);

    /// Copies to `window` what a read has brought, and returns how much that is, like recv(2): 0 is
    /// the end of the stream. What doesn't fit comes next. If no read has ended, calls recv(2).
    ///
    /// # Errors
    /// The errors of recv(2).
    fn finish_recv(&mut self, key: Key, window: &mut [u8]) -> io::Result<usize>;

    /// Starts to send a copy of the first bytes of `data`, unless a send is under way or has ended
    /// and isn't finished. The caller keeps `data` until the end of the send shows how many bytes
    /// the kernel has taken.
    fn start_send(&mut self, key: Key, socket: &Rc<Stream>, data: &[u8]);

    /// Returns how many bytes a send has taken, like send(2).
    ///
    /// # Errors
    /// `WouldBlock` if no send has ended, or the errors of send(2).
    fn finish_send(&mut self, key: Key) -> io::Result<usize>;

    /// Cancels the operations of a connection that is about to be closed, and waits until they have
    /// ended.
    fn cancel(&mut self, key: Key);
}

/// A running engine of either kind.
#[derive(Debug)]
pub enum AnyEngine {
    /// The reactor reads and sends.
    Readiness(Box<dyn Engine>),
    /// The engine reads and sends. (Without such an engine, the checks for it cost nothing.)
    #[cfg(all(feature = "completion", target_os = "linux"))]
    Completion(Box<dyn Completion>),
}

impl AnyEngine {
    /// The engine, for what both kinds do.
    pub(crate) fn get(&mut self) -> &mut dyn Engine {
        match self {
            AnyEngine::Readiness(engine) => &mut **engine,
            #[cfg(all(feature = "completion", target_os = "linux"))]
            AnyEngine::Completion(engine) => &mut **engine,
        }
    }

    /// The engine, if it reads and sends.
    #[inline]
    pub(crate) fn completion(&mut self) -> Option<&mut dyn Completion> {
        match self {
            AnyEngine::Readiness(_) => None,
            #[cfg(all(feature = "completion", target_os = "linux"))]
            AnyEngine::Completion(engine) => Some(&mut **engine),
        }
    }

    /// A connection's socket, for this kind of engine.
    pub(crate) fn socket(&self, stream: Stream) -> Socket {
        match self {
            AnyEngine::Readiness(_) => Socket::Own(stream),
            #[cfg(all(feature = "completion", target_os = "linux"))]
            AnyEngine::Completion(_) => Socket::Shared(Rc::new(stream)),
        }
    }
}

/// The readiness of one descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The key of the object that owns the descriptor.
    pub key: Key,
    /// What the descriptor is ready for.
    pub ready: Readiness,
}

/// All watched descriptors.
#[derive(Clone, Copy)]
pub struct Watched<'a>(pub(crate) &'a Entries);

impl<'a> Watched<'a> {
    /// Iterates over the descriptors and what each is watched for.
    pub fn iter(self) -> impl Iterator<Item = (Key, Descriptor<'a>, Interest)> {
        let entries = self.0.iter();
        entries.filter_map(|(key, entry)| Some((key, entry.descriptor()?, entry.watched?)))
    }
}

impl Debug for Watched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// An engine for a reactor without descriptors: it has nothing to wait for.
pub(crate) fn without_descriptors() -> AnyEngine {
    AnyEngine::Readiness(Box::new(select::Select))
}

/// The engines, by name.
#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// tokio's readiness; the default, since most Rust programs already have tokio's event
    /// loop
    #[cfg(feature = "tokio")]
    #[default]
    Tokio,
    /// mio, a thin layer over epoll or kqueue: the leanest
    #[cfg_attr(not(feature = "tokio"), default)]
    Mio,
    /// select(2): works everywhere, for few descriptors
    Select,
    /// io_uring, through compio: the kernel reads and sends
    #[cfg(all(feature = "completion", target_os = "linux"))]
    Uring,
}

impl EngineKind {
    /// All engines.
    pub const ALL: &[EngineKind] = &[
        #[cfg(feature = "tokio")]
        EngineKind::Tokio,
        EngineKind::Mio,
        EngineKind::Select,
        #[cfg(all(feature = "completion", target_os = "linux"))]
        EngineKind::Uring,
    ];

    /// Starts an engine that watches nothing yet. `recv_size` is the most bytes that a completion
    /// engine reads at once.
    ///
    /// # Errors
    /// An error if the kernel can't create an epoll(7) descriptor or its equivalent, or forbids
    /// io_uring.
    pub fn start(self, recv_size: usize) -> io::Result<AnyEngine> {
        let engine: Box<dyn Engine> = match self {
            #[cfg(feature = "tokio")]
            EngineKind::Tokio => Box::new(tokio::Tokio::new(MOST_EVENTS)?),
            EngineKind::Mio => Box::new(mio::Mio::new(MOST_EVENTS)?),
            EngineKind::Select => Box::new(select::Select),
            #[cfg(all(feature = "completion", target_os = "linux"))]
            EngineKind::Uring => {
                let engine = uring::Uring::new(recv_size, MOST_EVENTS)?;
                return Ok(AnyEngine::Completion(Box::new(engine)));
            }
        };
        let _ = recv_size;
        Ok(AnyEngine::Readiness(engine))
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests;
