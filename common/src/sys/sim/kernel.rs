//! The simulated kernel's descriptors, listeners, and sockets, and the calls on them.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use super::Options;
use super::epoll::Epoll;
use super::select::Selected;
use super::tcp::{Socket, bits};
use crate::sys::errno;

mod connecting;

use connecting::PendingConnect;

/// What a descriptor refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    /// Standard input, output, or error.
    Standard,
    /// The reading end of the stop signal's pipe.
    Stop,
    /// One of [`Kernel::listeners`].
    Listener(usize),
    /// One of [`Kernel::sockets`].
    Stream(usize),
    /// One of [`Kernel::polls`].
    Poll(usize),
}

/// The owner of one end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Server,
    /// A client of the script.
    Client(u32),
    /// The server connects to this end, and has no answer.
    None,
}

#[derive(Debug)]
pub(super) struct Listening {
    pub address: SocketAddr,
    backlog: usize,
    /// The ends of connections that wait to be accepted.
    pub queue: VecDeque<usize>,
    is_open: bool,
}

/// The first port of listeners that don't choose one.
const LISTENER_PORTS: u16 = 30_001;

#[derive(Debug)]
pub(super) struct Kernel {
    options: Options,
    /// The process can have this many descriptors: RLIMIT_NOFILE.
    pub descriptor_limit: usize,
    objects: Vec<Option<Object>>,
    pub listeners: Vec<Listening>,
    /// The two ends of each connection are neighbours: the one that connects has an even index.
    pub sockets: Vec<Socket>,
    pub owners: Vec<Owner>,
    pub polls: Vec<Epoll>,
    pub selected: Selected,
    pending_connects: Vec<PendingConnect>,
    /// Clients that wait for a connection from the server, and where they listen.
    pub awaiting: Vec<(SocketAddr, u32)>,
    /// Clients that got one, and their end of it.
    pub reached: Vec<(u32, usize)>,
    /// Packets to these ports get no answer.
    pub silent_ports: BTreeSet<u16>,
    stop_bytes: usize,
}

/// The other end of a connection.
pub(super) fn other(end: usize) -> usize {
    end ^ 1
}

/// EBADF. A loop can't cause it, since each descriptor is owned by a value.
fn bad_descriptor() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "no such descriptor")
}

impl Kernel {
    pub fn new(options: &Options) -> Self {
        Kernel {
            options: options.clone(),
            descriptor_limit: options.descriptors,
            objects: vec![Some(Object::Standard); 3],
            listeners: Vec::new(),
            sockets: Vec::new(),
            owners: Vec::new(),
            polls: Vec::new(),
            selected: Selected::default(),
            pending_connects: Vec::new(),
            awaiting: Vec::new(),
            reached: Vec::new(),
            silent_ports: BTreeSet::new(),
            stop_bytes: 0,
        }
    }

    pub fn object(&self, fd: i32) -> io::Result<Object> {
        let object = usize::try_from(fd)
            .ok()
            .and_then(|fd| *self.objects.get(fd)?);
        object.ok_or_else(bad_descriptor)
    }

    /// The open descriptors, and what they refer to.
    pub fn descriptors(&self) -> impl Iterator<Item = (i32, Object)> {
        let objects = self.objects.iter().enumerate();
        objects.filter_map(|(fd, object)| Some((fd as i32, (*object)?)))
    }

    /// The lowest free descriptor.
    fn lowest_free(&self) -> io::Result<usize> {
        let free = self.objects.iter().position(Option::is_none);
        let free = free.unwrap_or(self.objects.len());
        if free < self.descriptor_limit {
            Ok(free)
        } else {
            Err(errno::no_descriptor())
        }
    }

    pub fn open(&mut self, object: Object) -> io::Result<i32> {
        let free = self.lowest_free()?;
        if free == self.objects.len() {
            self.objects.push(None);
        }
        self.objects[free] = Some(object);
        Ok(free as i32)
    }

    /// dup(2).
    pub fn duplicate(&mut self, fd: i32) -> io::Result<i32> {
        let object = self.object(fd)?;
        self.open(object)
    }

    pub fn end_of(&self, fd: i32) -> io::Result<usize> {
        match self.object(fd)? {
            Object::Stream(end) => Ok(end),
            _ => Err(bad_descriptor()),
        }
    }

