//! The parts that all four echo servers share, and that belong to no style.
//!
//! | module | for |
//! |---|---|
//! | [`args`] | the options that every server takes, and the [`Settings`] made from them |
//! | `run`, `workers` | from parsed arguments to a serving loop, or several, and an exit status (feature `server`, as is `logging`) |
//! | [`net`] | listening, connecting and tuning sockets, in one place |
//! | [`connection_limit`] | how many connections a server holds, and when it accepts the next one |
//! | [`lifecycle`] | where a connection is in its life |
//! | [`stop`] | SIGINT and SIGTERM as a descriptor that any loop can wait on |
//! | [`clock`] | the time of a loop, and when a deadline has passed |
//! | [`proxy_protocol`] | the header with which a proxy begins a connection |
//! | [`output`] | what programs print |
//! | `logging`, [`background_writer`] | what servers write while they run: the log, the trace |
//! | `script` | scripts: what clients do to a server, step by step (feature `sim` or `client`) |
//! | [`sys`] | the few system calls of every loop: counted, traced, and, if you like, faulted |
//! | `sys::sim` | a simulated kernel behind the same calls (feature `sim`) |
//! | `client` | the test client, the contract checker, the load generator (feature `client`) |
//! | `cargo`, `code_lines` | building programs, and counting their lines (feature `workspace`, as is the next line) |
//! | `comparison` | the results of the benchmarks |
//!
//! On a system that isn't Unix, such as WebAssembly, the crate contains only what a server needs over
//! the simulated kernel (feature `sim`).
//!
//! The servers are built without the feature `client`. The program `echo-client` and all tests
//! use it.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod args;
#[cfg(unix)]
pub mod background_writer;
#[cfg(feature = "client")]
pub mod client;
pub mod clock;
pub mod connection_limit;
pub mod lifecycle;
#[cfg(all(unix, feature = "server"))]
pub mod logging;
pub mod net;
#[cfg(unix)]
pub mod output;
pub mod proxy_protocol;
#[cfg(all(unix, feature = "server"))]
pub mod run;
#[cfg(any(feature = "sim", feature = "client"))]
pub mod script;
pub mod stop;
pub mod sys;
#[cfg(all(unix, feature = "server"))]
mod workers;

pub use args::{SendPolicy, Settings};
pub use clock::Clock;
pub use connection_limit::{ConnectionLimit, Permit};
pub use lifecycle::Lifecycle;
pub use stop::StopSignal;

#[cfg(feature = "workspace")]
pub mod cargo;
#[cfg(feature = "workspace")]
pub mod code_lines;
#[cfg(feature = "workspace")]
pub mod comparison;
