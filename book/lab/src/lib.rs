//! The four styles over the simulated kernel.
//!
//! | module | for |
//! |---|---|
//! | [`server`] | a server of any style, run over a script: a [`Trace`](common::sys::sim::Trace) |
//! | [`bug`] | the bugs that a copy of this program can turn on |
//! | [`matrix`] | what each of them breaks in each style |
//! | [`case`](mod@case) | one run with everything that decides it, as command-line options |
//! | [`generate`] | a case made from a number |
//! | [`plan`] | what a script makes each client do |
//! | [`history`] | what a trace shows about each connection, record by record |
//! | [`contract`] | the rules that hold in every run, whatever happens |
//! | [`shrink`] | the smallest case that still breaks a rule |
//! | [`run`](mod@run) | several servers, run over one script: what a page shows of them |
//! | [`simulate`] | many cases, one after the other |
//!
//! The reactor's engine on tokio needs descriptors of the operating system, so the reactor is built without
//! it here (its feature `tokio`).

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod bug;
pub mod case;
pub mod contract;
pub mod generate;
pub mod history;
pub mod matrix;
pub mod plan;
pub mod run;
pub mod server;
pub mod shrink;
pub mod simulate;
