//! Connections that a proxy makes for its clients: reads the header with which each begins (see
//! [`proxy_protocol`](crate::proxy_protocol)), and remembers the client's address.
//!
//! A header can arrive in pieces. Each piece is taken out of the kernel's buffer, so that a
//! level-triggered wait doesn't report it again. A read looks first (MSG_PEEK), so that it takes no
//! byte of the client: the `recv` after it finds what any other connection's `recv` would find. Such a
//! look is traced as a `peek`, and counted as a read of no bytes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tracing::info;

use super::call::record_moved;
use super::counters::count_read;
use super::descriptor::Fd;
use super::kernel;
use crate::proxy_protocol::{Header, LONGEST_LINE};

thread_local! {
    /// Whether a listener of this thread has expected headers. Without one, a read costs one
    /// comparison more.
    static IS_USED: Cell<bool> = const { Cell::new(false) };
    static PROXIED: RefCell<Proxied> = RefCell::default();
}

/// The connections of a thread that a proxy has made.
#[derive(Debug, Default)]
struct Proxied {
    /// Those whose header isn't complete.
    incomplete: BTreeMap<Fd, PartialHeader>,
    /// For the others, the client's address, by the proxy's.
    clients: BTreeMap<SocketAddr, SocketAddr>,
}

#[derive(Debug)]
struct PartialHeader {
    proxy: SocketAddr,
    /// How many bytes of it were taken.
    taken: usize,
    /// These bytes, until they can be parsed.
    start: Vec<u8>,
    header: Option<Header>,
}

/// The client for which a proxy has made the connection from `peer`, once the header has arrived;
/// for any other connection, `peer` itself. Knows the connections of this thread.
#[inline]
pub fn client_of(peer: SocketAddr) -> SocketAddr {
    match IS_USED.get() {
        false => peer,
        true => look_up(peer),
    }
}

#[cold]
#[inline(never)] // `client_of` is part of each callback.
fn look_up(peer: SocketAddr) -> SocketAddr {
    PROXIED.with_borrow(|proxied| *proxied.clients.get(&peer).unwrap_or(&peer))
}

/// The same, and forgets it: the connection has ended.
pub(crate) fn take_client_of(peer: SocketAddr) -> SocketAddr {
    match IS_USED.get() {
        false => peer,
        true => PROXIED.with_borrow_mut(|proxied| proxied.clients.remove(&peer).unwrap_or(peer)),
    }
}

/// From now on, the connection begins with a header.
pub(super) fn accepted(fd: Fd, proxy: SocketAddr) {
    IS_USED.set(true);
    let partial = PartialHeader {
        proxy,
        taken: 0,
        start: Vec::new(),
        header: None,
    };
    PROXIED.with_borrow_mut(|proxied| {
        proxied.clients.remove(&proxy);
        proxied.incomplete.insert(fd, partial);
    });
}

pub(super) fn closed(fd: Fd) {
    if IS_USED.get() {
        PROXIED.with_borrow_mut(|proxied| proxied.incomplete.remove(&fd));
    }
}

/// Whether connections of this thread can begin with a header.
#[inline(always)] // As `Stream::recv`.
pub(super) fn is_used() -> bool {
    IS_USED.get()
}

/// Whether the connection has a header that isn't complete.
pub(super) fn is_incomplete(fd: Fd) -> bool {
    is_used() && PROXIED.with_borrow(|proxied| proxied.incomplete.contains_key(&fd))
}

/// Reads the header, if the connection has one that isn't complete. Counts and traces each look and each
/// piece.
///
/// # Errors
/// `WouldBlock` while a part of it is missing, `InvalidData` or `UnexpectedEof` if it is bad, and the
/// errors of recv(2).
#[track_caller]
#[cold]
#[inline(never)]
pub(super) fn read_header(fd: Fd, stream: &kernel::Stream) -> io::Result<()> {
    let incomplete = PROXIED.with_borrow_mut(|proxied| proxied.incomplete.remove(&fd));
    let Some(mut partial) = incomplete else {
        return Ok(());
    };
    let result = partial.read(fd, stream);
    PROXIED.with_borrow_mut(|proxied| match result {
        Ok(Some(header)) => {
            if let Some(client) = header.client {
                info!(peer = %partial.proxy, %client, "a proxy has made this connection");
                proxied.clients.insert(partial.proxy, client);
            }
        }
        _ => {
            proxied.incomplete.insert(fd, partial);
        }
    });
    result.map(drop)
}

