//! epoll(7) and its like, as mio offers them: readiness comes in edges.

use std::io;
use std::num::NonZeroU8;
use std::ops::BitOr;
use std::time::Duration;

use super::call::{Call, record};
use super::descriptor::Descriptor;
use super::{kernel, wait};

/// What a loop recognises an event by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What a loop watches a descriptor for. An `Option` of it has one byte, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(NonZeroU8);

impl Interest {
    /// Bytes, a connection to accept, the end of the stream, or an error.
    pub const READABLE: Interest = Interest(NonZeroU8::MIN);
    /// Free space in the send buffer, or the result of a connect.
    pub const WRITABLE: Interest = Interest(NonZeroU8::MIN.saturating_add(1));
    /// Urgent data. Where the system doesn't tell of it (everywhere but on Linux), the same as
    /// [`READABLE`](Self::READABLE).
    pub const PRIORITY: Interest = Interest(NonZeroU8::MIN.saturating_add(3));

    /// Whether it includes all of `other`.
    #[inline]
    pub const fn includes(self, other: Interest) -> bool {
        self.0.get() & other.0.get() == other.0.get()
    }
}

impl BitOr for Interest {
    type Output = Interest;

    #[inline]
    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

/// Watches many descriptors, and tells of each change once: epoll(7) with EPOLLET, kqueue(2) with
/// EV_CLEAR.
#[derive(Debug)]
pub struct Poll(kernel::Poll);

/// The events of one wait.
#[derive(Debug)]
pub struct Events(kernel::Events);

/// One event: a descriptor for which something changed, and what it is ready for now.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a>(kernel::Event<'a>);

impl Poll {
    /// Creates one that watches nothing: epoll_create(2).
    ///
    /// # Errors
    /// What epoll_create(2) returns, such as no free descriptor.
    pub fn new() -> io::Result<Self> {
        kernel::Poll::new().map(Poll)
    }

    /// Begins to watch a descriptor. If it is ready already, the next wait tells so: epoll_ctl(2)
    /// with EPOLL_CTL_ADD.
    ///
    /// # Errors
    /// `AlreadyExists` for a descriptor that is watched, or what epoll_ctl(2) returns.
    #[track_caller]
    pub fn register(
        &self,
        descriptor: Descriptor<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let result = self.0.register(descriptor.0, token, interest);
        record(|| Call::on("register", descriptor.number()).returned(&result));
        result
    }

    /// Changes what is watched of a descriptor. What it is ready for now, the next wait tells
    /// again: epoll_ctl(2) with EPOLL_CTL_MOD.
    ///
    /// # Errors
    /// `NotFound` for a descriptor that isn't watched.
    #[track_caller]
    pub fn reregister(
        &self,
        descriptor: Descriptor<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let result = self.0.reregister(descriptor.0, token, interest);
        record(|| Call::on("reregister", descriptor.number()).returned(&result));
        result
    }

    /// Stops watching a descriptor: epoll_ctl(2) with EPOLL_CTL_DEL. Closing the descriptor does
    /// the same, if it has no duplicate.
    ///
    /// # Errors
    /// `NotFound` for a descriptor that isn't watched.
    #[track_caller]
    pub fn deregister(&self, descriptor: Descriptor<'_>) -> io::Result<()> {
        let result = self.0.deregister(descriptor.0);
        record(|| Call::on("deregister", descriptor.number()).returned(&result));
        result
    }

    /// Waits for events, for at most `timeout` (`None` waits without limit): epoll_wait(2). Returns
    /// the number of events.
    ///
    /// # Errors
    /// `Interrupted` when a signal came.
    #[track_caller]
    #[inline(always)] // As `Stream::recv`.
    pub fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        wait(timeout, |timeout| self.0.wait(&mut events.0, timeout))
    }
}

impl Events {
    /// Takes at most `capacity` events from the kernel at once. The others come with the next wait.
    pub fn with_capacity(capacity: usize) -> Self {
        Events(kernel::Events::with_capacity(capacity))
    }

    /// Most events that one wait returns.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// The events of the last wait.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        self.0.iter().map(Event)
    }
}

impl Event<'_> {
    /// The token that the descriptor was registered with.
    #[inline]
    pub fn token(self) -> Token {
        self.0.token()
    }

    /// A read may find something.
    #[inline]
    pub fn is_readable(self) -> bool {
        self.0.is_readable()
    }

    /// The kernel takes a write.
    #[inline]
    pub fn is_writable(self) -> bool {
        self.0.is_writable()
    }

    /// There is an error for the next call to return.
    #[inline]
    pub fn is_error(self) -> bool {
        self.0.is_error()
    }

    /// The peer has sent its last byte.
    #[inline]
    pub fn is_read_closed(self) -> bool {
        self.0.is_read_closed()
    }

    /// Nothing can be written any more.
    #[inline]
    pub fn is_write_closed(self) -> bool {
        self.0.is_write_closed()
    }

    /// Urgent data has arrived.
    #[inline]
    pub fn is_priority(self) -> bool {
        self.0.is_priority()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sys::AsDescriptor;
    use std::io::{ErrorKind, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn an_edge_is_told_once_and_again_after_reregister() -> io::Result<()> {
        let (mut here, there) = UnixStream::pair()?;
        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
        let token = Token(7);
        poll.register(there.descriptor(), token, Interest::READABLE)?;
        let twice = poll.register(there.descriptor(), token, Interest::READABLE);
        assert_eq!(
            twice.expect_err("it is registered").kind(),
            ErrorKind::AlreadyExists
        );
        here.write_all(b"x")?;
        assert_eq!(poll.wait(&mut events, None)?, 1);
        let event = events.iter().next().expect("there is one");
        assert_eq!(event.token(), token);
        assert!(event.is_readable() && !event.is_writable() && !event.is_read_closed());
        let no_time = Some(Duration::ZERO);
        assert_eq!(poll.wait(&mut events, no_time)?, 0);
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.reregister(there.descriptor(), token, both)?;
        assert_eq!(poll.wait(&mut events, no_time)?, 1);
        poll.deregister(there.descriptor())?;
        let gone = poll.deregister(there.descriptor());
        assert_eq!(
            gone.expect_err("it isn't registered").kind(),
            ErrorKind::NotFound
        );
        Ok(())
    }
}
