//! What happens before the first connection: the listening socket, and the signals.

use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};
use socket2::{Domain, Socket, Type};

use crate::Arguments;
use crate::bug::Bug;

/// How many clients can wait to be accepted.
pub const BACKLOG: i32 = 4096;

/// Binds, listens, and prints the address.
pub fn listen(arguments: &Arguments) -> io::Result<TcpListener> {
    let host = if arguments.has(Bug::Ipv4Only) {
        Ipv4Addr::LOCALHOST.into()
    } else {
        arguments.host
    };
    let bind = |port| {
        let address = SocketAddr::new(host, port);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        Ok::<Socket, io::Error>(socket)
    };
    let mut socket = match bind(arguments.port) {
        Err(error) if arguments.has(Bug::BindPanics) => panic!("cannot bind: {error}"),
        bound => bound?,
    };
    let address = socket
        .local_addr()?
        .as_socket()
        .ok_or(ErrorKind::Unsupported)?;
    let announce = || writeln!(io::stdout(), "listening on {address}");
    if arguments.has(Bug::AnnouncesEarly) {
        announce()?;
        thread::sleep(Duration::from_millis(200));
        socket = bind(address.port())?;
    }
    socket.listen(if arguments.has(Bug::SmallBacklog) {
        128
    } else {
        BACKLOG
    })?;
    socket.set_nonblocking(true)?;
    if !arguments.has(Bug::SilentStart) && !arguments.has(Bug::AnnouncesEarly) {
        // If nothing reads that, the server can serve nevertheless.
        let _ = announce();
    }
    Ok(socket.into())
}

/// The self-pipe that SIGINT and SIGTERM write to. It is never read, so that every thread sees it.
pub fn stop_pipe(arguments: &Arguments) -> io::Result<UnixStream> {
    let (writing, reading) = UnixStream::pair()?;
    let asked = Arc::new(AtomicBool::new(false));
    for (signal, ignores) in [(SIGTERM, Bug::IgnoresSigterm), (SIGINT, Bug::IgnoresSigint)] {
        if !arguments.has(Bug::IgnoresSecondSignal) {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
        }
        if arguments.has(ignores) {
            flag::register(signal, Arc::new(AtomicBool::new(false)))?;
            continue;
        }
        flag::register(signal, Arc::clone(&asked))?;
        pipe::register(signal, writing.try_clone()?)?;
    }
    Ok(reading)
}
