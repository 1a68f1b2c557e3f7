//! select(2), with a safe interface.

use std::io::{self, ErrorKind};
use std::time::Duration;

use super::descriptor::Descriptor;
use super::{kernel, wait};

/// The number of descriptors that a set can hold: every descriptor must be below it, even if few are
/// watched. 1,024 on Linux.
pub const FD_SETSIZE: usize = kernel::FD_SETSIZE;

/// A set of descriptors: before select(2), those to watch; after it, those that are ready.
#[derive(Debug, Clone, Copy)]
pub struct FdSet<'fd> {
    inner: kernel::FdSet<'fd>,
    /// The highest descriptor plus one.
    end: i32,
}

impl Default for FdSet<'_> {
    #[inline]
    fn default() -> Self {
        FdSet {
            inner: kernel::FdSet::new(),
            end: 0,
        }
    }
}

impl<'fd> FdSet<'fd> {
    /// Creates an empty set: FD_ZERO.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a descriptor: FD_SET.
    ///
    /// # Errors
    /// `InvalidInput` if the descriptor is [`FD_SETSIZE`] or higher.
    #[inline]
    pub fn insert(&mut self, descriptor: Descriptor<'fd>) -> io::Result<()> {
        check_fits(descriptor)?;
        self.inner.insert(descriptor.0);
        self.end = self.end.max(descriptor.number() + 1);
        Ok(())
    }

    /// Whether a descriptor is in the set: FD_ISSET.
    #[inline]
    pub fn contains(&self, descriptor: Descriptor<'_>) -> bool {
        (0..self.end).contains(&descriptor.number()) && self.inner.contains(descriptor.0)
    }
}

/// Checks that select(2) can watch a descriptor. Call this when your program gets the
/// descriptor.
///
/// # Errors
/// `InvalidInput` if the descriptor is [`FD_SETSIZE`] or higher.
#[inline]
pub fn check_fits(descriptor: Descriptor<'_>) -> io::Result<()> {
    let number = descriptor.number();
    if usize::try_from(number).is_ok_and(|number| number < FD_SETSIZE) {
        return Ok(());
    }
    Err(does_not_fit(number))
}

#[cold]
fn does_not_fit(number: i32) -> io::Error {
    let message = format!(
        "descriptor {number} is beyond FD_SETSIZE, select can watch those below {FD_SETSIZE} only"
    );
    io::Error::new(ErrorKind::InvalidInput, message)
}

/// Waits until a descriptor of `inputs` is readable, one of `outputs` writable, or one of `excepts`
/// has urgent data, for at most `timeout` (`None` waits without limit): select(2). Afterwards, the sets
/// contain the descriptors that are ready. Returns how many there are.
///
/// ```
/// use common::sys::{AsDescriptor, FdSet, select};
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
///
/// let (mut here, there) = UnixStream::pair()?;
/// here.write_all(b"x")?;
/// let mut inputs = FdSet::new();
/// inputs.insert(here.descriptor())?;
/// inputs.insert(there.descriptor())?;
/// assert_eq!(select(Some(&mut inputs), None, None, None)?, 1);
/// assert!(inputs.contains(there.descriptor()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// `Interrupted` if a signal came; the sets' contents are then undefined.
#[track_caller]
pub fn select<'fd>(
    inputs: Option<&mut FdSet<'fd>>,
    outputs: Option<&mut FdSet<'fd>>,
    excepts: Option<&mut FdSet<'fd>>,
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let sets = [&inputs, &outputs, &excepts];
    let ends = sets.into_iter().flatten().map(|set| set.end);
    let end = ends.max().unwrap_or(0);
    let [inputs, outputs, excepts] =
        [inputs, outputs, excepts].map(|set| set.map(|set| &mut set.inner));
    wait(timeout, |timeout| {
        kernel::select(end, inputs, outputs, excepts, timeout)
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::descriptor::AsDescriptor;
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn select_leaves_what_is_ready_in_the_sets() -> io::Result<()> {
        let (mut here, there) = UnixStream::pair()?;
        let fds = [here.descriptor().number(), there.descriptor().number()];
        let (mut inputs, mut outputs) = (FdSet::new(), FdSet::new());
        inputs.insert(there.descriptor())?;
        let mut nothing = inputs;
        assert_eq!(
            select(Some(&mut nothing), None, None, Some(Duration::ZERO))?,
            0
        );
        assert!(!nothing.contains(there.descriptor()), "{fds:?}");
        (&here).write_all(b"x")?;
        outputs.insert(here.descriptor())?;
        let ready = select(Some(&mut inputs), Some(&mut outputs), None, None)?;
        assert_eq!(ready, 2);
        assert!(inputs.contains(there.descriptor()));
        assert!(outputs.contains(here.descriptor()));
        here.flush()
    }
}
