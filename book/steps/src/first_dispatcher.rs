//! The first server of the dispatcher style.

use std::io;
use std::net::SocketAddr;

use common::sys::{Listener, Stream};
use dispatcher_echo::{Channel, Dispatcher, SocketMap};

/// Serves until a stop is requested, which closes everything in the map.
pub fn serve(listener: Listener, mut map: SocketMap) -> io::Result<()> {
    map.open_listener(listener, EchoServer)?;
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
        channel.open(socket, EchoHandler)?;
        Ok(())
    }
}

/// One client's object.
struct EchoHandler;

impl Dispatcher for EchoHandler {
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        let data = channel.recv(8192)?;
        channel.send(data)?; // It can send less than all.
        Ok(())
    }
}
