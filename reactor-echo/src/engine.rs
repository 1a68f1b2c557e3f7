//! What waits for readiness: one face, three engines behind it.
//!
//! | Twisted | here | difference |
//! |---|---|---|
//! | `IReactorFDSet.addReader`, `addWriter`, `removeReader`, `removeWriter` | [`Engine::watch`] | says all that is wanted of a descriptor at once |
//! | `removeAll` | `watch` with [`Interest::NOTHING`] | one descriptor at a time |
//! | `doIteration(delay)`: `doSelect`, `doPoll` | [`Engine::wait`] | answers with a list; the reactor makes the calls |
//! | `selectreactor`, `epollreactor`, `asyncioreactor` `.install()` | [`EngineKind`] | a value, and no module is replaced |
//!
//! An engine reads and writes nothing. It is told what is wanted of a descriptor, and says when
//! that can be had. How it speaks of readiness is the same for all: what was found ready once is
//! told anew by every [`Engine::wait`], until the reactor has seen with its own eyes that it is
//! over and says so with [`Engine::not_ready`]. That is how select(2) works; the other two, which
//! are told of changes only, remember what they were told.

use std::fmt::Debug;
use std::io;
use std::ops::{BitAnd, BitOr, BitOrAssign};
use std::rc::Rc;
use std::time::Duration;

use clap::ValueEnum;
use common::sys::AsDescriptor;

use crate::Key;

mod mio;
mod select;
#[cfg(feature = "tokio")]
mod tokio;

/// How many changes an engine takes from the kernel with one call, if it is told of changes.
const MOST_CHANGES: usize = 1024;

/// Waits for descriptors that it does not own the reading of.
pub trait Engine: Debug {
    /// From now on watches the descriptor for what is `wanted` of it, and for nothing else. Before
    /// it is closed, nothing is wanted of it; the engine keeps no reference to it then.
    ///
    /// # Errors
    /// A descriptor that the engine cannot watch. It is not watched then.
    fn watch(&mut self, key: Key, descriptor: &Descriptor, wanted: Interest) -> io::Result<()>;

    /// The reactor has met the end of a readiness: `WouldBlock`.
    fn not_ready(&mut self, key: Key, what: Interest);

    /// A read has not filled its buffer. Mostly that means that nothing is left to read, and so
    /// it saves the read that would meet `WouldBlock` (epoll(7), questions and answers).
    fn short_read(&mut self, key: Key);

    /// Waits until something wanted is ready, but at most for `timeout` (`None` is for ever). The
    /// list is the one of the last wait: what is over goes out of it, and what else is ready comes
    /// in, so that it holds all that was ready when this was called. The reactor relies on that
    /// when it closes those from whom nothing has come.
    ///
    /// # Errors
    /// `Interrupted` by a signal, which is no failure, or what the kernel answers. The list may
    /// lack something then.
    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Event>) -> io::Result<()>;
}

/// A descriptor that the reactor and its engine share.
pub type Descriptor = Rc<dyn AsDescriptor>;

/// What is ready of the object with that key, and only what was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Whose descriptor it is.
    pub key: Key,
    /// What can be done with it.
    pub ready: Interest,
}

/// Reading, writing, both or neither: what is wanted of a descriptor, or can be had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// Neither.
    pub const NOTHING: Interest = Interest(0);
    /// There is something to read: bytes, a connection, the end of the stream.
    pub const READ: Interest = Interest(1);
    /// The kernel takes something to write, or a connect has ended.
    pub const WRITE: Interest = Interest(2);

    /// Itself if `wanted`, or nothing.
    pub fn when(self, wanted: bool) -> Interest {
        if wanted { self } else { Interest::NOTHING }
    }

    /// Whether reading is in it.
    #[inline]
    pub fn reads(self) -> bool {
        self & Interest::READ != Interest::NOTHING
    }

    /// Whether writing is in it.
    #[inline]
    pub fn writes(self) -> bool {
        self & Interest::WRITE != Interest::NOTHING
    }

    /// Itself but for what is in `other`.
    pub fn without(self, other: Interest) -> Interest {
        Interest(self.0 & !other.0)
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = *self | other;
    }
}

impl BitAnd for Interest {
    type Output = Interest;

    fn bitand(self, other: Interest) -> Interest {
        Interest(self.0 & other.0)
    }
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
            EngineKind::Tokio => Box::new(tokio::Tokio::new(MOST_CHANGES)?),
            EngineKind::Mio => Box::new(mio::Mio::new(MOST_CHANGES)?),
            EngineKind::Select => Box::new(select::Select::new()),
        })
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests;
