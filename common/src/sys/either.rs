//! Both kernels behind one set of types. The simulated one is used while a simulation runs.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::os;
use super::sim::{handles as sim, is_running};

pub use os::FD_SETSIZE;

/// Makes an enum of a type that both kernels have, and functions that call the right one.
macro_rules! either {
    ($(#[$attribute:meta])* $type:ident$(<$lifetime:lifetime>)?
        { $(fn $method:ident($($argument:ident: $of:ty),*) -> $output:ty;)* }
    ) => {
        $(#[$attribute])*
        #[derive(Debug)]
        pub enum $type$(<$lifetime>)? {
            Os(os::$type$(<$lifetime>)?),
            Sim(sim::$type$(<$lifetime>)?),
        }

        impl$(<$lifetime>)? $type$(<$lifetime>)? {
            $(#[inline]
            pub fn $method(&self, $($argument: $of),*) -> $output {
                match self {
                    Self::Os(inner) => inner.$method($($argument),*),
                    Self::Sim(inner) => inner.$method($($argument),*),
                }
            })*
        }
    };
}

/// The same for types that own a descriptor.
macro_rules! owner {
    ($type:ident, $owner:ty) => {
        impl $type {
            #[inline]
            pub fn from_os(owner: $owner) -> Self {
                $type::Os(os::$type::from_os(owner))
            }

            #[inline]
            pub fn descriptor(&self) -> Descriptor<'_> {
                match self {
                    $type::Os(inner) => Descriptor::Os(inner.descriptor()),
                    $type::Sim(inner) => Descriptor::Sim(inner.descriptor()),
                }
            }
        }

        impl From<sim::$type> for $type {
            fn from(inner: sim::$type) -> Self {
                $type::Sim(inner)
            }
        }
    };
}

macro_rules! closes {
    ($($type:ident),*) => {$(
        impl $type {
            pub fn close(&mut self) {
                match self {
                    $type::Os(inner) => inner.close(),
                    $type::Sim(inner) => inner.close(),
                }
            }
        }
    )*};
}

closes!(Listener, Stream, File);

/// Returns the value from the kernel in use.
macro_rules! made {
    ($type:ident::$make:ident($($argument:expr),*)) => {
        if is_running() {
            sim::$type::$make($($argument),*).map($type::Sim)
        } else {
            os::$type::$make($($argument),*).map($type::Os)
        }
    };
}

either!(
    #[derive(Clone, Copy)]
    Descriptor<'fd> {}
);

impl<'fd> Descriptor<'fd> {
    #[inline]
    pub fn from_os(owner: &'fd impl std::os::fd::AsFd) -> Self {
        Descriptor::Os(os::Descriptor::from_os(owner))
    }

    #[inline]
    pub fn to_os(self) -> io::Result<BorrowedFd<'fd>> {
        match self {
            Descriptor::Os(inner) => inner.to_os(),
            Descriptor::Sim(_) => Err(ErrorKind::Unsupported.into()),
        }
    }

    #[inline]
    pub fn number(self) -> i32 {
        match self {
            Descriptor::Os(inner) => inner.number(),
            Descriptor::Sim(inner) => inner.number(),
        }
    }
}

either!(Listener {
    fn local_addr() -> io::Result<SocketAddr>;
});
owner!(Listener, std::net::TcpListener);

impl Listener {
    pub fn bind(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        made!(Listener::bind(address, backlog))
    }

    #[inline]
    pub fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Listener::Os(inner) => inner
                .accept()
                .map(|(stream, peer)| (Stream::Os(stream), peer)),
            Listener::Sim(inner) => inner
                .accept()
                .map(|(stream, peer)| (Stream::Sim(stream), peer)),
        }
    }
}

either!(Stream {
    fn recv(buffer: &mut [u8]) -> io::Result<usize>;
    fn peek(buffer: &mut [u8]) -> io::Result<usize>;
    fn send(bytes: &[u8]) -> io::Result<usize>;
    fn finish() -> io::Result<()>;
    fn take_error() -> io::Result<Option<io::Error>>;
    fn peer_addr() -> io::Result<SocketAddr>;
    fn local_addr() -> io::Result<SocketAddr>;
    fn reset_on_close() -> io::Result<()>;
});
owner!(Stream, std::net::TcpStream);

impl Stream {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        made!(Stream::connect(address))
    }
}

either!(File {});
owner!(File, std::os::fd::OwnedFd);

either!(StopPipe {
    fn take_byte() -> bool;
});
owner!(StopPipe, std::os::unix::net::UnixStream);

impl StopPipe {
    pub fn try_clone(&self) -> io::Result<File> {
        match self {
            StopPipe::Os(inner) => inner.try_clone().map(File::Os),
            StopPipe::Sim(inner) => inner.try_clone().map(File::Sim),
        }
    }
}

either!(
    #[derive(Clone, Copy)]
    FdSet<'fd> {}
);

impl<'fd> FdSet<'fd> {
    #[inline]
    pub fn new() -> Self {
        if is_running() {
            FdSet::Sim(sim::FdSet::new())
        } else {
            FdSet::Os(os::FdSet::new())
        }
    }

    /// A descriptor of the other kernel isn't added.
    #[inline]
    pub fn insert(&mut self, descriptor: Descriptor<'fd>) {
        match (self, descriptor) {
            (FdSet::Os(set), Descriptor::Os(descriptor)) => set.insert(descriptor),
            (FdSet::Sim(set), Descriptor::Sim(descriptor)) => set.insert(descriptor),
            _ => {}
        }
    }

    #[inline]
    pub fn contains(&self, descriptor: Descriptor<'_>) -> bool {
        match (self, descriptor) {
            (FdSet::Os(set), Descriptor::Os(descriptor)) => set.contains(descriptor),
            (FdSet::Sim(set), Descriptor::Sim(descriptor)) => set.contains(descriptor),
            _ => false,
        }
    }

    fn os(&mut self) -> Option<&mut os::FdSet<'fd>> {
        match self {
            FdSet::Os(set) => Some(set),
            FdSet::Sim(_) => None,
        }
    }

    fn sim(&mut self) -> Option<&mut sim::FdSet<'fd>> {
        match self {
            FdSet::Sim(set) => Some(set),
            FdSet::Os(_) => None,
        }
    }
}

pub fn select<'fd>(
    end: i32,
    inputs: Option<&mut FdSet<'fd>>,
    outputs: Option<&mut FdSet<'fd>>,
    excepts: Option<&mut FdSet<'fd>>,
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let sets = [inputs, outputs, excepts];
    if is_running() {
        let [inputs, outputs, excepts] = sets.map(|set| set.and_then(FdSet::sim));
        sim::select(end, inputs, outputs, excepts, timeout)
    } else {
        let [inputs, outputs, excepts] = sets.map(|set| set.and_then(FdSet::os));
        os::select(end, inputs, outputs, excepts, timeout)
    }
}

#[inline]
pub fn now() -> Instant {
    if is_running() { sim::now() } else { os::now() }
}

// Below the macros, because it uses them.
mod poll;

pub use poll::{Event, Events, Poll};