    /// Makes a call on a socket, and notifies its watchers of what changed.
    pub fn on_socket<T>(
        &mut self,
        fd: i32,
        call: impl FnOnce(&mut Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        let end = self.end_of(fd)?;
        let result = call(&mut self.sockets[end]);
        self.tell_news(end);
        result
    }

    /// Notifies the watchers of a socket of what has changed.
    pub fn tell_news(&mut self, end: usize) {
        let news = std::mem::take(&mut self.sockets[end].news);
        if news != 0 {
            self.wake(Object::Stream(end), news);
        }
    }

    /// Puts a changed object on the list of each epoll that watches it: `ep_poll_callback`.
    fn wake(&mut self, object: Object, changes: u32) {
        let objects = &self.objects;
        for poll in &mut self.polls {
            poll.wake(changes, |fd| {
                objects.get(fd as usize) == Some(&Some(object))
            });
        }
    }

    /// socket(2), bind(2) and listen(2).
    pub fn listen(&mut self, address: SocketAddr, backlog: usize) -> io::Result<i32> {
        let port = match address.port() {
            0 => LISTENER_PORTS + self.listeners.len() as u16,
            port => port,
        };
        let address = SocketAddr::new(address.ip(), port);
        if self.listener_at(address).is_some() {
            return Err(ErrorKind::AddrInUse.into());
        }
        let fd = self.open(Object::Listener(self.listeners.len()))?;
        self.listeners.push(Listening {
            address,
            backlog,
            queue: VecDeque::new(),
            is_open: true,
        });
        Ok(fd)
    }

    fn listener_at(&self, address: SocketAddr) -> Option<usize> {
        self.listeners.iter().position(|listener| {
            let ip = listener.address.ip();
            listener.is_open
                && listener.address.port() == address.port()
                && (ip == address.ip() || ip.is_unspecified() && ip.is_ipv4() == address.is_ipv4())
        })
    }

    pub fn listener_address(&self, fd: i32) -> io::Result<SocketAddr> {
        match self.object(fd)? {
            Object::Listener(index) => Ok(self.listeners[index].address),
            _ => Err(bad_descriptor()),
        }
    }

    /// accept(2). Linux takes the descriptor first, so that EMFILE comes before EAGAIN.
    pub fn accept(&mut self, fd: i32) -> io::Result<(i32, SocketAddr)> {
        let Object::Listener(index) = self.object(fd)? else {
            return Err(bad_descriptor());
        };
        self.lowest_free()?;
        let end = self.listeners[index].queue.pop_front();
        let end = end.ok_or(ErrorKind::WouldBlock)?;
        let fd = self.open(Object::Stream(end))?;
        Ok((fd, self.sockets[end].peer))
    }

    /// Delivers one packet from this end to the other. Returns whether there was one.
    pub fn send_packet(&mut self, from: usize, limit: usize) -> bool {
        let Ok([sender, receiver]) = self.sockets.get_disjoint_mut([from, other(from)]) else {
            return false;
        };
        let was_sent = sender.send_packet(receiver, limit);
        self.tell_news(other(from));
        self.tell_news(from);
        was_sent
    }

    pub fn has_packet(&self, from: usize) -> bool {
        let (sender, receiver) = (&self.sockets[from], &self.sockets[other(from)]);
        sender.next_packet(receiver).is_some()
    }

    /// close(2).
    pub fn close(&mut self, fd: i32) {
        let Ok(object) = self.object(fd) else {
            return;
        };
        self.objects[fd as usize] = None;
        self.selected.forget(fd);
        if self.objects.contains(&Some(object)) {
            return; // A duplicate remains, and epoll keeps watching: epoll(7), question 6.
        }
        for poll in &mut self.polls {
            poll.forget(fd);
        }
        match object {
            Object::Stream(end) => {
                self.sockets[end].close();
                self.sockets[end].news = 0;
            }
            Object::Listener(index) => {
                self.listeners[index].is_open = false;
                for end in std::mem::take(&mut self.listeners[index].queue) {
                    self.sockets[end].reset_on_close();
                    self.sockets[end].close();
                }
            }
            Object::Poll(index) => self.polls[index] = Epoll::default(),
            Object::Standard | Object::Stop => {}
        }
    }

    /// Writes a byte to the stop signal's pipe, as a signal handler does.
    pub fn write_stop_byte(&mut self) {
        self.stop_bytes += 1;
        self.wake(Object::Stop, bits::IN);
    }

    pub fn read_stop_byte(&mut self) -> bool {
        let any = self.stop_bytes > 0;
        self.stop_bytes -= usize::from(any);
        any
    }

    /// What an object is ready for, in the bits of epoll(7).
    pub fn readiness(&mut self, object: Object) -> u32 {
        let when = |ready| if ready { bits::IN } else { 0 };
        match object {
            Object::Stream(end) => self.sockets[end].readiness(),
            Object::Listener(index) => when(!self.listeners[index].queue.is_empty()),
            Object::Stop => when(self.stop_bytes > 0),
            Object::Standard | Object::Poll(_) => 0,
        }
    }

    /// What a loop watches a descriptor for, by any means, in the bits of epoll(7).
    pub fn watched(&self, fd: i32) -> u32 {
        let polled = self.polls.iter().map(|poll| poll.watched(fd));
        polled.fold(self.selected.watched(fd), |all, bits| all | bits)
    }

    /// Whether a loop watches a descriptor for edges, and has got all of them so far.
    pub fn is_reported(&self, fd: i32) -> bool {
        self.polls.iter().any(|poll| poll.is_reported(fd))
    }
}
