//! Step 2: what the kernel doesn't take is sent later.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};

use common::StopSignal;
use common::sys::{AsDescriptor, Fd, Listener, Stream};
use select_echo::{NOTHING, select};

/// Serves until a stop is requested.
pub fn serve(listener: Listener, stop: StopSignal) -> io::Result<()> {
    let mut connections: BTreeMap<Fd, Connection> = BTreeMap::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut inputs = vec![listener.descriptor(), stop.descriptor()];
        let mut outputs = Vec::new();
        for connection in connections.values() {
            inputs.push(connection.socket.descriptor());
            if connection.writable() {
                outputs.push(connection.socket.descriptor());
            }
        }
        let ready = select(&inputs, &outputs, NOTHING, None)?;
        for fd in &ready.outputs {
            if let Some(connection) = connections.get_mut(fd) {
                connection.handle_write();
            }
        }
        for fd in &ready.inputs {
            if let Some(connection) = connections.get_mut(fd) {
                connection.handle_read(&mut buffer);
            }
        }
        connections.retain(|_, connection| connection.open);
        if ready.inputs.contains(&listener.descriptor().number()) {
            let (socket, _) = listener.accept()?;
            let fd = socket.descriptor().number();
            connections.insert(fd, Connection::new(socket));
        }
        if ready.inputs.contains(&stop.descriptor().number()) {
            return Ok(());
        }
    }
}

/// One client. Dropping it closes its socket.
struct Connection {
    socket: Stream,
    pending_output: VecDeque<u8>,
    open: bool,
}

impl Connection {
    fn new(socket: Stream) -> Self {
        Connection {
            socket,
            pending_output: VecDeque::new(),
            open: true,
        }
    }

    /// Whether it is watched for writing: it has something to send.
    fn writable(&self) -> bool {
        !self.pending_output.is_empty()
    }

    /// The socket is readable: reads once, and sends back what has come.
    fn handle_read(&mut self, buffer: &mut [u8]) {
        match self.socket.recv(buffer) {
            Ok(0) => self.open = false,
            Ok(count) => {
                self.pending_output.extend(&buffer[..count]);
                self.handle_write();
            }
            Err(error) if is_not_ready(&error) => {}
            Err(_) => self.open = false,
        }
    }

    /// The socket is writable: sends pending output, as much of it as the kernel takes.
    fn handle_write(&mut self) {
        match self.socket.send(self.pending_output.make_contiguous()) {
            Ok(count) => {
                self.pending_output.drain(..count);
            }
            Err(error) if is_not_ready(&error) => {}
            Err(_) => self.open = false,
        }
    }
}

/// Whether the call can succeed later: the next time that select finds its socket ready.
fn is_not_ready(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
