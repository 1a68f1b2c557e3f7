//! Listens, connects, and tunes sockets: the same for all four styles, in one place.

use std::io::{self, ErrorKind};
#[cfg(unix)]
use std::{
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    os::fd::AsFd,
};

#[cfg(unix)]
use nix::errno::Errno;
#[cfg(unix)]
use socket2::{Domain, Protocol, SockRef, Socket, Type};

#[cfg(unix)]
use crate::sys::Listener;

/// Most connections that a loop accepts in one iteration, so that a rush of new clients doesn't
/// starve the others.
pub const ACCEPTS_PER_ITERATION: usize = 64;

/// Most connections that a server accepts when it stops: as many as wait in a backlog of the default
/// length. More can arrive while it accepts, and it can't wait for all of those.
pub const MOST_ACCEPTED_AT_STOP: usize = 4096;

/// Listens on the first address of `host` that works, non-blocking, with SO_REUSEADDR, and with at
/// most `backlog` connections waiting to be accepted (the system can set a lower limit; see
/// listen(2)).
///
/// # Errors
/// The name doesn't resolve, or bind(2) failed for the last address; the message names the address.
#[cfg(unix)]
#[track_caller]
pub fn listen(host: &str, port: u16, backlog: i32) -> io::Result<Listener> {
    let failed = |error: io::Error| {
        let message = format!("cannot listen on {host} port {port}: {error}");
        io::Error::new(error.kind(), message)
    };
    let mut last_error = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs().map_err(failed)? {
        match Listener::bind(address, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => last_error = error,
        }
    }
    Err(failed(last_error))
}

/// Listens on `address` as [`listen`] does, with a socket of the standard library: for a program
/// that brings its own loop.
///
/// # Errors
/// What socket(2), bind(2), or listen(2) returns.
#[cfg(unix)]
pub fn bind(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    bind_with(address, backlog, |_| Ok(()))
}

/// Listens on `address` as [`bind`] does. Before it binds the socket, it calls `prepare` with it.
#[cfg(unix)]
pub(crate) fn bind_with(
    address: SocketAddr,
    backlog: i32,
    prepare: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    set_congestion_control(&socket); // Accepted sockets inherit it.
    prepare(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Accepts one connection, non-blocking and tuned.
///
/// # Errors
/// The errors of accept(2). [`AcceptError`] says what to do about each.
#[cfg(unix)]
pub(crate) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, peer) = listener.accept()?;
    socket.set_nonblocking(true)?;
    tune(&socket);
    Ok((socket, peer))
}

/// Begins to connect, without waiting: the socket is writable once it is connected or has failed,
/// and `TcpStream::take_error` tells which.
///
/// # Errors
/// The errors that socket(2) or connect(2) return at once.
#[cfg(unix)]
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    set_congestion_control(&socket);
    tune(&socket);
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

#[cfg(unix)]
const IN_PROGRESS: i32 = Errno::EINPROGRESS as i32;

/// The congestion control of every socket here, clients' and servers', where the system lets a
/// program choose.
///
/// Every Linux has it, and it is light. The machine's default can be BBR, which paces output, costs
/// more per send, and would make figures from two machines impossible to compare.
pub const CONGESTION_CONTROL: &str = "reno";

/// Sets [`CONGESTION_CONTROL`]. Call it before the socket listens or connects, since pacing, once
/// begun, stays on. Does nothing where the system has no such option or doesn't know the name.
#[cfg(unix)]
pub fn set_congestion_control(socket: &impl AsFd) {
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    let _ = SockRef::from(socket).set_tcp_congestion(CONGESTION_CONTROL.as_bytes());
    #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
    let _ = socket;
}

/// The congestion control that a TCP socket uses, such as `reno`; `None` where the system can't
/// tell.
#[cfg(unix)]
pub fn congestion_control(socket: &impl AsFd) -> Option<String> {
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    {
        let name = SockRef::from(socket).tcp_congestion().ok()?;
        let name = name.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(name).into_owned())
    }
    #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
    {
        let _ = socket;
        None
    }
}

