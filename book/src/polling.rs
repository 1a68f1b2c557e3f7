//! Waiting until a file is readable.

use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until one of them is readable, or for a signal.
///
/// # Errors
/// poll(2) fails.
pub(crate) fn wait(files: &mut [PollFd<'_>], limit: PollTimeout) -> io::Result<()> {
    match poll(files, limit) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What to wait for: something to read, or the end.
pub(crate) fn readable(file: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::new(file, PollFlags::POLLIN)
}
