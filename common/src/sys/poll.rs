//! epoll(7) and similar calls, through mio: edge-triggered readiness.

use std::io::{self, ErrorKind};
use std::num::NonZeroU8;
use std::ops::{BitOr, BitOrAssign};
use std::time::Duration;

use super::call::{Call, record};
use super::descriptor::Descriptor;
use super::{kernel, wait};

/// Identifies the descriptor of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What a loop watches a descriptor for. An `Option` of it also takes one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(NonZeroU8);

impl Interest {
    /// Bytes, a connection to accept, the end of the stream, or an error.
    pub const READABLE: Interest = Interest(NonZeroU8::MIN);
    /// Free space in the send buffer, or the result of a connect.
    pub const WRITABLE: Interest = Interest(NonZeroU8::MIN.saturating_add(1));
    /// Urgent data. On systems that don't report it (all except Linux), the same as
    /// [`READABLE`](Self::READABLE).
    pub const PRIORITY: Interest = Interest(NonZeroU8::MIN.saturating_add(3));

    /// The interest of a loop that reads, writes, or does both; `None` for neither. Reading
    /// includes urgent data, because a read stops before it.
    #[inline]
    pub fn of(reads: bool, writes: bool) -> Option<Interest> {
        let reading = Interest::READABLE | Interest::PRIORITY;
        match (reads, writes) {
            (false, false) => None,
            (true, false) => Some(reading),
            (false, true) => Some(Interest::WRITABLE),
            (true, true) => Some(reading | Interest::WRITABLE),
        }
    }

    /// Whether it includes reading.
    #[inline]
    pub const fn is_readable(self) -> bool {
        self.includes(Interest::READABLE)
    }

    /// Whether it includes writing.
    #[inline]
    pub const fn is_writable(self) -> bool {
        self.includes(Interest::WRITABLE)
    }

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

/// What a descriptor is ready for, as far as a loop knows.
///
/// select(2) reports *levels*: each wait reports all that is ready. [`Poll`] reports *edges*: only
/// changes. After an edge, a loop has to remember that the descriptor is ready until a call
/// finds that it isn't any more. If the loop forgets too early, it waits for an edge that never comes.
/// This value is that memory. A loop keeps one next to each descriptor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readiness(u8);

impl Readiness {
    /// Reported by an edge, and so not reported again.
    const EDGE: u8 = 1;
    const READ: u8 = 2;
    const WRITE: u8 = 4;
    /// A short read doesn't show that everything was read: the end of the stream or an error comes
    /// next, or more data behind urgent data, before which a read stops. No edge will report that.
    const MORE_BEHIND: u8 = 8;

    /// What a level-triggered wait has found.
    #[inline]
    pub fn level(may_read: bool, may_write: bool) -> Self {
        Self::default()
            .with(Self::READ, may_read)
            .with(Self::WRITE, may_write)
    }

    /// What an edge-triggered wait has found. `more_behind` means that a short read doesn't show
    /// that everything was read.
    #[inline]
    pub fn edge(may_read: bool, may_write: bool, more_behind: bool) -> Self {
        Self::level(may_read || more_behind, may_write)
            .with(Self::EDGE, true)
            .with(Self::MORE_BEHIND, more_behind)
    }

    /// Whether a read can find something, or accept(2) a client.
    #[inline]
    pub fn may_read(self) -> bool {
        self.0 & Self::READ != 0
    }

    /// Whether the kernel can take a write, or a connect can have ended.
    #[inline]
    pub fn may_write(self) -> bool {
        self.0 & Self::WRITE != 0
    }

