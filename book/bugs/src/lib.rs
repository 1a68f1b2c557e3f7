//! Servers with a bug: a copy of the four styles in which one of many bugs can be turned on.
//!
//! A bug is a file of the styles with some lines changed. The copy contains both forms of the function
//! around these lines, the right one and the wrong one, and chooses between them at run time. So it is
//! built only once for all bugs, and the sources that readers study contain none.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod copy;
mod function;
pub mod published;

pub use copy::{Change, make_copy, wrong_source};
