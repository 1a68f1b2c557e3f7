//! A chat room: it sends each line of one member to all the others. Shows state that a factory
//! shares with its protocols.
//!
//! `cargo run -p reactor-echo --example reactor_chat_room -- 127.0.0.1:8882`, and `nc 127.0.0.1
//! 8882` in two windows.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use common::sys::Listener;
use common::{Settings, StopSignal};
use reactor_echo::{EngineKind, Factory, Key, Protocol, Reactor, Reason, Transport};

/// A member with more pending output than this has stopped reading, and is disconnected. Otherwise
/// the room's memory would grow without limit.
const PATIENCE: usize = 1024 * 1024;

/// The longest line, in bytes. A member who sends a longer one is disconnected.
const LONGEST_LINE: usize = 1000;

/// The members in the room.
type Room = Rc<RefCell<BTreeSet<Key>>>;

/// Sends `words` to all members except the speaker.
fn tell_others(reactor: &mut Reactor, room: &Room, speaker: Key, words: &[u8]) {
    for &member in room.borrow().iter().filter(|member| **member != speaker) {
        let Some(mut transport) = reactor.transport(member) else {
            continue;
        };
        if transport.pending_output() > PATIENCE {
            transport.abort_connection();
        } else {
            transport.write(words);
        }
    }
}

struct Member {
    room: Room,
    key: Option<Key>,
    /// The part of the current line that has arrived so far.
    line: Vec<u8>,
}

impl Protocol for Member {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let key = transport.key();
        self.key = Some(key);
        self.room.borrow_mut().insert(key);
        transport.write(format!("you are {key}\n").as_bytes());
        let words = format!("{key}: comes in\n");
        tell_others(transport.reactor(), &self.room, key, words.as_bytes());
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        let key = transport.key();
        let mut words = Vec::new();
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend(piece);
            if self.line.len() > LONGEST_LINE {
                transport.abort_connection();
                break;
            }
            if piece.ends_with(b"\n") {
                words.extend(format!("{key}: ").as_bytes());
                words.append(&mut self.line);
            }
        }
        // One write for all lines, since each write is a system call.
        tell_others(transport.reactor(), &self.room, key, &words);
    }

    fn connection_lost(&mut self, reactor: &mut Reactor, _reason: &Reason) {
        if let Some(key) = self.key {
            self.room.borrow_mut().remove(&key);
            let words = format!("{key}: goes out\n");
            tell_others(reactor, &self.room, key, words.as_bytes());
        }
    }
}

#[derive(Default)]
struct ChatFactory {
    room: Room,
}

impl Factory for ChatFactory {
    fn build_protocol(&mut self, _peer: SocketAddr) -> Option<Box<dyn Protocol>> {
        let room = Rc::clone(&self.room);
        let (key, line) = (None, Vec::new());
        Some(Box::new(Member { room, key, line }))
    }
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8882".into());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let stop = StopSignal::on_signals()?;
    let reactor = Reactor::new(EngineKind::default(), Settings::default())?;
    let listener = Listener::bind(address, 50)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    serve(reactor, listener, stop)
}

/// Serves the clients of this listener until the stop signal is raised.
pub fn serve(mut reactor: Reactor, listener: Listener, stop: StopSignal) -> io::Result<()> {
    reactor.adopt_stream_port(listener, ChatFactory::default())?;
    let stop = Rc::new(stop);
    reactor.add_reader(Rc::<StopSignal>::clone(&stop), move |reactor| {
        if stop.is_raised() {
            reactor.stop();
        }
    })?;
    reactor.run()
}
