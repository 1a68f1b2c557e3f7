//! A chat room: a client's first line is its nickname, and all later ones go to the other members.
//!
//! Shows how one object makes another one send without calling it. It puts a message into the
//! others' outboxes and calls `reconsider` for them. The loop finds that they have become
//! `writable`, and calls `handle_write` of each when its socket is ready.
//!
//! ```sh
//! cargo run -p chat-echo --example chat_room -- 7000
//! nc 127.0.0.1 7000          # in two other terminals
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::rc::Rc;

use chat_echo::{AsyncChat, Chat, ChatChannel, Terminator};
use common::StopSignal;
use common::sys::Listener;
use dispatcher_echo::Key;

mod shared;

/// The longest line, in bytes.
const LONGEST_LINE: usize = 1000;

/// A member with more unread bytes than this has stopped reading, and misses further messages.
const FULL_OUTBOX: usize = 256 * 1024;

fn main() -> io::Result<()> {
    shared::run(serve)
}

/// Serves the clients of this listener until the stop signal is raised.
pub fn serve(listener: Listener, stop: StopSignal) -> io::Result<()> {
    let room = Room::default();
    shared::serve_each(listener, stop, move |settings| {
        let member = Member {
            nickname: Vec::new(),
            line: Vec::new(),
            outbox: Outbox::default(),
            room: Rc::clone(&room),
        };
        Chat::new(member, Terminator::Bytes(b"\n".into()), settings)
    })
}

/// The messages to send to one member. The member and the room share it.
type Outbox = Rc<RefCell<Vec<u8>>>;

/// The outboxes of all members.
type Room = Rc<RefCell<BTreeMap<Key, Outbox>>>;

/// One client. It is in the room when its nickname is known.
struct Member {
    /// Empty until then.
    nickname: Vec<u8>,
    /// The part of the current line that has arrived so far.
    line: Vec<u8>,
    outbox: Outbox,
    room: Room,
}

impl AsyncChat for Member {
    fn collect_incoming_data(&mut self, _: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        if self.line.len() + data.len() > LONGEST_LINE {
            return Err(io::Error::other("the line is too long"));
        }
        self.line.extend_from_slice(data);
        Ok(())
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        let line = mem::take(&mut self.line);
        let line = line.trim_ascii();
        if line.is_empty() {
            chat.push(b"* empty lines are not sent\n");
        } else if self.nickname.is_empty() {
            self.enter(chat, line);
        } else {
            self.tell_others(chat, &[&self.nickname[..], b": ", line, b"\n"].concat());
        }
        Ok(())
    }

    fn writable(&self) -> bool {
        !self.outbox.borrow().is_empty()
    }

    fn handle_write(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        // One outbox at a time: take the next when the peer has taken the last one.
        if chat.pending_output() == 0 {
            chat.push(self.outbox.take());
        }
        Ok(())
    }

    fn handle_close(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        self.leave(chat);
        chat.close_when_done();
        Ok(())
    }

    fn handle_error(&mut self, chat: &mut ChatChannel, _: io::Error) {
        self.leave(chat);
        chat.channel().close();
    }
}

impl Member {
    fn enter(&mut self, chat: &mut ChatChannel, nickname: &[u8]) {
        self.nickname = nickname.to_vec();
        let mut room = self.room.borrow_mut();
        chat.push(format!("* welcome, you find {} others\n", room.len()).as_bytes());
        room.insert(chat.channel().key(), Rc::clone(&self.outbox));
        drop(room);
        self.tell_others(chat, &[b"* ", nickname, b" comes in\n"].concat());
    }

    fn leave(&mut self, chat: &mut ChatChannel) {
        let was_in = self.room.borrow_mut().remove(&chat.channel().key());
        if was_in.is_some() {
            self.tell_others(chat, &[b"* ", &self.nickname[..], b" has left\n"].concat());
        }
    }

    fn tell_others(&self, chat: &mut ChatChannel, text: &[u8]) {
        let channel = chat.channel();
        let me = channel.key();
        for (&key, outbox) in self.room.borrow().iter().filter(|(key, _)| **key != me) {
            let mut outbox = outbox.borrow_mut();
            if outbox.len() < FULL_OUTBOX {
                outbox.extend_from_slice(text);
                channel.reconsider(key);
            }
        }
    }
}
