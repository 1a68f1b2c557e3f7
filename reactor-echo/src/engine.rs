//! The part that waits for readiness: one interface with three engines.
//!
//! | Twisted | here | difference |
//! |---|---|---|
//! | `IReactorFDSet.addReader`, `addWriter`, `removeReader`, `removeWriter` | [`Engine::watch`] | sets reading and writing with one call |
//! | `removeAll` | `watch` with `None` | one descriptor at a time |
//! | `doIteration(delay)`: `doSelect`, `doPoll` | [`Engine::wait`] | returns a list; the reactor makes the calls |
//! | `selectreactor`, `epollreactor`, `asyncioreactor` `.install()` | [`EngineKind`] | a value; no module is replaced |
//!
//! An engine doesn't read or write. The reactor tells it which descriptors to watch, and the engine
//! reports which of them are ready: select(2) as a level, the other two as edges. The reactor
//! remembers the readiness until a call finds nothing more; see [`Readiness`].

use std::fmt::{self, Debug};
use std::io;
use std::time::Duration;

use clap::ValueEnum;
use common::sys::{Descriptor, Interest, Readiness};

use crate::Key;
use crate::entry::Entries;

mod mio;
mod select;
#[cfg(feature = "tokio")]
mod tokio;

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
pub(crate) fn without_descriptors() -> Box<dyn Engine> {
    Box::new(select::Select)
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
}

impl EngineKind {
    /// All engines.
    pub const ALL: &[EngineKind] = &[
        #[cfg(feature = "tokio")]
        EngineKind::Tokio,
        EngineKind::Mio,
        EngineKind::Select,
    ];

    /// Starts an engine that watches nothing yet.
    ///
    /// # Errors
    /// An error if the kernel can't create an epoll(7) descriptor or its equivalent.
    pub fn start(self) -> io::Result<Box<dyn Engine>> {
        Ok(match self {
            #[cfg(feature = "tokio")]
            EngineKind::Tokio => Box::new(tokio::Tokio::new(MOST_EVENTS)?),
            EngineKind::Mio => Box::new(mio::Mio::new(MOST_EVENTS)?),
            EngineKind::Select => Box::new(select::Select),
        })
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests;
