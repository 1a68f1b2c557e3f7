//! Opens connections, and finds out which of them have been closed.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::client::TIME_LIMIT;
use crate::net;

/// Opens connection `index` of `total`, non-blocking and tuned. They are opened one after another,
/// so that a server with a short backlog isn't overrun before the run has begun.
pub(super) fn open(address: SocketAddr, index: usize, total: usize) -> io::Result<TcpStream> {
    connect(address).map_err(|error| {
        let message = match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EMFILE | Errno::ENFILE) => format!(
                "descriptors ran out after {index} of {total} connections: raise the limit (ulimit -n)"
            ),
            _ => format!("connection {} of {total} to {address}: {error}", index + 1),
        };
        io::Error::new(error.kind(), message)
    })
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // Before it connects: a connection that begins with BBR stays paced.
    net::set_congestion_control(&socket);
    socket.connect_timeout(&address.into(), TIME_LIMIT)?;
    socket.set_nonblocking(true)?;
    net::tune(&socket);
    Ok(socket.into())
}

/// The indices of the sockets that the server has closed, or to which it has sent something
/// although it received nothing.
pub(super) fn closed(sockets: &[TcpStream]) -> Vec<usize> {
    let is_silent = |socket: &TcpStream| matches!(socket.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    (0..sockets.len())
        .filter(|&index| !is_silent(&sockets[index]))
        .collect()
}
