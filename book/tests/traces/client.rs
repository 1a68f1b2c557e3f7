//! One scripted client.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use book::trace::describe_bytes;

/// The longest time that a client's call can take.
const TIME_LIMIT: Duration = Duration::from_millis(200);
/// How long a client waits for bytes.
const READ_TIMEOUT: Duration = Duration::from_millis(1);
/// The receive buffer, in bytes, of a client that is slow on purpose.
const SMALL_BUFFER: usize = 4096;

/// What a client that doesn't read sends.
const LINE: [u8; LINE_SIZE] = {
    let mut line = [b'x'; LINE_SIZE];
    line[LINE_SIZE - 1] = b'\n';
    line
};
/// The size of such a line, in bytes.
pub const LINE_SIZE: usize = 8192;

/// A connection to a server. It sends at once (TCP_NODELAY).
pub struct ScriptedClient {
    socket: TcpStream,
    /// Whether it reads what comes back.
    pub reads: bool,
    /// Bytes that [`send_until_refused`](Self::send_until_refused) has sent.
    sent: usize,
    received: usize,
}

impl ScriptedClient {
    /// Connects, with a receive buffer of the system's choice.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::from_socket(TcpStream::connect_timeout(&address, TIME_LIMIT)?, true)
    }

    /// Connects with a small receive buffer. It doesn't read until `reads` is set.
    pub fn connect_slow(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_recv_buffer_size(SMALL_BUFFER)?;
        socket.connect(&address.into())?;
        Self::from_socket(socket.into(), false)
    }

    fn from_socket(socket: TcpStream, reads: bool) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(TIME_LIMIT))?;
        socket.set_read_timeout(Some(READ_TIMEOUT))?;
        Ok(ScriptedClient {
            socket,
            reads,
            sent: 0,
            received: 0,
        })
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Sends [`LINE`] again and again until the server takes no more.
    pub fn send_until_refused(&mut self) -> io::Result<()> {
        loop {
            match self.socket.write(&LINE[self.sent % LINE.len()..]) {
                Ok(count) => self.sent += count,
                Err(error) if is_time_out(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether it reads, and hasn't received all of the lines yet that the server took.
    pub fn is_behind(&self) -> bool {
        self.reads && self.received < self.sent - self.sent % LINE.len()
    }

    /// Ends its stream.
    pub fn finish(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Resets the connection.
    pub fn reset(self) -> io::Result<()> {
        SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))
    }

    /// Reads what has arrived, if it reads at all. Returns whether there was anything.
    pub fn read_available(&mut self, received: &mut Received) -> io::Result<bool> {
        let mut some = [0; 65536];
        let mut anything = false;
        while self.reads {
            match self.socket.read(&mut some) {
                Ok(0) => received.end = Some("the end of the stream"),
                Ok(count) => {
                    self.received += count;
                    received.bytes.extend(&some[..count]);
                }
                Err(error) if is_time_out(&error) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    received.end = Some("a reset");
                }
                Err(error) => return Err(error),
            }
            self.reads = received.end.is_none();
            anything = true;
        }
        Ok(anything)
    }
}

/// What has come back to a client in one step.
#[derive(Default)]
pub struct Received {
    bytes: Vec<u8>,
    /// How the connection ended, if it did.
    pub end: Option<&'static str>,
}

impl Received {
    /// The bytes and the end, in words.
    pub fn describe(&self) -> Vec<String> {
        let bytes = (!self.bytes.is_empty()).then(|| describe_bytes(&self.bytes));
        let end = self.end.map(str::to_owned);
        bytes.into_iter().chain(end).collect()
    }
}

/// A blocking socket whose time is up returns `WouldBlock` on most systems.
fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
