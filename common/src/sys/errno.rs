//! Errors of the operating system that have no kind in the standard library, or whose number
//! matters.

use std::io;

#[cfg(unix)]
use nix::errno::Errno;

/// EMFILE: the process has the maximum number of descriptors.
pub(super) fn no_descriptor() -> io::Error {
    #[cfg(unix)]
    return Errno::EMFILE.into();
    #[cfg(not(unix))]
    io::Error::from_raw_os_error(33) // WASI's number for it.
}

/// EACCES: a security policy forbids the call.
pub(super) fn no_permission() -> io::Error {
    #[cfg(unix)]
    return Errno::EACCES.into();
    #[cfg(not(unix))]
    io::ErrorKind::PermissionDenied.into()
}

/// Whether the error is ESHUTDOWN or EBADF: the socket can't be used any more. The other errors that
/// end a connection have kinds of their own.
pub fn is_unusable(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::ESHUTDOWN | Errno::EBADF)
    );
    #[cfg(not(unix))]
    {
        let _ = error; // The simulated kernel returns neither.
        false
    }
}