/// Looks at what the next read will find: recv(2) with MSG_PEEK.
#[track_caller]
fn peek(fd: Fd, stream: &kernel::Stream, buffer: &mut [u8]) -> io::Result<usize> {
    let result = stream.peek(buffer);
    match &result {
        Ok(_) => count_read(&Ok(0)),
        Err(_) => count_read(&result),
    }
    record_moved("peek", || fd, &result);
    result
}

impl PartialHeader {
    /// Reads until the header is complete. Returns `None` at the end of a stream without a byte, such
    /// as that of a check whether the server accepts.
    #[track_caller]
    fn read(&mut self, fd: Fd, stream: &kernel::Stream) -> io::Result<Option<Header>> {
        let mut buffer = [0; LONGEST_LINE];
        loop {
            let seen = peek(fd, stream, &mut buffer)?;
            if seen == 0 {
                return self.end_of_stream();
            }
            let header = match self.header {
                Some(header) => Some(header),
                None => Header::parse(&[&self.start, &buffer[..seen]].concat())?,
            };
            let missing = header.map_or(seen, |header| header.length - self.taken);
            let piece = stream.recv(&mut buffer[..seen.min(missing)]);
            count_read(&piece);
            record_moved("recv", || fd, &piece);
            let count = piece?;
            if header.is_none() {
                self.start.extend_from_slice(&buffer[..count]);
            }
            (self.header, self.taken) = (header, self.taken + count);
            if count == missing && header.is_some() {
                return Ok(header);
            }
        }
    }

    fn end_of_stream(&self) -> io::Result<Option<Header>> {
        match self.taken {
            0 => Ok(None),
            _ => Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "bad PROXY header: it isn't complete",
            )),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::ConnectionLimit;
    use crate::sys::{AsDescriptor, FdSet, Listener, Stream, select};
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpStream};
    use std::time::Duration;

    fn listener() -> io::Result<Listener> {
        let mut listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), 8)?;
        listener.expect_proxy_headers();
        Ok(listener)
    }

    fn wait_to_read(owner: &impl AsDescriptor) -> io::Result<()> {
        let mut inputs = FdSet::new();
        inputs.insert(owner.descriptor())?;
        let limit = Some(Duration::from_secs(5));
        assert_eq!(select(Some(&mut inputs), None, None, limit)?, 1);
        Ok(())
    }

    fn accept(listener: &Listener) -> io::Result<(Stream, SocketAddr)> {
        wait_to_read(listener)?;
        listener.accept()
    }

    /// Reads once, when there is something to read.
    fn read(stream: &Stream) -> Result<Vec<u8>, ErrorKind> {
        let mut buffer = [0; 100];
        let read = wait_to_read(stream).and_then(|()| stream.recv(&mut buffer));
        let count = read.map_err(|error| error.kind())?;
        Ok(buffer[..count].to_vec())
    }

    #[test]
    fn the_permit_names_the_client_once_the_header_is_complete() -> io::Result<()> {
        let (listener, limit) = (listener()?, ConnectionLimit::new(9));
        let mut proxy = TcpStream::connect(listener.local_addr()?)?;
        let (stream, peer) = accept(&listener)?;
        let permit = limit.accepted(peer);
        proxy.write_all(b"PROXY TCP4 192.0.2.7 ")?;
        assert_eq!(read(&stream), Err(ErrorKind::WouldBlock));
        assert_eq!(permit.peer(), proxy.local_addr()?);
        proxy.write_all(b"198.51.100.1 56324 443\r\nhello\n")?;
        assert_eq!(read(&stream), Ok(b"hello\n".to_vec()));
        assert_eq!(permit.peer(), SocketAddr::from(([192, 0, 2, 7], 56324)));
        drop((stream, permit));
        assert_eq!(client_of(peer), peer, "it is forgotten");
        Ok(())
    }

    #[test]
    fn a_bad_header_is_an_error_that_stays() -> io::Result<()> {
        let listener = listener()?;
        let mut proxy = TcpStream::connect(listener.local_addr()?)?;
        let (stream, _) = accept(&listener)?;
        proxy.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
        for _ in 0..2 {
            assert_eq!(read(&stream), Err(ErrorKind::InvalidData));
        }
        Ok(())
    }

    #[test]
    fn a_descriptor_that_is_used_again_expects_its_own_header() -> io::Result<()> {
        let (first, second) = (
            listener()?,
            Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), 8)?,
        );
        let _proxy = TcpStream::connect(first.local_addr()?)?;
        let (stream, _) = accept(&first)?;
        stream.close();
        let mut client = TcpStream::connect(second.local_addr()?)?;
        let (stream, _) = accept(&second)?;
        client.write_all(b"hello\n")?;
        assert_eq!(read(&stream), Ok(b"hello\n".to_vec()));
        Ok(())
    }
}
