//! A safe select(2).

use std::io::{self, ErrorKind};
use std::time::Duration;

use common::sys::{self, AsDescriptor, Descriptor, Fd, FdSet};

/// What select(2) found ready. Each list has the order of the list that was passed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ready {
    /// Reading from these doesn't block: there are bytes, a connection to accept, the end of the
    /// stream, or an error.
    pub inputs: Vec<Fd>,
    /// Writing to these doesn't block.
    pub outputs: Vec<Fd>,
    /// These have an exceptional condition: for a TCP socket, urgent data.
    pub excepts: Vec<Fd>,
}

/// An empty list, for a call that doesn't watch for one of the three conditions.
pub const NOTHING: &[Descriptor<'static>] = &[];

/// Waits until one of `inputs` is readable, one of `outputs` is writable, or one of `excepts` has
/// urgent data.
///
/// A `timeout` of `None` waits without limit, and a timeout of zero only polls. When the timeout is
/// over, the returned lists are empty. A signal doesn't end the wait: it resumes with the time that
/// is left, as in Python since version 3.5 (PEP 475).
///
/// ```
/// use common::sys::AsDescriptor;
/// use select_echo::{NOTHING, select};
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
///
/// let (mut here, there) = UnixStream::pair()?;
/// here.write_all(b"x")?;
/// let ready = select(&[&there, &here], &[&here], NOTHING, None)?;
/// assert_eq!(ready.inputs, [there.descriptor().number()]);
/// assert_eq!(ready.outputs, [here.descriptor().number()]);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// `InvalidInput` for a descriptor at or beyond [`FD_SETSIZE`](sys::FD_SETSIZE), and the errors of
/// select(2).
#[track_caller]
pub fn select<I: AsDescriptor, O: AsDescriptor, E: AsDescriptor>(
    inputs: &[I],
    outputs: &[O],
    excepts: &[E],
    timeout: Option<Duration>,
) -> io::Result<Ready> {
    let inputs = Watched::new(inputs)?;
    let outputs = Watched::new(outputs)?;
    let excepts = Watched::new(excepts)?;
    let deadline = timeout.and_then(|timeout| sys::now().checked_add(timeout));
    loop {
        let (mut readable, mut writable, mut urgent) = (inputs.set, outputs.set, excepts.set);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(sys::now()));
        let urgent_or_none = (!excepts.list.is_empty()).then_some(&mut urgent);
        match sys::select(
            Some(&mut readable),
            Some(&mut writable),
            urgent_or_none,
            left,
        ) {
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

/// A list of descriptors, and the bit set that the kernel reads.
struct Watched<'fd, F> {
    list: &'fd [F],
    set: FdSet<'fd>,
}

impl<'fd, F: AsDescriptor> Watched<'fd, F> {
    fn new(list: &'fd [F]) -> io::Result<Self> {
        let mut set = FdSet::new();
        for watched in list {
            set.insert(watched.descriptor())?;
        }
        Ok(Watched { list, set })
    }

    /// Returns the descriptors that the kernel left in the set. `count` is for all three sets.
    // CONCEPT: scaling
    fn ready_in(&self, left: &FdSet, count: usize) -> Vec<Fd> {
        let mut ready = Vec::with_capacity(count.min(self.list.len()));
        let watched = self.list.iter().map(F::descriptor);
        let found = watched.filter(|watched| left.contains(*watched) || sys::spurious());
        ready.extend(found.map(Descriptor::number));
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

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
        assert_eq!(
            ready.outputs,
            [b.descriptor().number(), a.descriptor().number()]
        );
        Ok(())
    }

    #[test]
    fn the_end_of_the_stream_is_readable() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        drop(there);
        assert_eq!(
            select(&[&here], NOTHING, NOTHING, None)?.inputs,
            [here.descriptor().number()]
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
        assert_eq!(ready.excepts, [accepted.descriptor().number()]);
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
            [there.descriptor().number()]
        );
        Ok(())
    }
}
