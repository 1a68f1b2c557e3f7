//! Compares the four echo servers with each other, and with other servers that you could choose:
//! counts first, clocks second. `bench/README.md` describes the method.
//!
//! | module | for |
//! |---|---|
//! | [`candidate`] | the servers that are compared |
//! | [`builder`] | building them, and finding out which of them this machine lacks |
//! | [`harness`] | one of them running on its own core, and a slice of load on it |
//! | [`groups`] | the loads that they are measured with |
//! | [`trial`] | one sample of such a load |
//! | [`run`] | the samples of a group, in rounds |
//! | [`table`] | the tables made from the samples |
//! | [`counts`] | what each server costs, counted instead of timed |
//! | [`comparison`] | all of it, to be written as JSON |
//! | [`report`] | all of it as text: tables and sentences |
//! | [`live`] | the live comparison: `cargo run --release -p bench` |
//! | [`workers`] | what several workers of one server change |
//! | [`cores`] | which core each program runs on |
//! | [`machine`] | the machine and its software |

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod builder;
mod calls;
pub mod candidate;
pub mod comparison;
pub mod cores;
pub mod counts;
pub mod groups;
pub mod harness;
pub mod live;
pub mod machine;
pub mod report;
pub mod run;
pub mod table;
pub mod trial;
pub mod workers;
