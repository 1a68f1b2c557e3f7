//! The first server of the chat style.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use chat_echo::{AsyncChat, Chat, ChatChannel, Terminator};
use common::sys::{Listener, Stream};
use common::{Settings, StopSignal};
use dispatcher_echo::{Channel, Dispatcher, SocketMap};

/// Serves until a stop is requested.
pub fn serve(listener: Listener, stop: StopSignal) -> io::Result<()> {
    let mut map = SocketMap::new(vec![0; 8192])?;
    map.open_listener(listener, EchoServer)?;
    map.open_file(stop.try_clone_file()?, StopHandler)?;
    map.run_loop(None, None)
}

/// The listener's object.
struct EchoServer;

impl Dispatcher for EchoServer {
    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        _: SocketAddr,
    ) -> io::Result<()> {
        let terminator = Terminator::Bytes(b"\n".into());
        let settings = Rc::new(Settings::default());
        channel.open(socket, Chat::new(EchoChat::default(), terminator, settings))?;
        Ok(())
    }
}

/// One client's object: what has come of a line so far.
#[derive(Default)]
struct EchoChat(Vec<u8>);

impl AsyncChat for EchoChat {
    fn collect_incoming_data(&mut self, _: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        self.0.push(b'\n');
        chat.push(std::mem::take(&mut self.0));
        Ok(())
    }
}

/// The object of the pipe that a signal writes to.
struct StopHandler;

impl Dispatcher for StopHandler {
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        channel.close_all();
        Ok(())
    }
}
