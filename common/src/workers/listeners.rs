//! A listener for each worker, all on the same port.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;

use socket2::SockRef;

use crate::args::ServerArgs;
use crate::net;
use crate::sys::{AsDescriptor, Listener};

/// Whether the kernel balances new connections between listeners with SO_REUSEPORT. Linux does, by
/// a hash of both addresses (socket(7)). On macOS, one listener gets all connections. FreeBSD
/// has another option for it, SO_REUSEPORT_LB.
const BALANCES: bool = cfg!(target_os = "linux");

/// Listens once for each worker. Returns the address, too.
///
/// With SO_REUSEPORT, each worker has its own queue of clients. This has a price: the kernel chooses
/// the worker, and a client waits for this one even if another has nothing to do. So if the
/// number of connections is limited, all workers share one listener: a client must not wait for a
/// worker that is full while another isn't.
///
/// # Errors
/// The errors of [`net::listen`], or no descriptor is left.
pub(super) fn listen(
    args: &ServerArgs,
    workers: NonZeroUsize,
) -> io::Result<(SocketAddr, Vec<Listener>)> {
    let backlog = args.listen.backlog;
    let first = net::listen(&args.listen.host, args.listen.port, backlog)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    while listeners.len() < workers.get() {
        let first = &listeners[0];
        let next = match BALANCES && args.limits.max_connections.is_none() {
            true => balanced(first, address, backlog),
            false => shared(first),
        };
        let failed = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen again: {error}"))
        };
        listeners.push(next.map_err(failed)?);
    }
    if args.listen.proxy_protocol {
        let all = listeners.iter_mut();
        all.for_each(Listener::expect_proxy_headers);
    }
    Ok((address, listeners))
}

/// Listens next to `first`, with a queue of its own.
///
/// The first listener gets the option only after it has bound its address. If it had it before, two
/// servers of the same user could have the same port without noticing: bind(2) refuses an address in
/// use, unless both sockets have the option.
fn balanced(first: &Listener, address: SocketAddr, backlog: i32) -> io::Result<Listener> {
    let first = first.descriptor().to_os()?;
    SockRef::from(&first).set_reuse_port(true)?;
    let next = net::bind_with(address, backlog, |socket| socket.set_reuse_port(true))?;
    Ok(next.into())
}

/// Another descriptor of the same listener, with the same queue: dup(2). A new client wakes every
/// worker that waits. One of them accepts it, and the others find nothing (`WouldBlock`).
fn shared(first: &Listener) -> io::Result<Listener> {
    let descriptor = first.descriptor().to_os()?.try_clone_to_owned()?;
    Ok(TcpListener::from(descriptor).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::io::ErrorKind;
    use std::net::TcpStream;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        server: ServerArgs,
    }

    fn three_on(port: u16, more: &[&str]) -> io::Result<(SocketAddr, Vec<Listener>)> {
        let port = port.to_string();
        let arguments = ["server", "--port", &port]
            .into_iter()
            .chain(more.iter().copied());
        let workers = NonZeroUsize::MIN.saturating_add(2);
        listen(&Options::parse_from(arguments).server, workers)
    }

    /// How many of `clients` are in the queue of each listener.
    fn accepted(
        listeners: &[Listener],
        address: SocketAddr,
        clients: usize,
    ) -> io::Result<Vec<usize>> {
        let mut connected = Vec::new();
        for _ in 0..clients {
            connected.push(TcpStream::connect(address)?);
        }
        let accepts = |listener: &Listener| std::iter::from_fn(|| listener.accept().ok()).count();
        Ok(listeners.iter().map(accepts).collect())
    }

    #[test]
    fn clients_reach_all_listeners() -> io::Result<()> {
        let (address, listeners) = three_on(0, &[])?;
        let accepted = accepted(&listeners, address, 100)?;
        assert_eq!(accepted.iter().sum::<usize>(), 100);
        // The odds against an empty queue are 1 to 10^17.
        let is_balanced = accepted.iter().all(|count| *count > 0);
        assert_eq!(is_balanced, BALANCES, "{accepted:?}");
        Ok(())
    }

    #[test]
    fn with_a_limit_all_workers_have_one_queue() -> io::Result<()> {
        let (address, listeners) = three_on(0, &["--max-connections", "9"])?;
        assert_eq!(accepted(&listeners, address, 5)?, [5, 0, 0]);
        Ok(())
    }

    #[test]
    fn a_second_server_cannot_have_the_port() -> io::Result<()> {
        let (address, _listeners) = three_on(0, &[])?;
        let error = three_on(address.port(), &[]).expect_err("the port is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        Ok(())
    }
}
