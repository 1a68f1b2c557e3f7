//! The simulated kernel with the interface of the real one: the same types and functions as
//! `sys::os`.

use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::kernel::Kernel;
use super::select::Sets;
use super::world::ReadinessCheck;
use super::{Handle, here};

mod poll;

#[cfg(not(unix))]
pub use super::select::FD_SETSIZE;
pub use poll::{Event, Events, Poll};

#[derive(Debug, Clone, Copy)]
pub struct Descriptor<'fd> {
    pub(super) fd: i32,
    owner: PhantomData<&'fd ()>,
}

impl Descriptor<'_> {
    #[inline]
    pub fn number(self) -> i32 {
        self.fd
    }
}

macro_rules! owner {
    ($type:ident) => {
        #[derive(Debug)]
        pub struct $type(pub(super) Handle);

        impl $type {
            pub fn descriptor(&self) -> Descriptor<'_> {
                Descriptor {
                    fd: self.0.fd,
                    owner: PhantomData,
                }
            }
        }
    };
}

macro_rules! closes {
    ($($type:ident),*) => {$(
        impl $type {
            pub fn close(&mut self) {
                self.0.close();
            }
        }
    )*};
}

closes!(Listener, Stream, File);

owner!(Listener);
owner!(Stream);
owner!(File);
owner!(StopPipe);

impl Listener {
    pub fn bind(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        let backlog = usize::try_from(backlog).unwrap_or(0);
        here(|kernel, _| kernel.listen(address, backlog)).map(Listener)
    }

    pub fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let (fd, peer) = self.0.call(|kernel, fd| kernel.accept(fd))?;
        Ok((Stream(self.0.beside(fd)), peer))
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.call(|kernel, fd| kernel.listener_address(fd))
    }
}

impl Stream {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        here(|kernel, now| kernel.connect(address, now)).map(Stream)
    }

    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let recv = |kernel: &mut Kernel, fd| kernel.on_socket(fd, |socket| socket.recv(buffer));
        self.0.call(recv)
    }

    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let peek = |kernel: &mut Kernel, fd| kernel.on_socket(fd, |socket| socket.peek(buffer));
        self.0.call(peek)
    }

    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let send = |kernel: &mut Kernel, fd| kernel.on_socket(fd, |socket| socket.send(bytes));
        self.0.call(send)
    }

    pub fn finish(&self) -> io::Result<()> {
        self.0
            .call(|kernel, fd| kernel.on_socket(fd, |socket| socket.finish()))
    }

    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let take = |kernel: &mut Kernel, fd| {
            kernel.on_socket(fd, |socket| Ok(socket.take_error().map(io::Error::from)))
        };
        self.0.call(take)
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0
            .call(|kernel, fd| kernel.on_socket(fd, |socket| socket.peer_addr()))
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0
            .call(|kernel, fd| kernel.on_socket(fd, |socket| Ok(socket.local)))
    }

    pub fn reset_on_close(&self) -> io::Result<()> {
        self.0.call(|kernel, fd| {
            kernel.on_socket(fd, |socket| {
                socket.reset_on_close();
                Ok(())
            })
        })
    }
}

impl StopPipe {
    pub fn take_byte(&self) -> bool {
        let taken = self.0.call(|kernel, _| Ok(kernel.read_stop_byte()));
        taken.unwrap_or(false)
    }

    pub fn try_clone(&self) -> io::Result<File> {
        let fd = self.0.call(|kernel, fd| kernel.duplicate(fd))?;
        Ok(File(self.0.beside(fd)))
    }
}

#[derive(Debug, Clone, Copy)]
pub struct FdSet<'fd> {
    bits: super::select::Bits,
    owner: PhantomData<&'fd ()>,
}

impl<'fd> FdSet<'fd> {
    pub fn new() -> Self {
        FdSet {
            bits: Default::default(),
            owner: PhantomData,
        }
    }

    pub fn insert(&mut self, descriptor: Descriptor<'fd>) {
        self.bits.insert(descriptor.fd);
    }

    pub fn contains(&self, descriptor: Descriptor<'_>) -> bool {
        self.bits.contains(descriptor.fd)
    }
}

/// A select that waits.
struct Select {
    sets: Sets,
    ready: Sets,
}

impl ReadinessCheck for Select {
    fn check_readiness(&mut self, kernel: &mut Kernel, _: Option<&mut Rng>) -> usize {
        let (ready, count) = kernel.select(&self.sets);
        self.ready = ready;
        count
    }
}

pub fn select<'fd>(
    _end: i32,
    inputs: Option<&mut FdSet<'fd>>,
    outputs: Option<&mut FdSet<'fd>>,
    excepts: Option<&mut FdSet<'fd>>,
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let given = [inputs, outputs, excepts];
    let bits =
        |set: &Option<&mut FdSet<'_>>| set.as_ref().map_or_else(Default::default, |set| set.bits);
    let mut select = Select {
        sets: [bits(&given[0]), bits(&given[1]), bits(&given[2])],
        ready: Sets::default(),
    };
    let count = super::with_current(|world| {
        world.kernel.begin_select(&select.sets);
        world.wait(timeout, &mut select)
    })??;
    for (set, ready) in given.into_iter().zip(select.ready) {
        if let Some(set) = set {
            set.bits = ready;
        }
    }
    Ok(count)
}

pub fn now() -> Instant {
    // After a run, a value that outlived it gets the real time.
    super::with_current(|world| world.time()).unwrap_or_else(|_| Instant::now())
}
