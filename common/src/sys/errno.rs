//! Errors of the operating system that the standard library has no kind for, or whose number
//! matters.

use std::io;

/// EMFILE: the process has as many descriptors as it can have.
pub(super) fn no_descriptor() -> io::Error {
    #[cfg(unix)]
    return nix::errno::Errno::EMFILE.into();
    #[cfg(not(unix))]
    io::Error::from_raw_os_error(33) // As WASI numbers it.
}

/// EACCES: a security policy forbids the call.
pub(super) fn no_permission() -> io::Error {
    #[cfg(unix)]
    return nix::errno::Errno::EACCES.into();
    #[cfg(not(unix))]
    io::ErrorKind::PermissionDenied.into()
}
