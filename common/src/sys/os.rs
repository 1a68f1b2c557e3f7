//! The operating system's kernel: makes the calls, and does nothing else.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::time::{TimeVal, TimeValLike};
use socket2::SockRef;

use crate::net;

#[cfg(feature = "poll")]
mod poll;

#[cfg(feature = "poll")]
pub use poll::{Event, Events, Poll};

#[derive(Debug, Clone, Copy)]
pub struct Descriptor<'fd>(BorrowedFd<'fd>);

impl<'fd> Descriptor<'fd> {
    #[inline]
    pub fn from_os(owner: &'fd impl AsFd) -> Self {
        Descriptor(owner.as_fd())
    }

    #[inline]
    pub fn to_os(self) -> io::Result<BorrowedFd<'fd>> {
        Ok(self.0)
    }

    #[inline]
    pub fn number(self) -> i32 {
        self.0.as_raw_fd()
    }
}

#[derive(Debug)]
pub struct Listener(TcpListener);

#[derive(Debug)]
pub struct Stream(TcpStream);

#[derive(Debug)]
pub struct File(OwnedFd);

/// The reading end of the pipe of a stop signal.
#[derive(Debug)]
pub struct StopPipe(UnixStream);

macro_rules! owner {
    ($type:ident, $owner:ty) => {
        impl $type {
            #[inline]
            pub fn from_os(owner: $owner) -> Self {
                $type(owner)
            }

            #[inline]
            pub fn descriptor(&self) -> Descriptor<'_> {
                Descriptor(self.0.as_fd())
            }
        }
    };
}

owner!(Listener, TcpListener);
owner!(Stream, TcpStream);
owner!(File, OwnedFd);
owner!(StopPipe, UnixStream);

macro_rules! closes {
    ($($type:ident),*) => {$(
        impl $type {
            /// Does nothing: the value is about to be dropped, which closes it.
            #[inline]
            pub fn close(&mut self) {}
        }
    )*};
}

closes!(Listener, Stream, File);

impl Listener {
    pub fn bind(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        net::bind(address, backlog).map(Listener)
    }

    #[inline]
    pub fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        net::accept(&self.0).map(|(stream, peer)| (Stream(stream), peer))
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Stream {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        net::connect(address).map(Stream)
    }

    #[inline(always)]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }

    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buffer)
    }

    #[inline(always)]
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    pub fn finish(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }

    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.take_error()
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    pub fn reset_on_close(&self) -> io::Result<()> {
        SockRef::from(&self.0).set_linger(Some(Duration::ZERO))
    }
}

impl StopPipe {
    /// Takes one byte out of the pipe, if it has one.
    pub fn take_byte(&self) -> bool {
        matches!((&self.0).read(&mut [0]), Ok(1))
    }

    pub fn try_clone(&self) -> io::Result<File> {
        self.0.try_clone().map(|pipe| File(pipe.into()))
    }
}

pub const FD_SETSIZE: usize = nix::sys::select::FD_SETSIZE;

#[derive(Debug, Clone, Copy)]
pub struct FdSet<'fd>(nix::sys::select::FdSet<'fd>);

impl<'fd> FdSet<'fd> {
    #[inline]
    pub fn new() -> Self {
        FdSet(nix::sys::select::FdSet::new())
    }

    #[inline]
    pub fn insert(&mut self, descriptor: Descriptor<'fd>) {
        self.0.insert(descriptor.0);
    }

    #[inline]
    pub fn contains(&self, descriptor: Descriptor<'_>) -> bool {
        self.0.contains(descriptor.0)
    }
}

#[inline]
pub fn select<'fd>(
    end: i32,
    inputs: Option<&mut FdSet<'fd>>,
    outputs: Option<&mut FdSet<'fd>>,
    excepts: Option<&mut FdSet<'fd>>,
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let [inputs, outputs, excepts] =
        [inputs, outputs, excepts].map(|set| set.map(|set| &mut set.0));
    let mut timeout = timeout.map(time_val);
    let ready = nix::sys::select::select(end, inputs, outputs, excepts, timeout.as_mut())?;
    Ok(ready as usize)
}

/// Rounds up: if a wait ended a fraction too early, its timer wouldn't be due yet, and the loop
/// would iterate once more for nothing.
fn time_val(duration: Duration) -> TimeVal {
    let microseconds = duration.as_nanos().div_ceil(1_000);
    TimeVal::microseconds(i64::try_from(microseconds).unwrap_or(i64::MAX))
}

#[inline]
pub fn now() -> Instant {
    Instant::now()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn both_ends_use_the_same_congestion_control() -> io::Result<()> {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), 16)?;
        let connecting = Stream::connect(listener.local_addr()?)?;
        for socket in [connecting.0.as_fd(), listener.0.as_fd()] {
            let name = net::congestion_control(&socket);
            assert_eq!(name.as_deref(), Some(net::CONGESTION_CONTROL));
        }
        Ok(())
    }
}
