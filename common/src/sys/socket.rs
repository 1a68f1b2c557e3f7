//! Listeners, connections, and other things with a descriptor.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;

use super::call::{Call, record, record_moved};
use super::counters::{self, count};
use super::descriptor::{AsDescriptor, Descriptor};
use super::{count_blocked, faults, kernel, proxied};

/// A listening socket, non-blocking.
#[derive(Debug)]
pub struct Listener {
    inner: kernel::Listener,
    expects_headers: bool,
}

/// A connection, non-blocking.
#[derive(Debug)]
pub struct Stream {
    inner: kernel::Stream,
}

/// Any other open file that a loop watches and closes, such as one end of a pipe. Its close is
/// neither counted nor traced: the styles are compared by what they do with sockets.
#[derive(Debug)]
pub struct File {
    inner: kernel::File,
}

impl Listener {
    /// Listens on `address`, with SO_REUSEADDR and at most `backlog` connections waiting to be
    /// accepted: socket(2), bind(2) and listen(2). Port 0 picks a free port.
    ///
    /// # Errors
    /// The errors of these calls, such as `AddrInUse`.
    #[track_caller]
    pub fn bind(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        let result = kernel::Listener::bind(address, backlog).map(Listener::from);
        record(|| Call {
            name: "listen",
            fd: result.as_ref().ok().map(number),
            ..Call::default().returned(&result)
        });
        result
    }

