//! An address at which nobody listens.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A loopback address that refuses every connection.
///
/// The port of a listener that was closed refuses them too, but only until the system gives it to
/// another program. This one is taken, by a socket that doesn't listen, until it is dropped.
#[derive(Debug)]
pub struct RefusingAddress {
    address: SocketAddr,
    _socket: Socket,
}

impl RefusingAddress {
    /// Takes a port that is free.
    ///
    /// # Errors
    /// What socket(2) or bind(2) returns.
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

    /// Where nobody listens.
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
