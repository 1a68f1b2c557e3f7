//! The first server of the chat style.

use std::rc::Rc;
use std::{io, mem};

use chat_echo::{AsyncChat, Chat, ChatChannel, Terminator};
use common::sys::Listener;
use dispatcher_echo::SocketMap;

use crate::shared::Acceptor;

/// Serves until a stop is requested, which closes everything in the map.
pub fn serve(listener: Listener, mut map: SocketMap) -> io::Result<()> {
    map.open_listener(listener, Acceptor(echo_chat))?;
    map.run_loop(None, None)
}

/// The object of a new client.
fn echo_chat() -> Chat<EchoChat> {
    let newline = Terminator::Bytes(b"\n".into());
    Chat::new(EchoChat::default(), newline, Rc::default())
}

/// What has come of a client's line so far.
#[derive(Default)]
struct EchoChat(Vec<u8>);

impl AsyncChat for EchoChat {
    fn collect_incoming_data(&mut self, _: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        self.0.extend(data);
        Ok(())
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        self.0.push(b'\n');
        chat.push(mem::take(&mut self.0));
        Ok(())
    }
}
