//! Style 1: an echo server built on a bare select(2) loop.
//!
//! There is no framework. In every iteration, the program passes its connections to the kernel,
//! learns which of them are ready, and does the work itself.
//!
//! | original (Python's `select` module) | here | difference |
//! |---|---|---|
//! | `select.select(rlist, wlist, xlist, timeout)` | [`select()`] | a descriptor at or beyond FD_SETSIZE is an error before the call |
//! | an object with `fileno()` | anything that is [`AsDescriptor`](common::sys::AsDescriptor) | |
//! | the three lists that are returned | [`Ready`] | descriptors, not objects: look them up in the [`FdMap`] |
//!
//! [`echo`] is what a user of this style writes: all of it.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod echo;
mod fd_map;
mod select;

pub use echo::{Server, serve, server};
pub use fd_map::FdMap;
pub use select::{NOTHING, Ready, select};
