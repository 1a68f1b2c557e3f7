//! mio without anything around it. It is edge-triggered: an event reports that something has *changed*.
//! A loop that doesn't read until nothing is left gets no further event.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

mod start;

const LISTENER: Token = Token(usize::MAX);

/// Watches urgent data where the kernel reports it.
#[cfg(target_os = "linux")]
const READING: Interest = Interest::READABLE.add(Interest::PRIORITY);
#[cfg(not(target_os = "linux"))]
const READING: Interest = Interest::READABLE;

fn main() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::from_std(start::listen()?);
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections = Slab::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut events = Events::with_capacity(1024);
    let mut somebody_waits = false;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => somebody_waits = true,
                Token(key) => serve(&mut connections, key, event, &mut buffer),
            }
        }
        if somebody_waits {
            somebody_waits = !accept_all(&listener, poll.registry(), &mut connections);
        }
    }
}

/// Accepts clients. Returns whether none waits any more. If descriptors run out, one still waits,
/// and no event will report it again: the next iteration tries once more.
fn accept_all(
    listener: &TcpListener,
    registry: &Registry,
    connections: &mut Slab<Connection>,
) -> bool {
    loop {
        match listener.accept() {
            Ok((socket, _)) => {
                let entry = connections.vacant_entry();
                if let Ok(connection) = Connection::open(socket, registry, Token(entry.key())) {
                    entry.insert(connection);
                }
            }
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Lets a connection act, and forgets it at its end or its error, which closes it.
fn serve(connections: &mut Slab<Connection>, key: usize, event: &Event, buffer: &mut [u8]) {
    let Some(connection) = connections.get_mut(key) else {
        return;
    };
    if !matches!(connection.handle_event(event, buffer), Ok(NextAction::Wait)) {
        connections.remove(key);
    }
}

/// What to do with a connection once nothing more can be done now.
#[derive(PartialEq)]
enum NextAction {
    Wait,
    Close,
}

struct Connection {
    socket: TcpStream,
    /// The part of one read that the kernel hasn't taken yet. Until it is sent, no more is read.
    pending: Vec<u8>,
}

impl Connection {
    fn open(mut socket: TcpStream, registry: &Registry, token: Token) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        // Both, for the whole connection: an edge costs nothing while nothing changes.
        registry.register(&mut socket, token, READING | Interest::WRITABLE)?;
        let pending = Vec::new();
        Ok(Connection { socket, pending })
    }

    fn handle_event(&mut self, event: &Event, buffer: &mut [u8]) -> io::Result<NextAction> {
        let was_blocked = !self.pending.is_empty();
        if was_blocked {
            let pending = mem::take(&mut self.pending);
            self.send(&pending)?;
        }
        if !self.pending.is_empty() {
            return Ok(NextAction::Wait);
        }
        // A short read has emptied the socket, which saves a call that would return WouldBlock. But it
        // hasn't if the end of stream comes next, or urgent data, before which a read stops. After a
        // pause, it isn't known.
        let until_refused = was_blocked || event.is_read_closed() || event.is_priority();
        if event.is_readable() || until_refused {
            return self.echo(buffer, until_refused);
        }
        Ok(NextAction::Wait)
    }

    /// Sends back what there is to read.
    fn echo(&mut self, buffer: &mut [u8], until_refused: bool) -> io::Result<NextAction> {
        while self.pending.is_empty() {
            match self.socket.read(buffer) {
                Ok(0) => return Ok(NextAction::Close),
                Ok(count) => {
                    self.send(&buffer[..count])?;
                    if count < buffer.len() && !until_refused {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(NextAction::Wait)
    }

    /// Sends what the kernel takes now, and keeps the rest. If the kernel took less than it was given,
    /// that is as good as a refusal, and there will be an event.
    fn send(&mut self, data: &[u8]) -> io::Result<()> {
        let sent = match self.socket.write(data) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            result => result?,
        };
        self.pending.extend_from_slice(&data[sent..]);
        Ok(())
    }
}
