//! Style 3: an echo server of chat objects, after Python's asynchat, on the dispatchers of style 2.
//!
//! A chat object doesn't handle bytes, but complete *messages*. It sets the terminator of a
//! message, collects the bytes before it, and is called when the terminator was found.
//!
//! | original (asynchat) | here | difference |
//! |---|---|---|
//! | `async_chat` | [`AsyncChat`], the user's object, in a [`Chat`] | splitting and sending is in a wrapper, not in a base class |
//! | `set_terminator(b"…" or 42 or None)` | [`Terminator::Bytes`], [`Count`](Terminator::Count), [`Never`](Terminator::Never) | |
//! | `collect_incoming_data`, `found_terminator` | [`AsyncChat`] | can fail; then the rest of what was read is dropped |
//! | `push`, `push_with_producer` | [`ChatChannel`] | sent together when the handler has returned, not one by one; a `Vec` is not copied; nothing can be pushed after `close_when_done` |
//! | `close_when_done` | [`ChatChannel::close_when_done`] | splits no more input; calls `handle_close`, and then closes without destroying output that is still on its way |
//! | `discard_buffers` | [`ChatChannel::discard_buffers`] | doesn't affect input that the object has collected |
//! | `handle_close` | [`AsyncChat::handle_close`] | called once, and again if the connection is lost after that; the default still sends the pushed output |
//! | `handle_error` | [`AsyncChat::handle_error`] | as in the dispatchers |
//! | `readable` | – | reading pauses while too much output is pending; the original always reads |
//! | `ac_in_buffer_size`, `ac_out_buffer_size` | [`Settings`](common::Settings): `recv_size` and `high_water` | |
//! | `_collect_incoming_data` | [`Channel::collect`](dispatcher_echo::Channel::collect) | the object keeps the message |
//! | `use_encoding`, `_get_data` | – | |
//! | `simple_producer` | [`SimpleProducer`] | |
//! | the loop in `handle_read`, `find_prefix_at_end` | [`FrameDecoder`] | a type of its own, so that it can be tested without a socket |
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
mod frame_decoder;
mod output;
mod producer;
mod terminator;

pub use async_chat::AsyncChat;
pub use chat::Chat;
pub use chat_channel::ChatChannel;
pub use echo::{Server, serve, server};
pub use frame_decoder::{FrameDecoder, Piece};
pub use producer::{Producer, SimpleProducer};
pub use terminator::Terminator;