    /// Records the result of a read of at most `offered` bytes.
    ///
    /// `WouldBlock` ends a readiness. A short read almost always does too, and treating it as the
    /// end saves the read that would return `WouldBlock` (epoll(7), questions and answers).
    // CONCEPT: level-and-edge
    #[inline]
    pub fn record_read(&mut self, result: &io::Result<usize>, offered: usize) {
        let is_over = match result {
            Ok(count) => *count < offered && self.0 & Self::MORE_BEHIND == 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        if is_over {
            self.0 &= !(Self::READ | Self::MORE_BEHIND);
        }
    }

    /// Records the result of a write or a connect: `WouldBlock` ends a readiness.
    #[inline]
    pub fn record_write(&mut self, result: &io::Result<usize>) {
        if matches!(result, Err(error) if error.kind() == ErrorKind::WouldBlock) {
            self.clear_write();
        }
    }

    /// Sets it to readable although no event says so: a read can find something.
    #[inline]
    pub fn set_read(&mut self) {
        self.0 |= Self::READ;
    }

    /// Sets it to writable although no event says so: the kernel can take a write.
    #[inline]
    pub fn set_write(&mut self) {
        self.0 |= Self::WRITE;
    }

    /// Clears it for reading: nothing is left to read or to accept, as far as is known.
    #[inline]
    pub fn clear_read(&mut self) {
        self.0 &= !Self::READ;
    }

    /// Clears it for writing: the kernel takes nothing, as far as is known.
    #[inline]
    pub fn clear_write(&mut self) {
        self.0 &= !Self::WRITE;
    }

    /// The part that a loop has to remember until the next wait: nothing of a level, since that wait
    /// reports it again, and all of an edge.
    // CONCEPT: level-and-edge
    #[inline]
    pub fn left(self) -> Self {
        match self.0 & Self::EDGE {
            0 => Self::default(),
            _ => self,
        }
    }

    #[inline]
    fn with(self, bit: u8, is_set: bool) -> Self {
        Readiness(self.0 | (bit * u8::from(is_set)))
    }
}

impl From<Event<'_>> for Readiness {
    /// The edge that an event reports. If there is an error, the next read or write returns it.
    ///
    /// Without branches, here and in `with`, the dispatcher needs 17 instructions fewer per echo.
    #[inline]
    fn from(event: Event<'_>) -> Self {
        let error = event.is_error();
        Self::edge(
            event.is_readable(),
            event.is_writable() | event.is_write_closed() | error,
            event.is_read_closed() | event.is_priority() | error,
        )
    }
}

impl BitOrAssign for Readiness {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Watches many descriptors, and reports each change once: epoll(7) with EPOLLET, kqueue(2) with
/// EV_CLEAR.
#[derive(Debug)]
pub struct Poll(kernel::Poll);

/// The events of one wait.
#[derive(Debug)]
pub struct Events(kernel::Events);

/// One event: a descriptor that has changed, and what it is ready for now.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a>(kernel::Event<'a>);

impl Poll {
    /// Creates a poll that watches nothing: epoll_create(2).
    ///
    /// # Errors
    /// The errors of epoll_create(2), such as no free descriptor.
    pub fn new() -> io::Result<Self> {
        kernel::Poll::new().map(Poll)
    }

    /// The operating system's descriptor: readable while there are events, so that another loop can
    /// watch it (epoll(7)).
    ///
    /// # Errors
    /// `Unsupported` for a simulated poll.
    #[cfg(unix)]
    pub fn to_os(&self) -> io::Result<std::os::fd::BorrowedFd<'_>> {
        self.0.to_os()
    }

    /// Starts to watch a descriptor: epoll_ctl(2) with EPOLL_CTL_ADD. If it is ready already, the next
    /// wait reports it.
    ///
    /// # Errors
    /// `AlreadyExists` if the descriptor is already watched, and those of epoll_ctl(2).
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

    /// Changes what a descriptor is watched for: epoll_ctl(2) with EPOLL_CTL_MOD. If it is ready, the
    /// next wait reports it again.
    ///
    /// # Errors
    /// `NotFound` if the descriptor isn't watched.
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
    /// the same if it has no duplicate.
    ///
    /// # Errors
    /// `NotFound` if the descriptor isn't watched.
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
    /// `Interrupted` if a signal came.
    #[track_caller]
    #[inline(always)] // As `Stream::recv`.
    pub fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        wait(timeout, |timeout| self.0.wait(&mut events.0, timeout))
    }
}

impl Events {
    /// Takes at most `capacity` events from the kernel at once. The next wait returns the others.
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

    /// A read can find something.
    #[inline]
    pub fn is_readable(self) -> bool {
        self.0.is_readable()
    }

    /// The kernel takes a write.
    #[inline]
    pub fn is_writable(self) -> bool {
        self.0.is_writable()
    }

    /// The next call returns an error.
    #[inline]
    pub fn is_error(self) -> bool {
        self.0.is_error()
    }

    /// The peer has sent its last byte.
    #[inline]
    pub fn is_read_closed(self) -> bool {
        self.0.is_read_closed()
    }

    /// No more can be written.
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
    use std::io::Write;
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
    #[test]
    fn an_edge_is_remembered_until_a_call_has_met_its_end() {
        let would_block = || Err(ErrorKind::WouldBlock.into());
        let mut ready = Readiness::edge(true, true, false);
        ready.record_read(&Ok(8), 8);
        ready.record_read(&Err(ErrorKind::Interrupted.into()), 8);
        assert!(ready.left().may_read(), "there can be more");
        ready.record_read(&Ok(7), 8);
        assert!(!ready.may_read() && ready.may_write());
        ready.record_write(&Ok(1));
        assert!(ready.left().may_write());
        ready.record_write(&would_block());
        assert!(!ready.may_write());

        let mut ready = Readiness::edge(false, false, true);
        ready.record_read(&Ok(7), 8);
        assert!(ready.left().may_read(), "a short read proves nothing");
        ready.clear_read();
        assert!(!ready.may_read());
        ready.set_read();
        ready.record_read(&Ok(7), 8);
        assert!(ready.may_read(), "it still doesn't");
        ready.record_read(&would_block(), 8);
        assert!(!ready.may_read());
    }

    #[test]
    fn a_level_is_not_remembered() {
        let mut ready = Readiness::level(true, true);
        assert!(ready.may_read() && ready.may_write());
        assert_eq!(ready.left(), Readiness::default());
        ready |= Readiness::edge(false, true, false);
        assert!(ready.left().may_write());
    }
}
