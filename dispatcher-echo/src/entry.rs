//! What the map holds for each channel, and how its object is called.

use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use mio::event::{Event, Source};
use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::{Channel, Dispatcher};

/// A channel: its socket, its object, and what is known of the two.
pub(crate) struct Entry {
    pub socket: Socket,
    /// Not there while it is being called: so nobody can call it again.
    pub dispatcher: Option<Box<dyn Dispatcher>>,
    /// When a byte last went in or out.
    pub last_active: Instant,
    /// What the kernel was asked to tell of.
    interest: Option<Interest>,
    /// A read may find something: an edge has told so, and no call has found the opposite since.
    pub may_read: bool,
    /// The same for a write.
    pub may_write: bool,
    /// The peer has sent its last byte: the end of the stream waits to be read, behind the bytes
    /// that came before it.
    pub read_closed: bool,
    /// Urgent data has come, of which the object is still to be told.
    urgent: bool,
    /// Urgent data stands among the bytes to be read: a read stops before it, however much comes
    /// behind.
    pub marked: bool,
    /// The end of the stream was read, and whether the object knows.
    pub end: End,
    /// It was opened by `connect`, whose outcome is not known yet.
    pub connecting: bool,
    /// It is a listener that could not accept for want of descriptors or memory.
    pub starved: bool,
    /// No more is sent, and what comes is discarded.
    pub lingering: bool,
    pub closing: bool,
    /// It is in the list of those to call.
    pub queued: bool,
}

/// The kinds of sockets, and of what else can be waited for.
pub(crate) enum Socket {
    Listener(TcpListener),
    Stream(TcpStream),
    Other(Box<dyn AsFd>),
}

/// How far the end of the stream has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    NotYet,
    Read,
    Told,
}

/// What the kernel is asked to tell of a channel that is read: where it can, urgent data too.
#[cfg(any(target_os = "linux", target_os = "android"))]
const READING: Interest = Interest::READABLE.add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const READING: Interest = Interest::READABLE;

impl Entry {
    pub fn new(socket: Socket, dispatcher: impl Dispatcher + 'static, now: Instant) -> Self {
        Entry {
            socket,
            dispatcher: Some(Box::new(dispatcher)),
            last_active: now,
            interest: None,
            may_read: false,
            may_write: false,
            read_closed: false,
            urgent: false,
            marked: false,
            end: End::NotYet,
            connecting: false,
            starved: false,
            lingering: false,
            closing: false,
            queued: false,
        }
    }

    /// Notes what an event tells.
    pub fn note(&mut self, event: &Event) {
        self.may_read |= event.is_readable() || event.is_error();
        self.may_write |= event.is_writable() || event.is_error();
        self.read_closed |= event.is_read_closed();
        self.urgent |= event.is_priority();
        self.marked |= event.is_priority();
    }

    fn wants_to_read(&self) -> bool {
        let is_readable = self
            .dispatcher
            .as_ref()
            .is_some_and(|dispatcher| dispatcher.readable());
        is_readable && self.end == End::NotYet && !self.connecting
    }

    fn wants_to_write(&self) -> bool {
        let is_writable = self
            .dispatcher
            .as_ref()
            .is_some_and(|dispatcher| dispatcher.writable());
        is_writable || self.connecting
    }

    /// Whether there is something that the object can be called for at once.
    pub fn is_ready(&self) -> bool {
        self.may_read && self.wants_to_read()
            || self.may_write && self.wants_to_write()
            || self.urgent
            || self.end == End::Read
    }

    /// Asks the object what it wants to know of, and the kernel to tell of it: only when that has
    /// changed, and of writing only while the socket is known to refuse it.
    pub fn watch(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let wanted = match (
            self.wants_to_read(),
            self.wants_to_write() && !self.may_write,
        ) {
            (true, true) => Some(READING.add(Interest::WRITABLE)),
            (true, false) => Some(READING),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        };
        let before = mem::replace(&mut self.interest, wanted);
        if before == wanted {
            return Ok(());
        }
        self.socket.with_source(|source| match (before, wanted) {
            (None, Some(interest)) => registry.register(source, token, interest),
            (Some(_), Some(interest)) => registry.reregister(source, token, interest),
            (_, None) => registry.deregister(source),
        })
    }

