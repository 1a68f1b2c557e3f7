//! The server's calls, the same on both kernels.

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use common::sys::{
    AsDescriptor, Event, Events, FdSet, Interest, Listener, Poll, Stream, Token, select,
};

use crate::clients::{Clients, repeat};
use crate::operation::ServerCall;

const LISTENER: Token = Token(99);

#[derive(Debug)]
pub struct Server<'a> {
    listener: &'a Listener,
    streams: Vec<Option<Stream>>,
    poll: Poll,
    events: Events,
}

impl<'a> Server<'a> {
    pub fn new(listener: &'a Listener) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.register(listener.descriptor(), LISTENER, Interest::READABLE)?;
        Ok(Server {
            listener,
            streams: Vec::new(),
            poll,
            events: Events::with_capacity(16),
        })
    }

    /// Makes a call on a stream, and returns its result as text.
    pub fn call(&mut self, which: usize, call: &ServerCall, clients: &impl Clients) -> String {
        let Some(stream) = self.streams.get(which).and_then(Option::as_ref) else {
            return String::new();
        };
        let (token, poll, fd) = (Token(which as u64), &self.poll, stream.descriptor());
        match call {
            ServerCall::Recv(count) => {
                let mut buffer = vec![0; *count];
                let result = stream.recv(&mut buffer);
                let count = result.as_ref().copied().unwrap_or(0);
                let urgent = buffer[..count].iter().position(|byte| *byte != b'x');
                format!("{}, urgent at {urgent:?}", told(result))
            }
            ServerCall::Drain => until_it_fails(clients, || stream.recv(&mut [0; 65_536])),
            ServerCall::Send(count) => told(stream.send(&vec![b'y'; *count])),
            ServerCall::Fill => until_it_fails(clients, || stream.send(&[b'y'; 65_536])),
            ServerCall::Finish => told(stream.finish()),
            ServerCall::TakeError => {
                let error = stream.take_error();
                told(error.map(|error| error.map(|error| error.kind())))
            }
            ServerCall::PeerAddr => told(stream.peer_addr().map(drop)),
            ServerCall::ResetOnClose => told(stream.reset_on_close()),
            ServerCall::Close => {
                self.streams[which]
                    .take()
                    .into_iter()
                    .for_each(Stream::close);
                String::new()
            }
            ServerCall::Register(bits) => told(poll.register(fd, token, interest(*bits))),
            ServerCall::Reregister(bits) => told(poll.reregister(fd, token, interest(*bits))),
            ServerCall::Deregister => told(poll.deregister(fd)),
        }
    }

    pub fn accept(&mut self) -> String {
        let accepted = self.listener.accept();
        told(accepted.map(|(stream, _)| self.streams.push(Some(stream))))
    }

    /// Connects, and returns what that returned at once. The new stream comes after those that were
    /// accepted.
    pub fn connect(&mut self, address: std::net::SocketAddr) -> String {
        told(Stream::connect(address).map(|stream| self.streams.push(Some(stream))))
    }

    pub fn wait(&mut self) -> io::Result<String> {
        self.poll.wait(&mut self.events, Some(Duration::ZERO))?;
        let events: Vec<String> = self.events.iter().map(flags).collect();
        Ok(events.join(", "))
    }

    pub fn select(&self) -> io::Result<String> {
        let mut sets = [FdSet::new(); 3];
        sets[0].insert(self.listener.descriptor())?;
        for stream in self.streams.iter().flatten() {
            for set in &mut sets {
                set.insert(stream.descriptor())?;
            }
        }
        let [inputs, outputs, excepts] = &mut sets;
        let sets_of_all = (Some(inputs), Some(outputs), Some(excepts));
        let (inputs, outputs, excepts) = sets_of_all;
        let count = select(inputs, outputs, excepts, Some(Duration::ZERO))?;
        let mut text = format!("{count} ready");
        if sets[0].contains(self.listener.descriptor()) {
            text += ", listener";
        }
        for (which, stream) in self.streams.iter().enumerate() {
            if let Some(stream) = stream {
                let is_in = |set: &FdSet<'_>| set.contains(stream.descriptor());
                text += &format!(", {which}: {:?}", sets.each_ref().map(is_in));
            }
        }
        Ok(text)
    }
}

fn told<T: Debug>(result: io::Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// Repeats a call until it keeps returning an error or the end of the stream. The number of bytes
/// that this takes depends on the kernel.
fn until_it_fails(clients: &impl Clients, mut call: impl FnMut() -> io::Result<usize>) -> String {
    let mut last = String::new();
    let repeated = repeat(Duration::ZERO, || {
        let result = call();
        let has_moved = matches!(result, Ok(1..));
        if last.is_empty() || !has_moved {
            last = told(result);
        }
        clients.wait_for_packets(false).is_ok() && has_moved
    });
    format!("{last} {repeated:?}")
}

fn interest(bits: u8) -> Interest {
    let each = [Interest::READABLE, Interest::WRITABLE, Interest::PRIORITY];
    let wanted = each.into_iter().enumerate();
    let wanted = wanted.filter(|(place, _)| bits >> place & 1 != 0);
    let wanted = wanted.map(|(_, interest)| interest);
    wanted.reduce(|all, one| all | one).expect("no bit is set")
}

fn flags(event: Event<'_>) -> String {
    let flags = [
        (event.is_readable(), " readable"),
        (event.is_writable(), " writable"),
        (event.is_error(), " error"),
        (event.is_read_closed(), " read_closed"),
        (event.is_write_closed(), " write_closed"),
        (event.is_priority(), " priority"),
    ];
    let flags = flags.into_iter().filter(|(is_set, _)| *is_set);
    let flags: String = flags.map(|(_, name)| name).collect();
    format!("{}:{flags}", event.token().0)
}
