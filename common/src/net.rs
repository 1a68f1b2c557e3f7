//! Listening, connecting and tuning sockets: the same for all four styles, in one place.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Most connections that a loop accepts in one turn, so that a rush of clients does not starve
/// those it has.
pub const ACCEPTS_PER_TURN: usize = 64;

/// Listens on the first address of `host` that can be had, non-blocking, with SO_REUSEADDR, and at
/// most `backlog` connections waiting to be accepted (the system may set a lower limit; see
/// listen(2)).
///
/// # Errors
/// A name that does not resolve, or what bind(2) answered last; the message names the address.
pub fn listen(host: &str, port: u16, backlog: i32) -> io::Result<TcpListener> {
    let failed = |error: io::Error| {
        let message = format!("cannot listen on {host} port {port}: {error}");
        io::Error::new(error.kind(), message)
    };
    let mut last_error = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs().map_err(failed)? {
        match listen_on(address, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => last_error = error,
        }
    }
    Err(failed(last_error))
}

fn listen_on(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Accepts one connection, non-blocking and tuned.
///
/// # Errors
/// What accept(2) answers; [`NotAccepted`] says what follows from it.
pub fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, peer) = listener.accept()?;
    socket.set_nonblocking(true)?;
    tune(&socket);
    Ok((socket, peer))
}

/// Begins to connect, without waiting: the socket is writable once it is connected or has failed,
/// and `TcpStream::take_error` tells which.
///
/// # Errors
/// What socket(2) or connect(2) answers at once.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    tune(&socket);
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

const IN_PROGRESS: i32 = nix::errno::Errno::EINPROGRESS as i32;

/// Sets TCP_NODELAY: an answer leaves at once, and is not kept back until the peer acknowledged the
/// one before.
pub fn tune(socket: &impl AsFd) {
    // Some systems refuse this on a connection that the peer has already reset. The next recv will
    // find that out.
    let _ = SockRef::from(socket).set_tcp_nodelay(true);
}

/// What follows from an error of accept(2). No error of it is fatal to the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAccepted {
    /// Nobody waits.
    NobodyWaits,
    /// That connection went away before its turn, or a signal came: go on with the next.
    TryNext,
    /// Descriptors, buffers or memory are out: trying again at once would be a busy loop.
    OutOfResources,
}

impl From<&io::Error> for NotAccepted {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock => NotAccepted::NobodyWaits,
            // accept(2) on Linux hands out the errors of the network that the new connection has
            // met.
            ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            | ErrorKind::PermissionDenied
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown => NotAccepted::TryNext,
            _ => NotAccepted::OutOfResources,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::time::Duration;

    #[test]
    fn a_port_in_use_is_named_in_the_error() -> io::Result<()> {
        let first = listen("127.0.0.1", 0, 16)?;
        let port = first.local_addr()?.port();
        let error = listen("127.0.0.1", port, 16).expect_err("the port is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&port.to_string()), "{error}");
        Ok(())
    }

    #[test]
    fn accepted_sockets_neither_block_nor_delay() -> io::Result<()> {
        let listener = listen("localhost", 0, 16)?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (mut accepted, peer) = accept(&listener)?;
        assert_eq!(peer, client.local_addr()?);
        assert!(accepted.nodelay()?);
        let error = accepted.read(&mut [0]).expect_err("nothing was sent");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        client.set_read_timeout(Some(Duration::from_secs(5)))?;
        accepted.write_all(b"x")?;
        client.read_exact(&mut [0])?;
        Ok(())
    }

    #[test]
    fn nobody_waiting_differs_from_no_descriptors() -> io::Result<()> {
        let listener = listen("127.0.0.1", 0, 16)?;
        let error = accept(&listener).expect_err("nobody has connected");
        assert_eq!(NotAccepted::from(&error), NotAccepted::NobodyWaits);
        use nix::errno::Errno;
        for (errno, expected) in [
            (Errno::ECONNABORTED, NotAccepted::TryNext),
            (Errno::EINTR, NotAccepted::TryNext),
            (Errno::EMFILE, NotAccepted::OutOfResources),
            (Errno::ENFILE, NotAccepted::OutOfResources),
            (Errno::ENOMEM, NotAccepted::OutOfResources),
        ] {
            let error = io::Error::from_raw_os_error(errno as i32);
            assert_eq!(NotAccepted::from(&error), expected, "{errno}");
        }
        Ok(())
    }
}
