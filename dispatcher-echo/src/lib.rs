//! Style 2: an echo server of dispatcher objects, after Python's asyncore, on mio.
//!
//! Each socket belongs to an object. The loop finds out which events each object is interested in,
//! waits for all of them at once, and calls the method for each event that happened.
//!
//! | original (asyncore) | here | difference |
//! |---|---|---|
//! | `dispatcher` | [`Dispatcher`], the user's object, and [`Channel`], its socket | two types: the loop passes the channel to each handler |
//! | `dispatcher_with_send` | [`DispatcherWithSend`] | a field of the user's object, not its base class |
//! | `file_dispatcher` | [`SocketMap::open_file`] | anything that is `Into<`[`File`](common::sys::File)`>`, such as an `OwnedFd` |
//! | `socket_map` | [`SocketMap`] | a value, not a global |
//! | `loop(timeout, use_poll, map, count)` | [`SocketMap::run_loop`] | [`Poll`](common::sys::Poll) chooses how to wait; no timeout means no limit, not 30 s |
//! | `poll`, `poll2` | [`SocketMap::poll`] | calls `readable` and `writable` only of objects that were called; like `poll2`, finishes one object before the next |
//! | `close_all` | [`SocketMap::close_all`], [`Channel::close_all`] | applied at the end of the iteration |
//! | – | [`SocketMap::stop_all`], [`SocketMap::expire`] | asyncore has no stop but `close_all`, and no timers |
//! | `create_socket`, `bind`, `listen`, `set_reuse_addr` | [`common::net::listen`] | |
//! | `ExitNow` | – | `close_all` ends the loop |
//!
//! The docs of [`Dispatcher`] and [`Channel`] list the differences of their methods.
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
