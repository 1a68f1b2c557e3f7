//! A borrowed descriptor, which you pass to the calls that wait.

#[cfg(unix)]
use std::{
    io,
    net::{TcpListener, TcpStream},
    os::fd::{BorrowedFd, OwnedFd},
    os::unix::net::{UnixDatagram, UnixListener, UnixStream},
};

use super::kernel;

/// The number of a descriptor: the lowest that was free when it was opened.
pub type Fd = i32;

/// A borrowed descriptor of either kernel. It can't outlive its owner.
///
/// It corresponds to `BorrowedFd`, which only covers the operating system's descriptors.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor<'fd>(pub(crate) kernel::Descriptor<'fd>);

impl<'fd> Descriptor<'fd> {
    /// Its number.
    #[inline]
    #[doc(alias = "fileno")]
    pub fn number(self) -> Fd {
        self.0.number()
    }

    /// The operating system's descriptor, for code that calls the operating system itself.
    ///
    /// # Errors
    /// `Unsupported` for a simulated descriptor.
    #[cfg(unix)]
    #[inline]
    pub fn to_os(self) -> io::Result<BorrowedFd<'fd>> {
        self.0.to_os()
    }
}

/// Anything with a descriptor. It corresponds to [`AsFd`](std::os::fd::AsFd).
#[doc(alias = "fileno")]
pub trait AsDescriptor {
    /// Borrows the descriptor.
    fn descriptor(&self) -> Descriptor<'_>;
}

impl AsDescriptor for Descriptor<'_> {
    #[inline]
    fn descriptor(&self) -> Descriptor<'_> {
        *self
    }
}

impl<T: AsDescriptor + ?Sized> AsDescriptor for &T {
    #[inline]
    fn descriptor(&self) -> Descriptor<'_> {
        (**self).descriptor()
    }
}

impl<T: AsDescriptor + ?Sized> AsDescriptor for std::rc::Rc<T> {
    #[inline]
    fn descriptor(&self) -> Descriptor<'_> {
        (**self).descriptor()
    }
}

/// Lets a loop watch the standard library's types that have a descriptor.
#[cfg(unix)]
macro_rules! of_the_operating_system {
    ($($type:ty),*) => {$(
        impl AsDescriptor for $type {
            #[inline]
            fn descriptor(&self) -> Descriptor<'_> {
                Descriptor(kernel::Descriptor::from_os(self))
            }
        }
    )*};
}

#[cfg(unix)]
of_the_operating_system!(
    BorrowedFd<'_>,
    OwnedFd,
    TcpListener,
    TcpStream,
    UnixDatagram,
    UnixListener,
    UnixStream
);