    /// Accepts a connection: accept(2). Returns it with the peer's address. The connection is
    /// non-blocking and sends without delay (TCP_NODELAY).
    ///
    /// # Errors
    /// The errors of accept(2). [`AcceptError`](crate::net::AcceptError) says what to do about each.
    #[track_caller]
    pub fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let result = faults::not_accepted().and_then(|()| self.inner.accept());
        let result = result.map(|(stream, peer)| (Stream::from(stream), peer));
        match &result {
            Ok((stream, peer)) => {
                if self.expects_headers {
                    proxied::accepted(number(stream), *peer);
                }
                count(|counters| &counters.accepts);
                record(|| Call {
                    peer: Some(*peer),
                    ..Call::on("accept", number(stream))
                });
            }
            Err(error) => {
                count_blocked(error);
                record(|| Call::on("accept", number(self)).returned(&result));
            }
        }
        result
    }

    /// From now on, accepts connections only from a proxy that begins each with a header of the PROXY
    /// protocol. [`Stream::recv`] reads the header before the client's first byte, and fails with
    /// `InvalidData` if there is none. A client that connects directly could write any address into
    /// a header, so only proxies may reach such a listener.
    ///
    /// The header can arrive after [`accept`](Self::accept) has returned the proxy's address. Once it
    /// is read, [`client_of`](super::client_of) returns the client's.
    pub fn expect_proxy_headers(&mut self) {
        self.expects_headers = true;
    }

    /// The address that it listens on: getsockname(2).
    ///
    /// # Errors
    /// The errors of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl Stream {
    /// Begins to connect to `address`, without waiting: socket(2) and connect(2). The stream is
    /// writable once it is connected or has failed, and [`take_error`](Self::take_error) tells
    /// which.
    ///
    /// # Errors
    /// The errors that these calls return at once.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let result = kernel::Stream::connect(address).map(Stream::from);
        record(|| Call {
            name: "connect",
            fd: result.as_ref().ok().map(number),
            peer: Some(address),
            ..Call::default().returned(&result)
        });
        result
    }

    /// Reads into `buffer`, once: recv(2). Returns the number of bytes; 0 is the end of the
    /// stream. If the connection begins with a header, reads that first: see
    /// [`expect_proxy_headers`](Listener::expect_proxy_headers).
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing to read, `Interrupted`, an error that ended the connection
    /// (`ConnectionReset` and others), or that of a bad header.
    #[track_caller]
    #[inline(always)] // In a loop, a function's frame would be half of the work.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if proxied::is_used() {
            proxied::read_header(number(self), &self.inner)?;
        }
        let result = faults::interrupted().and_then(|()| self.inner.recv(buffer));
        counters::count_read(&result);
        record_moved("recv", || number(self), &result);
        result
    }

    /// Writes `bytes`, once: send(2). Returns how many bytes the kernel took, which can be fewer.
    ///
    /// # Errors
    /// `WouldBlock` if the kernel takes nothing now, `Interrupted`, or an error that ended the
    /// connection (`BrokenPipe` and others).
    #[track_caller]
    #[inline(always)] // See `recv`.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let result = match faults::offered(bytes.len()) {
            Ok(length) => self.inner.send(&bytes[..length]),
            Err(error) => Err(error),
        };
        counters::count_write(&result);
        record_moved("send", || number(self), &result);
        result
    }

    /// Whether the connection begins with a header that isn't complete, which only
    /// [`recv`](Self::recv) can read; see [`expect_proxy_headers`](Listener::expect_proxy_headers).
    #[inline]
    pub fn awaits_header(&self) -> bool {
        proxied::is_incomplete(number(self))
    }

    /// Counts and traces a read that the kernel has completed for an engine: the caller has started
    /// it, and gets `result` instead of a result of [`recv`](Self::recv).
    #[track_caller]
    #[inline]
    pub fn completed_recv(&self, result: &io::Result<usize>) {
        counters::count_read(result);
        record_moved("recv", || number(self), result);
    }

    /// Counts and traces a send that the kernel has completed for an engine: the caller has started
    /// it, and gets `result` instead of a result of [`send`](Self::send).
    #[track_caller]
    #[inline]
    pub fn completed_send(&self, result: &io::Result<usize>) {
        counters::count_write(result);
        record_moved("send", || number(self), result);
    }

    /// Shuts down writing, and keeps reading: shutdown(2) with SHUT_WR. The peer gets a FIN after
    /// everything that was sent.
    ///
    /// # Errors
    /// `NotConnected` if the connection has ended already.
    #[track_caller]
    pub fn finish(&self) -> io::Result<()> {
        let result = self.inner.finish();
        record(|| Call::on("shutdown", number(self)).returned(&result));
        result
    }

    /// Takes the socket's pending error: getsockopt(2) with SO_ERROR.
    ///
    /// # Errors
    /// The errors of getsockopt(2).
    #[track_caller]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let result = self.inner.take_error();
        record(|| {
            let taken = result.as_ref().map_or_else(Some, Option::as_ref);
            Call {
                error: taken.map(io::Error::kind),
                ..Call::on("take_error", number(self))
            }
        });
        result
    }

    /// The peer's address: getpeername(2).
    ///
    /// # Errors
    /// `NotConnected` if the stream isn't connected, or isn't any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }

    /// The stream's own address: getsockname(2).
    ///
    /// # Errors
    /// The errors of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Makes closing send a reset and discard unsent output: setsockopt(2) with SO_LINGER and a
    /// time of zero.
    ///
    /// # Errors
    /// The errors of setsockopt(2).
    #[track_caller]
    pub fn reset_on_close(&self) -> io::Result<()> {
        let result = self.inner.reset_on_close();
        record(|| Call::on("reset_on_close", number(self)).returned(&result));
        result
    }
}

#[inline]
fn number(owner: &impl AsDescriptor) -> i32 {
    owner.descriptor().number()
}

/// What the three types share: a descriptor.
macro_rules! owner {
    ($type:ident, $os:ty) => {
        impl AsDescriptor for $type {
            #[inline]
            fn descriptor(&self) -> Descriptor<'_> {
                Descriptor(self.inner.descriptor())
            }
        }

        #[cfg(unix)]
        impl From<$os> for $type {
            #[inline]
            fn from(owner: $os) -> Self {
                kernel::$type::from_os(owner).into()
            }
        }
    };
}

owner!(Listener, std::net::TcpListener);
owner!(Stream, std::net::TcpStream);
owner!(File, std::os::fd::OwnedFd);

thread_local! {
    /// Whether the next socket to be dropped was closed explicitly. A field in each socket would
    /// double its size.
    static IS_CLOSED: Cell<bool> = const { Cell::new(false) };
}

