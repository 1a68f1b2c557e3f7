//! Style 4: an echo server on a Twisted-like reactor with protocols and factories.
//!
//! You write a [`Protocol`], which handles one connection, and a [`Factory`], which creates a
//! protocol for each connection. The [`Reactor`] owns the sockets, the buffers, and the timers, and
//! waits with the [`Engine`](engine::Engine) of your choice.
//!
//! | module | Twisted | here |
//! |---|---|---|
//! | [`echo`] | `class Echo(Protocol)` | what a user of this style writes |
//! | `protocol` | `twisted.internet.protocol` | [`Protocol`], [`Factory`], [`ClientFactory`], [`Reason`] |
//! | `transport` | `self.transport` | [`Transport`]: one connection, passed to each callback |
//! | `producer` | `IPushProducer`, `IPullProducer` | [`Producer`]: paused and resumed depending on pending output |
//! | `timers` | `IDelayedCall` | [`DelayedCall`] |
//! | `reactor`, `stop` | `ReactorBase` | [`Reactor`]: the loop |
//! | `entry` | | [`Key`]: the key of everything that the reactor holds |
//! | `port`, `connector`, `connection`, `socket` | `twisted.internet.tcp` | what the loop does with ports, pending connects ([`Connector`]), and connections |
//! | [`engine`] | `selectreactor`, `epollreactor`, … | the part that waits for readiness: tokio, mio, select |
//! | [`testing`] | `StringTransport`, `Clock` | a protocol without a socket |
//!
//! **A callback requests, the loop acts.** A callback's requests to its transport or to the reactor
//! are recorded, and applied when it has returned. So no callback runs inside another, and every
//! callback can get a `&mut Reactor`. Connections, ports, and pending connects have a [`Key`].
//! After one is closed, its key finds nothing.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod connection;
mod connector;
pub mod echo;
pub mod engine;
mod entry;
mod port;
mod producer;
mod protocol;
mod reactor;
mod socket;
mod stop;
pub mod testing;
mod timers;
mod transport;

pub use connector::Connector;
pub use echo::{serve, server};
pub use engine::EngineKind;
pub use entry::Key;
pub use producer::Producer;
pub use protocol::{ClientFactory, Factory, Protocol, Reason};
pub use reactor::Reactor;
pub use timers::DelayedCall;
pub use transport::Transport;
