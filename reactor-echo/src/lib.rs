//! Style 4: an echo server of a Twisted-like reactor, protocols and factories.
//!
//! The user writes a [`Protocol`] for one side of one conversation, and a [`Factory`] that makes
//! one for each connection. The [`Reactor`] owns the sockets, the buffers and the timers, and waits
//! with the [`Engine`](engine::Engine) of one's choice.
//!
//! | module | Twisted | here |
//! |---|---|---|
//! | [`echo`] | `class Echo(Protocol)` | what a user of this style writes |
//! | `protocol` | `twisted.internet.protocol` | [`Protocol`], [`Factory`], [`ClientFactory`], [`Reason`] |
//! | `transport` | `self.transport` | [`Transport`]: one connection, lent to a callback |
//! | `producer` | `IPushProducer`, `IPullProducer` | [`Producer`]: paused and resumed by pending output |
//! | `timers` | `IDelayedCall` | [`DelayedCall`] |
//! | `reactor`, `stop` | `ReactorBase` | [`Reactor`]: the loop |
//! | `entry` | | [`Key`]: everything that the reactor holds has one |
//! | `port`, `connector`, `connection` | `twisted.internet.tcp` | what the loop does with ports, attempts to connect ([`Connector`]), and connections |
//! | [`engine`] | `selectreactor`, `epollreactor`, … | what waits for readiness: tokio, mio, select |
//! | [`testing`] | `StringTransport`, `Clock` | a protocol without a socket |
//!
//! **A callback requests, the loop acts.** What a callback requests of its transport or of the
//! reactor is recorded, and applied when it has returned. So no callback runs inside another, and
//! the reactor can be lent to each of them. Connections, ports and attempts to connect have a
//! [`Key`]; once one is gone, its key finds nothing.

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
