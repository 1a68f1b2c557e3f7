//! Style 3: an echo server of chat objects, after Python's asynchat, on the dispatchers of style 2.
//!
//! A chat object is not told of bytes that have come, but of a *message* that is complete: it says
//! what ends one, collects what comes before that, and is called when the end was found.
//!
//! | original (asynchat) | here | difference |
//! |---|---|---|
//! | `async_chat` | [`AsyncChat`], the user's object, in a [`Chat`] | the part that splits and sends is not the user's base class |
//! | `set_terminator(b"…" or 42 or None)` | [`Terminator::Bytes`], [`Count`](Terminator::Count), [`Never`](Terminator::Never) | |
//! | `push`, `push_with_producer`, `close_when_done`, … | [`ChatChannel`] | sent when the handler has returned, not one by one |
//! | `simple_producer` | [`SimpleProducer`] | |
//! | the loop in `handle_read`, `find_prefix_at_end` | [`Splitter`] | on its own, so that it can be tested without a socket |
//!
//! [`echo`] is what a user of this style writes.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod async_chat;
mod chat;
mod chat_channel;
pub mod echo;
mod output;
mod producer;
mod splitter;
mod terminator;

pub use async_chat::AsyncChat;
pub use chat::Chat;
pub use chat_channel::ChatChannel;
pub use echo::{serve, server};
pub use producer::{Producer, SimpleProducer};
pub use splitter::{Piece, Splitter};
pub use terminator::Terminator;
