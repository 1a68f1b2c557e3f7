//! select(2), made safe.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use common::sys;
use nix::sys::select::FdSet;
use nix::sys::time::{TimeVal, TimeValLike};

/// The number of descriptors that a set can hold: each must be below it, however few are watched.
/// 1,024 on Linux.
pub const FD_SETSIZE: usize = nix::sys::select::FD_SETSIZE;

/// What select(2) found ready, each list in the order of the one that was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ready {
    /// A read on these will not block: bytes, a connection to accept, the end of the stream, or an
    /// error.
    pub inputs: Vec<RawFd>,
    /// A write on these will not block.
    pub outputs: Vec<RawFd>,
    /// These have an exceptional condition: for a TCP socket, urgent data.
    pub excepts: Vec<RawFd>,
}

/// An empty list, for a call that watches nothing of a kind.
pub const NOTHING: &[BorrowedFd<'static>] = &[];

/// Waits until one of `inputs` can be read, one of `outputs` written, or one of `excepts` has
/// urgent data.
///
/// A `timeout` of `None` waits without end, of zero polls, and any other waits at most so long: the
/// lists are empty then. A signal does not end the wait; it resumes with the time that is left, as
/// Python's does since 3.5 (PEP 475).
///
/// ```
/// use select_echo::{NOTHING, select};
/// use std::io::Write;
/// use std::os::{fd::AsRawFd, unix::net::UnixStream};
///
/// let (mut here, there) = UnixStream::pair()?;
/// here.write_all(b"x")?;
/// let ready = select(&[&there, &here], &[&here], NOTHING, None)?;
/// assert_eq!(ready.inputs, [there.as_raw_fd()]);
/// assert_eq!(ready.outputs, [here.as_raw_fd()]);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// `InvalidInput` for a descriptor at or beyond [`FD_SETSIZE`], or what select(2) answers.
#[track_caller]
pub fn select<I: AsFd, O: AsFd, E: AsFd>(
    inputs: &[I],
    outputs: &[O],
    excepts: &[E],
    timeout: Option<Duration>,
) -> io::Result<Ready> {
    let inputs = Watched::new(inputs)?;
    let outputs = Watched::new(outputs)?;
    let excepts = Watched::new(excepts)?;
    let end = inputs.end.max(outputs.end).max(excepts.end);
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let (mut readable, mut writable, mut urgent) = (inputs.set, outputs.set, excepts.set);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let waited = sys::wait(left, |left| {
            let mut left = left.map(time_val);
            let count = nix::sys::select::select(
                end,
                &mut readable,
                &mut writable,
                (excepts.end > 0).then_some(&mut urgent),
                left.as_mut(),
            )?;
            Ok(count as usize)
        });
        match waited {
            Ok(count) => {
                return Ok(Ready {
                    inputs: inputs.ready_in(&readable, count),
                    outputs: outputs.ready_in(&writable, count),
                    excepts: excepts.ready_in(&urgent, count),
                });
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Checks that select(2) can watch a descriptor: to be asked where the descriptor enters the
/// program.
///
/// # Errors
/// `InvalidInput` for one at or beyond [`FD_SETSIZE`].
pub fn check_fits(descriptor: &impl AsFd) -> io::Result<()> {
    let fd = descriptor.as_fd().as_raw_fd();
    if (fd as usize) < FD_SETSIZE {
        return Ok(());
    }
    let message = format!(
        "descriptor {fd} is beyond FD_SETSIZE, select can watch those below {FD_SETSIZE} only"
    );
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

/// A list of descriptors, and the set of bits that the kernel reads.
struct Watched<'fd, F> {
    list: &'fd [F],
    set: FdSet<'fd>,
    /// One more than the highest descriptor: what C calls nfds; 0 for an empty list.
    end: RawFd,
}

impl<'fd, F: AsFd> Watched<'fd, F> {
    fn new(list: &'fd [F]) -> io::Result<Self> {
        let (mut set, mut end) = (FdSet::new(), 0);
        for descriptor in list {
            check_fits(descriptor)?;
            set.insert(descriptor.as_fd());
            end = end.max(descriptor.as_fd().as_raw_fd() + 1);
        }
        Ok(Watched { list, set, end })
    }

    /// The descriptors that the kernel left in the set, of `count` in all three.
    // CONCEPT: scaling
    fn ready_in(&self, left: &FdSet, count: usize) -> Vec<RawFd> {
        let mut ready = Vec::with_capacity(count.min(self.list.len()));
        let watched = self.list.iter().map(F::as_fd);
        let found = watched.filter(|fd| left.contains(*fd) || sys::spurious());
        ready.extend(found.map(|fd| fd.as_raw_fd()));
        ready
    }
}

fn time_val(duration: Duration) -> TimeVal {
    // Rounded up: a wait that ends a fraction too early would find its timer not yet due, and turn
    // once more for nothing.
    let microseconds = duration.as_nanos().div_ceil(1_000);
    TimeVal::microseconds(i64::try_from(microseconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_timeout_of_zero_polls() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        let ready = select(&[&here, &there], NOTHING, NOTHING, Some(Duration::ZERO))?;
        assert_eq!(ready, Ready::default());
        Ok(())
    }

    #[test]
    fn a_timeout_is_waited_out() -> io::Result<()> {
        let (here, _there) = UnixStream::pair()?;
        let (begun, timeout) = (Instant::now(), Duration::from_millis(20));
        assert_eq!(
            select(&[here], NOTHING, NOTHING, Some(timeout))?,
            Ready::default()
        );
        assert!(begun.elapsed() >= timeout);
        Ok(())
    }

    #[test]
    fn the_order_is_that_of_the_list() -> io::Result<()> {
        let (a, b) = UnixStream::pair()?;
        let ready = select(NOTHING, &[&b, &a], NOTHING, None)?;
        assert_eq!(ready.outputs, [b.as_raw_fd(), a.as_raw_fd()]);
        Ok(())
    }

    #[test]
    fn the_end_of_the_stream_is_readable() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        drop(there);
        assert_eq!(
            select(&[&here], NOTHING, NOTHING, None)?.inputs,
            [here.as_raw_fd()]
        );
        Ok(())
    }

    #[test]
    fn urgent_data_is_exceptional() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (accepted, _) = listener.accept()?;
        socket2::SockRef::from(&client).send_out_of_band(b"!")?;
        let ready = select(NOTHING, NOTHING, &[&accepted], Some(Duration::from_secs(5)))?;
        assert_eq!(ready.excepts, [accepted.as_raw_fd()]);
        Ok(())
    }

    #[test]
    fn a_signal_does_not_end_the_wait() -> io::Result<()> {
        sys::inject("1:eintr=90".parse().map_err(io::Error::other)?);
        let (mut here, there) = UnixStream::pair()?;
        let (begun, timeout) = (Instant::now(), Duration::from_millis(20));
        assert_eq!(
            select(&[&there], NOTHING, NOTHING, Some(timeout))?,
            Ready::default()
        );
        assert!(begun.elapsed() >= timeout);
        here.write_all(b"x")?;
        assert_eq!(
            select(&[&there], NOTHING, NOTHING, None)?.inputs,
            [there.as_raw_fd()]
        );
        Ok(())
    }
}