/// What the two kinds of sockets share: a close that is counted and traced once, explicit or not.
macro_rules! socket {
    ($type:ident) => {
        impl $type {
            /// Closes it: close(2).
            #[track_caller]
            pub fn close(mut self) {
                self.close_as("close");
                IS_CLOSED.set(true);
            }

            #[track_caller]
            fn close_as(&mut self, name: &'static str) {
                let fd = number(self);
                proxied::closed(fd);
                self.inner.close();
                count(|counters| &counters.closes);
                record(|| Call::on(name, fd));
            }
        }

        /// A value that goes out of scope also closes its descriptor. The trace shows that as
        /// `dropped`, since no line of the loop calls close.
        impl Drop for $type {
            fn drop(&mut self) {
                if !IS_CLOSED.take() {
                    self.close_as("dropped");
                }
            }
        }
    };
}

socket!(Listener);
socket!(Stream);

impl From<kernel::Listener> for Listener {
    fn from(inner: kernel::Listener) -> Self {
        Listener {
            inner,
            expects_headers: false,
        }
    }
}

impl From<kernel::Stream> for Stream {
    #[inline]
    fn from(inner: kernel::Stream) -> Self {
        Stream { inner }
    }
}

impl File {
    /// Closes it: close(2). So does dropping it.
    pub fn close(mut self) {
        self.inner.close();
    }
}

impl From<kernel::File> for File {
    #[inline]
    fn from(inner: kernel::File) -> Self {
        File { inner }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sys::{FdSet, counters, select};
    use std::io::ErrorKind;
    use std::net::Ipv4Addr;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    const LIMIT: Option<Duration> = Some(Duration::from_secs(5));

    fn wait_to_read(owner: &impl AsDescriptor) -> io::Result<()> {
        let mut inputs = FdSet::new();
        inputs.insert(owner.descriptor())?;
        assert_eq!(select(Some(&mut inputs), None, None, LIMIT)?, 1);
        Ok(())
    }

    /// A listener and both ends of a connection.
    fn connected() -> io::Result<(Listener, Stream, Stream)> {
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), 8)?;
        let client = Stream::connect(listener.local_addr()?)?;
        wait_to_read(&listener)?;
        let (server, peer) = listener.accept()?;
        assert_eq!(peer, client.local_addr()?);
        assert_eq!(server.peer_addr()?, peer);
        Ok((listener, client, server))
    }

    #[test]
    fn a_stream_reads_what_the_other_sends_and_then_its_end() -> io::Result<()> {
        let (listener, client, server) = connected()?;
        let buffer = &mut [0; 8];
        let error = server.recv(buffer).expect_err("nothing was sent");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert_eq!(client.send(b"hello")?, 5);
        client.finish()?;
        wait_to_read(&server)?;
        assert_eq!(server.recv(buffer)?, 5);
        wait_to_read(&server)?;
        assert_eq!(server.recv(buffer)?, 0);
        let error = listener.accept().expect_err("no client has connected");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        Ok(())
    }

    #[test]
    fn reset_on_close_resets() -> io::Result<()> {
        let (_, client, server) = connected()?;
        client.reset_on_close()?;
        client.close();
        wait_to_read(&server)?;
        let error = server.take_error()?.expect("the peer has reset it");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let error = server.finish().expect_err("it is not connected");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        Ok(())
    }

    #[test]
    fn each_close_is_counted_once_whether_explicit_or_not() -> io::Result<()> {
        let (listener, client, server) = connected()?;
        let closes = || counters().closes;
        let before = closes();
        client.close();
        assert_eq!(closes() - before, 1);
        drop(server);
        assert_eq!(closes() - before, 2);
        listener.close();
        assert_eq!(closes() - before, 3);
        Ok(())
    }

    #[test]
    fn the_close_of_what_is_no_socket_is_not_counted() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        let before = counters().closes;
        File::from(OwnedFd::from(here)).close();
        drop(File::from(OwnedFd::from(there)));
        assert_eq!(counters().closes, before);
        Ok(())
    }
}
