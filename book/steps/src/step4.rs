//! Step 4: no client takes as much as it likes.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};

use common::sys::{AsDescriptor, Fd, Listener, Stream};
use common::{ConnectionLimit, Lifecycle, Permit, Settings, StopSignal};
use select_echo::{NOTHING, select};

/// Serves until a stop is requested.
pub fn serve(listener: Listener, settings: Settings, stop: StopSignal) -> io::Result<()> {
    let mut connections: BTreeMap<Fd, Connection> = BTreeMap::new();
    let limit = ConnectionLimit::new(settings.max_connections);
    let mut buffer = settings.read_buffer()?;
    loop {
        let mut inputs = vec![stop.descriptor()];
        if limit.is_open() {
            inputs.push(listener.descriptor());
        }
        let mut outputs = Vec::new();
        for connection in connections.values() {
            if connection.readable() {
                inputs.push(connection.socket.descriptor());
            }
            if connection.writable() {
                outputs.push(connection.socket.descriptor());
            }
        }
        let ready = select(&inputs, &outputs, NOTHING, None)?;
        for fd in &ready.outputs {
            if let Some(connection) = connections.get_mut(fd) {
                connection.handle_write(&settings);
            }
        }
        for fd in &ready.inputs {
            if let Some(connection) = connections.get_mut(fd) {
                connection.handle_read(&mut buffer, &settings);
            }
        }
        connections.retain(|_, connection| connection.lifecycle != Lifecycle::Closed);
        if ready.inputs.contains(&listener.descriptor().number()) {
            let (socket, peer) = listener.accept()?;
            let permit = limit.accepted(peer);
            let fd = socket.descriptor().number();
            connections.insert(fd, Connection::new(socket, permit));
        }
        if ready.inputs.contains(&stop.descriptor().number()) {
            return Ok(());
        }
    }
}

/// One client. Dropping it closes its socket.
struct Connection {
    socket: Stream,
    /// Its place within the limit, until it is dropped.
    _permit: Permit,
    pending_output: VecDeque<u8>,
    lifecycle: Lifecycle,
    /// Reading is paused since more than the high-water mark was pending.
    reading_paused: bool,
}

impl Connection {
    fn new(socket: Stream, permit: Permit) -> Self {
        Connection {
            socket,
            _permit: permit,
            pending_output: VecDeque::new(),
            lifecycle: Lifecycle::Open,
            reading_paused: false,
        }
    }

    /// Whether it is watched for reading.
    fn readable(&self) -> bool {
        self.lifecycle == Lifecycle::Open && !self.reading_paused
    }

    /// Whether it is watched for writing: it has something to send.
    fn writable(&self) -> bool {
        !self.pending_output.is_empty()
    }

    /// The socket is readable: reads once, and sends back what has come.
    fn handle_read(&mut self, buffer: &mut [u8], settings: &Settings) {
        match self.socket.recv(buffer) {
            Ok(0) if self.lifecycle == Lifecycle::Open => self.enter(Lifecycle::PeerClosed),
            Ok(0) => self.lifecycle = Lifecycle::Closed,
            Ok(count) => {
                self.pending_output.extend(&buffer[..count]);
                self.handle_write(settings);
                self.reading_paused = self.pending_output.len() > settings.high_water;
            }
            Err(error) if is_not_ready(&error) => {}
            Err(_) => self.lifecycle = Lifecycle::Closed,
        }
    }

    /// The socket is writable: sends pending output, as much of it as the kernel takes.
    fn handle_write(&mut self, settings: &Settings) {
        match self.socket.send(self.pending_output.make_contiguous()) {
            Ok(count) => {
                self.pending_output.drain(..count);
                if self.pending_output.is_empty() {
                    self.pending_output = VecDeque::new(); // An idle connection keeps no memory.
                }
                self.reading_paused &= self.pending_output.len() > settings.low_water();
                self.enter(self.lifecycle); // If nothing is pending any more, the next state follows.
            }
            Err(error) if is_not_ready(&error) => {}
            Err(_) => self.lifecycle = Lifecycle::Closed,
        }
    }

    /// Enters this state, or the one after it when nothing is pending.
    fn enter(&mut self, lifecycle: Lifecycle) {
        self.lifecycle = match lifecycle {
            Lifecycle::PeerClosed if self.pending_output.is_empty() => Lifecycle::Closed,
            lifecycle => lifecycle,
        };
    }
}

/// Whether the call can succeed later: the next time that select finds its socket ready.
fn is_not_ready(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
