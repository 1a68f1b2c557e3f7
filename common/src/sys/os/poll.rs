//! epoll(7) or kqueue(2), through mio.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use mio::unix::SourceFd;

use super::Descriptor;
use crate::sys::poll::{Interest, Token};

#[derive(Debug)]
pub struct Poll(mio::Poll);

#[derive(Debug)]
pub struct Events(mio::Events);

#[derive(Debug, Clone, Copy)]
pub struct Event<'a>(&'a mio::event::Event);

impl Poll {
    pub fn new() -> io::Result<Self> {
        mio::Poll::new().map(Poll)
    }

    pub fn to_os(&self) -> io::Result<BorrowedFd<'_>> {
        Ok(self.0.registry().as_fd())
    }

    pub fn register(&self, fd: Descriptor<'_>, token: Token, interest: Interest) -> io::Result<()> {
        let fd = fd.0.as_raw_fd();
        let registry = self.0.registry();
        registry.register(&mut SourceFd(&fd), to_mio(token)?, interests(interest))
    }

    pub fn reregister(
        &self,
        fd: Descriptor<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let fd = fd.0.as_raw_fd();
        let registry = self.0.registry();
        registry.reregister(&mut SourceFd(&fd), to_mio(token)?, interests(interest))
    }

    pub fn deregister(&self, fd: Descriptor<'_>) -> io::Result<()> {
        let fd = fd.0.as_raw_fd();
        self.0.registry().deregister(&mut SourceFd(&fd))
    }

    #[inline]
    pub fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        self.0.poll(&mut events.0, timeout)?;
        Ok(events.0.iter().count())
    }
}

/// mio's tokens have 32 bits on a 32-bit system.
fn to_mio(token: Token) -> io::Result<mio::Token> {
    let number = usize::try_from(token.0);
    number
        .map(mio::Token)
        .map_err(|_| ErrorKind::InvalidInput.into())
}

fn interests(interest: Interest) -> mio::Interest {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const PRIORITY: mio::Interest = mio::Interest::PRIORITY;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const PRIORITY: mio::Interest = mio::Interest::READABLE;
    let each = [
        (Interest::READABLE, mio::Interest::READABLE),
        (Interest::WRITABLE, mio::Interest::WRITABLE),
        (Interest::PRIORITY, PRIORITY),
    ];
    let wanted = each
        .into_iter()
        .filter(|(ours, _)| interest.includes(*ours));
    let wanted = wanted.map(|(_, theirs)| theirs).reduce(mio::Interest::add);
    wanted.unwrap_or(mio::Interest::READABLE) // An `Interest` is never empty.
}

impl Events {
    pub fn with_capacity(capacity: usize) -> Self {
        Events(mio::Events::with_capacity(capacity))
    }

    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        self.0.iter().map(Event)
    }
}

impl Event<'_> {
    #[inline]
    pub fn token(self) -> Token {
        Token(self.0.token().0 as u64)
    }

    #[inline]
    pub fn is_readable(self) -> bool {
        self.0.is_readable()
    }

    #[inline]
    pub fn is_writable(self) -> bool {
        self.0.is_writable()
    }

    #[inline]
    pub fn is_error(self) -> bool {
        self.0.is_error()
    }

    #[inline]
    pub fn is_read_closed(self) -> bool {
        self.0.is_read_closed()
    }

    #[inline]
    pub fn is_write_closed(self) -> bool {
        self.0.is_write_closed()
    }

    #[inline]
    pub fn is_priority(self) -> bool {
        self.0.is_priority()
    }
}
