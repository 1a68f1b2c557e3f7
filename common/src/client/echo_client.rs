//! A blocking test client: connect, send, receive, half-close, each within a time limit.
//!
//! It knows nothing of the servers' styles. Everything that talks to a server here (`talk`, the
//! contract checker, the tests) does it through [`EchoClient`]; only the load generator, which
//! needs many connections at once, does not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a connect, a send or a receive may take unless told otherwise: 5 seconds.
pub const TIME_LIMIT: Duration = Duration::from_secs(5);

/// One connection to an echo server. Every call on it ends within the time limit.
///
/// ```
/// # use std::{io::{Read, Write}, net::TcpListener, thread};
/// use common::client::EchoClient;
///
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let address = listener.local_addr()?;
/// # let server = thread::spawn(move || {
/// #     let (mut socket, _) = listener.accept()?;
/// #     let mut line = [0; 6];
/// #     socket.read_exact(&mut line)?;
/// #     socket.write_all(&line)
/// # });
/// let mut client = EchoClient::connect(address)?;
/// assert_eq!(client.echo(b"hello\n")?, b"hello\n");
/// client.finish()?;
/// assert_eq!(client.receive_to_end()?, b"");
/// # server.join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct EchoClient {
    socket: TcpStream,
}

impl EchoClient {
    /// Connects within [`TIME_LIMIT`] and sets TCP_NODELAY, so that what is sent leaves at once.
    ///
    /// # Errors
    /// What connect(2) answers, or `TimedOut`.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::connect_within(address, TIME_LIMIT)
    }

    /// As [`connect`](Self::connect) with another limit, which holds for every later call too.
    ///
    /// # Errors
    /// What connect(2) answers, `TimedOut`, or `InvalidInput` for a limit of zero.
    pub fn connect_within(address: SocketAddr, limit: Duration) -> io::Result<Self> {
        let mut client = Self::over(TcpStream::connect_timeout(&address, limit)?)?;
        client.set_time_limit(limit)?;
        Ok(client)
    }

    /// A client on a socket that is connected already, with [`TIME_LIMIT`] and TCP_NODELAY.
    ///
    /// # Errors
    /// What setsockopt(2) answers.
    pub fn over(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let mut client = EchoClient { socket };
        client.set_time_limit(TIME_LIMIT)?;
        Ok(client)
    }

    /// A second handle on the same connection, to send from one thread and receive in another.
    ///
    /// # Errors
    /// What dup(2) answers.
    pub fn try_clone(&self) -> io::Result<Self> {
        let socket = self.socket.try_clone()?;
        Ok(EchoClient { socket })
    }

    /// Changes the time limit of every later call.
    ///
    /// # Errors
    /// `InvalidInput` for a limit of zero.
    pub fn set_time_limit(&mut self, limit: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(limit))?;
        self.socket.set_write_timeout(Some(limit))
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// `TimedOut` when the server takes no more, or what send(2) answers.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).map_err(name_time_limit)
    }

    /// Receives exactly `count` bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` when the server closes before, `TimedOut`, or what recv(2) answers.
    pub fn receive(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.socket
            .read_exact(&mut bytes)
            .map_err(name_time_limit)?;
        Ok(bytes)
    }

    /// Receives whatever comes with one recv(2) of at most `capacity` bytes; empty at the end of
    /// the stream.
    ///
    /// # Errors
    /// `TimedOut`, or what recv(2) answers.
    pub fn receive_some(&mut self, capacity: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; capacity];
        loop {
            match self.socket.read(&mut bytes) {
                // A call with a time limit isn't resumed after a signal, or a stop: signal(7).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(count) => {
                    bytes.truncate(count);
                    return Ok(bytes);
                }
                Err(error) => return Err(name_time_limit(error)),
            }
        }
    }

    /// Receives until the server closes.
    ///
    /// # Errors
    /// `TimedOut` when nothing comes and nobody closes, `ConnectionReset` when the end is not an
    /// orderly one.
    pub fn receive_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.socket
            .read_to_end(&mut bytes)
            .map_err(name_time_limit)?;
        Ok(bytes)
    }

    /// Sends `bytes` and receives as many.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`receive`](Self::receive). A message larger than the buffers on
    /// the way may block both sides; send from one thread and receive in another then.
    pub fn echo(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.send(bytes)?;
        self.receive(bytes.len())
    }

    /// Half-closes: no more is sent (the server sees the end of the stream), but answers are still
    /// received.
    ///
    /// # Errors
    /// What shutdown(2) answers, `NotConnected` after a reset.
    pub fn finish(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Aborts the connection: the server sees a reset (RST), not an end of the stream.
    ///
    /// # Errors
    /// What setsockopt(2) answers for SO_LINGER.
    pub fn reset(self) -> io::Result<()> {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))
    }

    /// The socket itself, for what is not offered here.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

/// A blocking socket whose time is up answers `WouldBlock` on most systems; say what it means.
fn name_time_limit(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => io::Error::new(ErrorKind::TimedOut, "the time limit was reached"),
        _ => error,
    }
}
