//! What waits for readiness: one interface, three engines behind it.
//!
//! | Twisted | here | difference |
//! |---|---|---|
//! | `IReactorFDSet.addReader`, `addWriter`, `removeReader`, `removeWriter` | [`Engine::watch`] | says all that is wanted of a descriptor at once |
//! | `removeAll` | `watch` with `None` | one descriptor at a time |
//! | `doIteration(delay)`: `doSelect`, `doPoll` | [`Engine::wait`] | returns a list; the reactor makes the calls |
//! | `selectreactor`, `epollreactor`, `asyncioreactor` `.install()` | [`EngineKind`] | a value, and no module is replaced |
//!
//! An engine reads and writes nothing. It is told what is wanted of a descriptor, and reports when
//! that can be had: select(2) as a level, the other two as edges. The reactor remembers what was
//! reported, until a call has met its end; see [`Readiness`].

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

/// Waits for descriptors that it does not own the reading of.
pub trait Engine: Debug {
    /// From now on watches the descriptor for what is `wanted` of it, where it was watched for
    /// `was` before. Before a descriptor is closed, nothing is wanted of it.
    ///
    /// # Errors
    /// A descriptor that the engine cannot watch.
    fn watch(
        &mut self,
        key: Key,
        descriptor: Descriptor<'_>,
        was: Option<Interest>,
        wanted: Option<Interest>,
    ) -> io::Result<()>;

    /// Waits until something wanted is ready, but at most for `timeout` (`None` waits without
    /// limit), and appends it to `events`: all of it, since the reactor relies on that when it
    /// closes those from which nothing has come. `watched` is for an engine that remembers nothing.
    ///
    /// # Errors
    /// `Interrupted` by a signal, which is no failure, or what the kernel returns. The events may
    /// lack something then.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        watched: Watched<'_>,
        events: &mut Vec<Event>,
    ) -> io::Result<()>;
}

/// What is ready of the object with that key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Whose descriptor it is.
    pub key: Key,
    /// What can be done with it.
    pub ready: Readiness,
}

/// All descriptors that are watched.
#[derive(Clone, Copy)]
pub struct Watched<'a>(pub(crate) &'a Entries);

impl<'a> Watched<'a> {
    /// Each of them, and what is wanted of it.
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

/// An engine for a reactor that has no descriptors: it has nothing to wait for.
pub(crate) fn without_descriptors() -> Box<dyn Engine> {
    Box::new(select::Select)
}

/// The engines, by name.
#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// The readiness of a tokio runtime; the default, since it is the event loop that most Rust
    /// programs already have
    #[cfg(feature = "tokio")]
    #[default]
    Tokio,
    /// mio, which is epoll or kqueue with little around it: the leanest
    #[cfg_attr(not(feature = "tokio"), default)]
    Mio,
    /// select(2): everywhere, for few descriptors
    Select,
}

impl EngineKind {
    /// Every engine, for what is to be done with each.
    pub const ALL: &[EngineKind] = &[
        #[cfg(feature = "tokio")]
        EngineKind::Tokio,
        EngineKind::Mio,
        EngineKind::Select,
    ];

    /// An engine that watches nothing yet.
    ///
    /// # Errors
    /// The kernel gives no epoll(7) or the like.
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
