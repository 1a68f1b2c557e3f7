//! A blocking test client: connect, send, receive, half-close, each with a time limit.
//!
//! It knows nothing about the servers' styles. Everything here that talks to a server (`talk`, the
//! contract checker, the tests) uses [`EchoClient`], except the load generator, which
//! needs many connections at once.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// The default time limit of a connect, a send, or a receive: 5 seconds.
pub const TIME_LIMIT: Duration = Duration::from_secs(5);

/// A connection to an echo server. Every call on it ends within the time limit.
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
    /// Connects within [`TIME_LIMIT`], and sets TCP_NODELAY, so that it sends at once.
    ///
    /// # Errors
    /// The errors of connect(2), or `TimedOut`.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::connect_within(address, TIME_LIMIT)
    }

    /// Like [`connect`](Self::connect) with another limit, which applies to all later calls too.
    ///
    /// # Errors
    /// The errors of connect(2), `TimedOut`, or `InvalidInput` for a limit of zero.
    pub fn connect_within(address: SocketAddr, limit: Duration) -> io::Result<Self> {
        let mut client = Self::over(TcpStream::connect_timeout(&address, limit)?)?;
        client.set_time_limit(limit)?;
        Ok(client)
    }

    /// Makes a client from a connected socket, with [`TIME_LIMIT`] and TCP_NODELAY.
    ///
    /// # Errors
    /// The errors of setsockopt(2).
    pub fn over(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let mut client = EchoClient { socket };
        client.set_time_limit(TIME_LIMIT)?;
        Ok(client)
    }

    /// A second handle on the same connection, to send on one thread and receive on another.
    ///
    /// # Errors
    /// The errors of dup(2).
    pub fn try_clone(&self) -> io::Result<Self> {
        let socket = self.socket.try_clone()?;
        Ok(EchoClient { socket })
    }

    /// Changes the time limit of all later calls.
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
    /// `TimedOut` if the server takes no more, and those of send(2).
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).map_err(name_time_limit)
    }

    /// Receives exactly `count` bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` if the server closes too early, `TimedOut`, and those of recv(2).
    pub fn receive(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.socket
            .read_exact(&mut bytes)
            .map_err(name_time_limit)?;
        Ok(bytes)
    }

    /// Receives what one recv(2) of at most `capacity` bytes returns; nothing means the end of
    /// the stream.
    ///
    /// # Errors
    /// `TimedOut`, and those of recv(2).
    pub fn receive_some(&mut self, capacity: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; capacity];
        loop {
            match self.socket.read(&mut bytes) {
                // A signal or a stop ends a call with a time limit, which is not resumed: signal(7).
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
    /// `TimedOut` if nothing comes and the server doesn't close, `ConnectionReset` if it ends with a
    /// reset.
    pub fn receive_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.socket
            .read_to_end(&mut bytes)
            .map_err(name_time_limit)?;
        Ok(bytes)
    }

    /// Sends `bytes`, and receives the same number of bytes.
    ///
    /// # Errors
    /// The errors of [`send`](Self::send) and [`receive`](Self::receive). If the message is larger than the
    /// buffers in between, both sides can block: send on one thread and receive on another.
    pub fn echo(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.send(bytes)?;
        self.receive(bytes.len())
    }

    /// Half-closes: the client sends no more (the server sees the end of the stream), but still
    /// receives.
    ///
    /// # Errors
    /// The errors of shutdown(2); `NotConnected` after a reset.
    pub fn finish(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Aborts the connection: the server sees a reset (RST) instead of the end of the stream.
    ///
    /// # Errors
    /// The errors of setsockopt(2) for SO_LINGER.
    pub fn reset(self) -> io::Result<()> {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))
    }

    /// The socket, for anything that isn't offered here.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

/// Renames the `WouldBlock` of a blocking socket whose time limit is over to `TimedOut`.
fn name_time_limit(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => io::Error::new(ErrorKind::TimedOut, "the time limit was reached"),
        _ => error,
    }
}
