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
//! | `handle` | `twisted.internet.reactor`, as callbacks use it | [`ReactorHandle`]: all that can be requested of the reactor |
//! | `producer` | `IPushProducer`, `IPullProducer` | [`Producer`]: paused and resumed by pending output |
//! | `timers` | `IDelayedCall` | [`DelayedCall`] |
//! | `connector` | `IConnector` | [`Connector`] |
//! | `reactor` | `ReactorBase`, `twisted.internet.tcp` | [`Reactor`]: the loop |
//! | [`engine`] | `selectreactor`, `epollreactor`, … | what waits for readiness: tokio, mio, select |
//! | [`testing`] | `StringTransport`, `Clock` | a protocol without a socket |
//!
//! **A callback requests, the loop acts.** What a callback requests of its transport or of the
//! reactor is recorded, and applied when it has returned. So no callback runs inside another, and
//! nothing needs to be shared and counted to be reached: connections, ports and attempts have a
//! [`Key`], and one that is gone is a key that finds nothing.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod connection;
mod connector;
pub mod echo;
pub mod engine;
mod handle;
mod key;
mod output;
mod port;
mod producer;
mod protocol;
mod reactor;
pub mod testing;
mod timers;
mod transport;

pub use connector::Connector;
pub use echo::{serve, server};
pub use engine::EngineKind;
pub use handle::ReactorHandle;
pub use key::Key;
pub use producer::Producer;
pub use protocol::{ClientFactory, Factory, Protocol, Reason};
pub use reactor::{Reactor, Write};
pub use timers::DelayedCall;
pub use transport::Transport;
