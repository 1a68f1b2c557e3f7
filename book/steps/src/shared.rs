//! What the first server of the dispatcher style shares with that of the chat style.

use std::io;
use std::net::SocketAddr;

use common::StopSignal;
use common::sys::Stream;
use dispatcher_echo::{Channel, Dispatcher, SocketMap};

/// Creates a map that closes all its channels, which ends its loop, when a stop is requested.
///
/// # Errors
/// No descriptor for what the map waits with, or for the stop signal.
pub fn socket_map(stop: &StopSignal) -> io::Result<SocketMap> {
    let mut map = SocketMap::new(vec![0; 8192])?;
    map.open_file(stop.try_clone_file()?, StopHandler)?;
    Ok(map)
}

/// The object of the pipe that a signal writes to.
struct StopHandler;

impl Dispatcher for StopHandler {
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        channel.close_all();
        Ok(())
    }
}

/// A listener's object. It adds each client to the map, with the object that this function returns.
pub struct Acceptor<Object>(pub fn() -> Object);

impl<Object: Dispatcher + 'static> Dispatcher for Acceptor<Object> {
    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        _: SocketAddr,
    ) -> io::Result<()> {
        channel.open(socket, (self.0)())?;
        Ok(())
    }
}
