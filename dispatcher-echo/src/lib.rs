//! Style 2: an echo server of dispatcher objects, after Python's asyncore, on mio.
//!
//! Each socket belongs to an object. The loop asks the object what it wants to know of, waits for
//! all of them at once, and calls the method that is named for what has happened.
//!
//! | original (asyncore) | here | difference |
//! |---|---|---|
//! | `dispatcher` | [`Dispatcher`], the user's object, and [`Channel`], its socket | two things, so that the loop can lend one to the other |
//! | `dispatcher_with_send` | [`DispatcherWithSend`] | a field of the user's object, not its base class |
//! | `file_dispatcher` | [`SocketMap::open_file`] | anything that is `Into<`[`File`](common::sys::File)`>`, such as an `OwnedFd` |
//! | `socket_map` | [`SocketMap`] | a value, no global |
//! | `loop(timeout, use_poll, map, count)` | [`SocketMap::run_loop`] | the way of waiting is [`Poll`](common::sys::Poll)'s choice; no timeout is for ever, not 30 s |
//! | `poll`, `poll2` | [`SocketMap::poll`] | asks only those objects that were called, not all; in `poll2`'s order: one object after the other |
//! | `close_all` | [`SocketMap::close_all`], [`Channel::close_all`] | done at the end of the iteration |
//! | – | [`SocketMap::stop_all`], [`SocketMap::expire`] | asyncore has no stop but `close_all`, and no timers |
//! | `create_socket`, `bind`, `listen`, `set_reuse_addr` | [`common::net::listen`] | |
//! | `ExitNow` | – | `close_all` ends the loop |
//!
//! [`Dispatcher`] and [`Channel`] begin with the differences of their methods.
//!
//! [`echo`] is what a user of this style writes.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod channel;
mod dispatcher;
mod dispatcher_with_send;
pub mod echo;
mod entry;
mod readwrite;
mod registry;
mod socket_map;

pub use channel::Channel;
pub use dispatcher::Dispatcher;
pub use dispatcher_with_send::DispatcherWithSend;
pub use echo::{Server, serve, server};
pub use entry::Key;
pub use socket_map::SocketMap;
