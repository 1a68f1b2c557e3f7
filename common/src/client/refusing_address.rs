//! An address without a listener.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A loopback address that refuses every connection.
///
/// The port of a closed listener refuses connections too, but only until the system gives the port
/// to another program. This port is taken until the value is dropped, by a socket that doesn't listen.
#[derive(Debug)]
pub struct RefusingAddress {
    address: SocketAddr,
    _socket: Socket,
}

impl RefusingAddress {
    /// Takes a free port.
    ///
    /// # Errors
    /// The errors of socket(2) and bind(2).
    pub fn take() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = socket
            .local_addr()?
            .as_socket()
            .ok_or(io::ErrorKind::Unsupported)?;
        Ok(RefusingAddress {
            address,
            _socket: socket,
        })
    }

    /// The address that refuses.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn it_refuses_and_nobody_else_can_take_it() -> io::Result<()> {
        let nobody = RefusingAddress::take()?;
        let error = TcpStream::connect(nobody.address()).expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let error = TcpListener::bind(nobody.address()).expect_err("it is taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        Ok(())
    }
}
