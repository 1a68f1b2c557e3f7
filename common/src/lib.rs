//! What all four echo servers share and no style owns.
//!
//! | module | for |
//! |---|---|
//! | [`args`] | the options that every server takes, and the [`Settings`] made from them |
//! | [`run`] | from parsed arguments to a serving loop and an exit status |
//! | [`net`] | listening, connecting and tuning sockets, in one place |
//! | [`admission`] | who is let in: the limits on accepting |
//! | [`stop`] | SIGINT and SIGTERM as a descriptor that any loop can wait on |
//! | [`logging`] | the log on standard error and the trace file |
//! | [`sys`] | the few system calls of every loop: counted, traced and, when asked, faulted |
//! | `client`, `program` | the test client, and a server that a test starts (feature `client`, as is the next line) |
//! | `talk`, `load`, `check` | what the program `echo-client` does |
//!
//! The servers are built without the feature `client`; the program `echo-client` and every test
//! take it.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod admission;
pub mod args;
pub mod logging;
pub mod net;
pub mod run;
pub mod stop;
pub mod sys;

pub use admission::Admission;
pub use args::Settings;
pub use run::Serve;
pub use stop::StopSignal;

#[cfg(feature = "client")]
pub mod check;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod load;
#[cfg(feature = "client")]
pub mod program;
#[cfg(feature = "client")]
pub mod talk;