    /// Asks the kernel to tell no more.
    pub fn unwatch(&mut self, registry: &Registry) -> io::Result<()> {
        match self.interest.take() {
            Some(_) => self
                .socket
                .with_source(|source| registry.deregister(source)),
            None => Ok(()),
        }
    }
}

impl Socket {
    /// The socket as what mio registers.
    fn with_source<T>(&mut self, call: impl FnOnce(&mut dyn Source) -> T) -> T {
        match self {
            Socket::Listener(listener) => call(listener),
            Socket::Stream(socket) => call(socket),
            Socket::Other(descriptor) => call(&mut SourceFd(&descriptor.as_fd().as_raw_fd())),
        }
    }
}

/// Calls the handlers that are due, as asyncore's `readwrite` does, until one of them has ended the
/// object's part.
pub(crate) fn handle_events(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) {
    let lingered = channel.entry().is_ok_and(|entry| entry.lingering);
    for handle in [
        handle_connect_event,
        handle_expt_event,
        handle_write_event,
        handle_read_event,
        handle_close_event,
    ] {
        guarded(dispatcher, channel, handle);
        if channel
            .entry()
            .is_ok_and(|entry| entry.closing || entry.lingering != lingered)
        {
            return;
        }
    }
}

/// Calls a handler, and `handle_error` for what it answers, as the `try` around every call in
/// asyncore does.
pub(crate) fn guarded(
    dispatcher: &mut dyn Dispatcher,
    channel: &mut Channel,
    handle: impl FnOnce(&mut dyn Dispatcher, &mut Channel) -> io::Result<()>,
) {
    match handle(dispatcher, channel) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(error) => dispatcher.handle_error(channel, error),
    }
}

/// The object of a channel that lingers: all is discarded, until the peer closes too.
pub(crate) struct Lingering;

impl Dispatcher for Lingering {
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        channel.recv(usize::MAX).map(|_| ())
    }

    fn handle_stop(&mut self, _: &mut Channel) -> io::Result<()> {
        Ok(())
    }
}

fn handle_connect_event(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    let entry = channel.entry()?;
    let Socket::Stream(socket) = &entry.socket else {
        return Ok(());
    };
    if !entry.connecting || !mem::take(&mut entry.may_write) {
        return Ok(());
    }
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    entry.connecting = false;
    entry.may_write = true; // That is how it is known to be connected, and no second edge will tell so.
    dispatcher.handle_connect(channel)
}

fn handle_expt_event(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    match mem::take(&mut channel.entry()?.urgent) {
        true => dispatcher.handle_expt(channel),
        false => Ok(()),
    }
}

/// The object is called once for an edge: what was noted is taken back, and `send` notes it anew
/// while more is possible.
fn handle_write_event(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    let entry = channel.entry()?;
    if entry.connecting || !entry.may_write || !dispatcher.writable() {
        return Ok(());
    }
    entry.may_write = false;
    dispatcher.handle_write(channel)
}

fn handle_read_event(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    let entry = channel.entry()?;
    if entry.connecting || !entry.may_read || entry.end != End::NotYet || !dispatcher.readable() {
        return Ok(());
    }
    entry.may_read = false;
    match entry.socket {
        Socket::Listener(_) => dispatcher.handle_accept(channel),
        _ => dispatcher.handle_read(channel),
    }
}

fn handle_close_event(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    let entry = channel.entry()?;
    if entry.end != End::Read {
        return Ok(());
    }
    entry.end = End::Told;
    dispatcher.handle_close(channel)
}