/// Sets TCP_NODELAY: an answer is sent at once, and doesn't wait until the peer has acknowledged
/// the one before.
#[cfg(unix)]
pub fn tune(socket: &impl AsFd) {
    // Some systems refuse this on a connection that the peer has already reset. The next recv will
    // find out.
    let _ = SockRef::from(socket).set_tcp_nodelay(true);
}

/// What to do about an error of accept(2). No error is fatal to the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptError {
    /// No client is waiting.
    WouldBlock,
    /// The error of one connection that ended before it was accepted, or a signal: accept the next
    /// one.
    Transient,
    /// Descriptors or memory have run out, a security policy forbids the call, or the error is
    /// unexpected. The next call would fail as well, so wait before you try again.
    Lasting,
}

impl From<&io::Error> for AcceptError {
    fn from(error: &io::Error) -> Self {
        if error.kind() == ErrorKind::WouldBlock {
            return AcceptError::WouldBlock;
        }
        #[cfg(unix)]
        return match error.raw_os_error().map(Errno::from_raw) {
            // POSIX.
            Some(Errno::ECONNABORTED | Errno::EINTR | Errno::EPROTO | Errno::EOPNOTSUPP) => {
                AcceptError::Transient
            }
            // On Linux, accept(2) returns network errors that the connection already had,
            // and EPERM if a firewall forbids the connection.
            Some(
                Errno::ENETDOWN
                | Errno::ENOPROTOOPT
                | Errno::EHOSTDOWN
                | Errno::EHOSTUNREACH
                | Errno::ENETUNREACH
                | Errno::ECONNRESET
                | Errno::ETIMEDOUT
                | Errno::EPERM,
            ) => AcceptError::Transient,
            #[cfg(target_os = "linux")]
            Some(Errno::ENONET) => AcceptError::Transient,
            // The errors that `--faults` makes have no number.
            None => of_kind(error.kind()),
            _ => AcceptError::Lasting,
        };
        #[cfg(not(unix))]
        of_kind(error.kind())
    }
}

/// Classifies an error without a number.
fn of_kind(kind: ErrorKind) -> AcceptError {
    match kind {
        ErrorKind::Interrupted | ErrorKind::ConnectionAborted => AcceptError::Transient,
        _ => AcceptError::Lasting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::Ipv4Addr;
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
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into(), 16)?;
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
    fn an_error_of_accept_is_the_connections_or_lasts() -> io::Result<()> {
        let listener = listen("localhost", 0, 16)?;
        let error = listener.accept().expect_err("no client has connected");
        assert_eq!(AcceptError::from(&error), AcceptError::WouldBlock);
        let transient = [
            Errno::ECONNABORTED,
            Errno::EINTR,
            Errno::EPROTO,
            Errno::ENOPROTOOPT,
            Errno::EHOSTDOWN,
            Errno::EOPNOTSUPP,
            Errno::ENETUNREACH,
            Errno::EPERM,
        ];
        for errno in transient {
            let error = io::Error::from(errno);
            assert_eq!(AcceptError::from(&error), AcceptError::Transient, "{errno}");
        }
        let lasting = [
            Errno::EMFILE,
            Errno::ENFILE,
            Errno::ENOMEM,
            Errno::ENOBUFS,
            Errno::EACCES,
            Errno::EINVAL,
            Errno::ENOSYS,
        ];
        for errno in lasting {
            let error = io::Error::from(errno);
            assert_eq!(AcceptError::from(&error), AcceptError::Lasting, "{errno}");
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_accepted_socket_has_the_listeners_congestion_control() -> io::Result<()> {
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into(), 16)?;
        let _client = TcpStream::connect(listener.local_addr()?)?;
        let (accepted, _) = loop {
            match accept(&listener) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                accepted => break accepted?,
            }
        };
        assert_eq!(congestion_control(&accepted).as_deref(), Some("reno"));
        let connecting = connect(listener.local_addr()?)?;
        assert_eq!(congestion_control(&connecting).as_deref(), Some("reno"));
        Ok(())
    }
}
