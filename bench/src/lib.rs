//! The four echo servers beside one another, and beside what else one could have picked: counts
//! first, clocks second. `bench/README.md` states the method.
//!
//! | module | for |
//! |---|---|
//! | [`candidate`] | the servers that are compared |
//! | [`builder`] | building them, and finding out which of them this machine lacks |
//! | [`harness`] | one of them running on a core of its own, and a slice of load on it |
//! | [`groups`] | the loads that they are measured with |
//! | [`trial`] | one sample of that |
//! | [`run`] | that, in rounds |
//! | [`table`] | what their samples amount to |
//! | [`counts`] | what each costs, counted instead of timed |
//! | [`comparison`] | all of it, as it is written as JSON |
//! | [`report`] | all of it as text: tables and sentences |
//! | [`live`] | the live comparison: `cargo run --release -p bench` |
//! | [`cores`] | which core is whose |
//! | [`machine`] | what all this was measured on |

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
