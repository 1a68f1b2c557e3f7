//! The first server of the dispatcher style.

use std::io;
use std::net::SocketAddr;

use common::StopSignal;
use common::sys::{Listener, Stream};
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

/// The object of the pipe that a signal writes to.
struct StopHandler;

impl Dispatcher for StopHandler {
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        channel.close_all();
        Ok(())
    }
}
