//! Step 1: one loop echoes for many clients.

use std::collections::BTreeMap;
use std::io;

use common::StopSignal;
use common::sys::{AsDescriptor, Fd, Listener, Stream};
use select_echo::{NOTHING, select};

/// Serves until a stop is requested.
pub fn serve(listener: Listener, stop: StopSignal) -> io::Result<()> {
    let mut connections: BTreeMap<Fd, Connection> = BTreeMap::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut inputs = vec![listener.descriptor(), stop.descriptor()];
        for connection in connections.values() {
            inputs.push(connection.socket.descriptor());
        }
        let ready = select(&inputs, NOTHING, NOTHING, None)?;
        for fd in &ready.inputs {
            if let Some(connection) = connections.get_mut(fd) {
                connection.handle_read(&mut buffer);
            }
        }
        connections.retain(|_, connection| connection.open);
        if ready.inputs.contains(&listener.descriptor().number()) {
            let (socket, _) = listener.accept()?;
            let fd = socket.descriptor().number();
            connections.insert(fd, Connection { socket, open: true });
        }
        if ready.inputs.contains(&stop.descriptor().number()) {
            return Ok(());
        }
    }
}

/// One client. Dropping it closes its socket.
struct Connection {
    socket: Stream,
    open: bool,
}

impl Connection {
    /// The socket is readable: reads once, and sends back what has come.
    fn handle_read(&mut self, buffer: &mut [u8]) {
        match self.socket.recv(buffer) {
            Ok(0) | Err(_) => self.open = false,
            Ok(count) => {
                let _ = self.socket.send(&buffer[..count]); // It can send less than all.
            }
        }
    }
}
