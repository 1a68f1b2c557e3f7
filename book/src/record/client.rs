//! One scripted client.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::trace::grouped;

/// What a client does longer than this, it does not do at all.
const TIME_LIMIT: Duration = Duration::from_millis(200);
/// How long a look at what has come may take.
const LOOK: Duration = Duration::from_millis(1);
/// The receive buffer, in bytes, of a client that is slow on purpose.
const SMALL_BUFFER: usize = 4096;

/// A connection to a server. It sends at once (TCP_NODELAY).
pub(super) struct Client {
    socket: TcpStream,
    /// Whether it reads what comes back.
    pub(super) reads: bool,
}

impl Client {
    /// Connects, with a receive buffer of the system's choice.
    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect_timeout(&address, TIME_LIMIT)?, true)
    }

    /// Connects a client that takes little, and does not read until it is told to.
    pub(super) fn connect_slow(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_recv_buffer_size(SMALL_BUFFER)?;
        socket.connect(&address.into())?;
        Self::over(socket.into(), false)
    }

    fn over(socket: TcpStream, reads: bool) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(TIME_LIMIT))?;
        socket.set_read_timeout(Some(LOOK))?;
        Ok(Client { socket, reads })
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Sends `message` again and again until the server takes no more.
    pub(super) fn send_until_refused(&mut self, message: &[u8]) -> io::Result<()> {
        loop {
            match self.socket.write_all(message) {
                Ok(()) => {}
                Err(error) if is_time_out(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Says that it will send no more.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Closes so that the server sees a reset.
    pub(super) fn reset(self) -> io::Result<()> {
        SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))
    }

    /// Reads what is there, if it reads at all. Answers whether there was anything.
    pub(super) fn look(&mut self, came: &mut Came) -> io::Result<bool> {
        let mut some = [0; 65536];
        let mut anything = false;
        while self.reads {
            match self.socket.read(&mut some) {
                Ok(0) => came.end = Some("the end of the stream"),
                Ok(count) => came.bytes.extend(&some[..count]),
                Err(error) if is_time_out(&error) => break,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    came.end = Some("a reset");
                }
                Err(error) => return Err(error),
            }
            self.reads = came.end.is_none();
            anything = true;
        }
        Ok(anything)
    }
}

/// What has come back to a client in one step.
#[derive(Default)]
pub(super) struct Came {
    bytes: Vec<u8>,
    /// How the connection ended, if it did.
    pub(super) end: Option<&'static str>,
}

impl Came {
    /// In words: the bytes, and the end.
    pub(super) fn in_words(&self) -> Vec<String> {
        let bytes = (!self.bytes.is_empty()).then(|| in_words(&self.bytes));
        let end = self.end.map(str::to_owned);
        bytes.into_iter().chain(end).collect()
    }
}

/// Bytes as a reader of the book sees them: short text as it is, all else as a number.
pub(super) fn in_words(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.len() <= 40 => format!("{text:?} ({} bytes)", bytes.len()),
        _ => format!("{} bytes", grouped(bytes.len() as u64)),
    }
}

/// A blocking socket whose time is up answers `WouldBlock` on most systems.
fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
