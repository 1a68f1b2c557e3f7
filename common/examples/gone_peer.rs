//! Three connections whose peers do nothing, and what ends each of them within five seconds.
//!
//! In two of them, the sending side has filled all buffers, and the peer never reads. In the third,
//! neither side has sent anything. Each peer's kernel still answers, as it does for a program that
//! hangs. (For a peer whose network has failed, it wouldn't.)
//!
//! `cargo run -p common --example gone_peer`

use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use common::output;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(5);

/// A connection to a peer that does nothing.
struct Connection {
    name: &'static str,
    socket: TcpStream,
    /// It only has to stay open.
    _peer: TcpStream,
}

impl Connection {
    fn open(name: &'static str) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let socket = TcpStream::connect(listener.local_addr()?)?;
        let (_peer, _) = listener.accept()?;
        socket.set_nonblocking(true)?;
        Ok(Connection {
            name,
            socket,
            _peer,
        })
    }

    /// Sends until the buffers of both kernels are full.
    fn fill(&self) -> io::Result<()> {
        loop {
            match (&self.socket).write(&[0; 65536]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn main() -> io::Result<()> {
    let unlimited = Connection::open("pending output, no limit")?;
    unlimited.fill()?;
    let limited = Connection::open("pending output, TCP_USER_TIMEOUT of 1 s")?;
    options::set_user_timeout(&limited.socket, SECOND)?;
    limited.fill()?;
    let silent = Connection::open("nothing to send, keepalive each second")?;
    options::set_keepalive(&silent.socket, SECOND)?;
    watch(vec![limited, unlimited, silent])
}

/// The options that this needs. The systems name and count them differently, so only Linux has them here.
mod options {
    use super::{Duration, TcpStream, io};

    /// tcp(7): how long sent data can remain unacknowledged, and data that the peer has no space for
    /// unsent.
    #[cfg(target_os = "linux")]
    pub fn set_user_timeout(socket: &TcpStream, limit: Duration) -> io::Result<()> {
        socket2::SockRef::from(socket).set_tcp_user_timeout(Some(limit))
    }

    /// SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, and TCP_KEEPCNT: two probes.
    #[cfg(target_os = "linux")]
    pub fn set_keepalive(socket: &TcpStream, interval: Duration) -> io::Result<()> {
        let keepalive = socket2::TcpKeepalive::new();
        let keepalive = keepalive.with_time(interval).with_interval(interval);
        socket2::SockRef::from(socket).set_tcp_keepalive(&keepalive.with_retries(2))
    }

    #[cfg(not(target_os = "linux"))]
    pub use unsupported as set_user_timeout;
    #[cfg(not(target_os = "linux"))]
    pub use unsupported as set_keepalive;

    #[cfg(not(target_os = "linux"))]
    pub fn unsupported(_: &TcpStream, _: Duration) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Prints when each connection ends, and which ones are left in the end.
fn watch(mut open: Vec<Connection>) -> io::Result<()> {
    let start = Instant::now();
    while let Some(left) = LIMIT.checked_sub(start.elapsed()) {
        let sockets = open.iter().map(|connection| connection.socket.as_fd());
        // The kernel always reports errors, even if you are interested in nothing.
        let mut watched: Vec<_> = sockets
            .map(|socket| PollFd::new(socket, PollFlags::empty()))
            .collect();
        let timeout = PollTimeout::try_from(left).map_err(io::Error::other)?;
        poll(&mut watched, timeout)?;
        let mut still_open = Vec::new();
        for connection in open {
            match connection.socket.take_error()? {
                None => still_open.push(connection),
                Some(error) => {
                    let after = start.elapsed().as_secs_f32();
                    let name = connection.name;
                    output::print(format_args!("{name}: {error} after {after:.1} s\n"))?;
                }
            }
        }
        open = still_open;
    }
    for connection in open {
        output::print(format_args!("{}: still open\n", connection.name))?;
    }
    Ok(())
}
