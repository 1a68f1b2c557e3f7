//! Sends answers with a blocking write, so that the server doesn't read from a client that doesn't
//! read.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::process;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::acceptor::Shared;
use crate::bug::Bug;

/// A write that takes this long was blocked.
const BLOCKED: Duration = Duration::from_millis(100);

/// The output of one connection.
pub struct Output {
    socket: Arc<TcpStream>,
    shared: Arc<Shared>,
    queue: Option<Queue>,
    was_blocked: bool,
}

impl Output {
    pub fn new(socket: Arc<TcpStream>, shared: &Arc<Shared>) -> Self {
        let queue = match shared.arguments.bug {
            Some(Bug::UnboundedBuffer) => Some(Queue::unbounded(&socket)),
            Some(Bug::BigBuffer) => Some(Queue::of(128, &socket)),
            _ => None,
        };
        Output {
            socket,
            shared: Arc::clone(shared),
            queue,
            was_blocked: false,
        }
    }

    /// Sends everything, however long that takes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let started = Instant::now();
        let bytes = &self.distorted(bytes);
        if let Some(queue) = &self.queue {
            queue.push(bytes.to_vec());
        } else if self.shared.has(Bug::OneAtATime) {
            let _guard = self
                .shared
                .one_at_a_time
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            (&*self.socket).write_all(bytes)?;
        } else if self.shared.has(Bug::RetriesWrites) {
            self.retry(bytes, || thread::sleep(Duration::from_millis(10)))?;
        } else if self.shared.has(Bug::EndsFirst) {
            self.retry(bytes, || self.wait_for_room())?;
        } else {
            (&*self.socket).write_all(bytes)?;
        }
        self.was_blocked |= started.elapsed() >= BLOCKED;
        Ok(())
    }

    /// Whether a write has ever been blocked.
    pub fn was_blocked(&self) -> bool {
        self.was_blocked
    }

    /// Waits until the queue of the buggy servers is empty. Without a queue, all has been sent already.
    pub fn flush(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.finish();
        }
    }

    /// Applies the bugs that change the bytes of an answer.
    fn distorted<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let half = bytes.len() / 2;
        match self.shared.arguments.bug {
            Some(Bug::UpperCase) => bytes.to_ascii_uppercase().into(),
            Some(Bug::SevenBit) => bytes.iter().map(|byte| byte & 0x7f).collect(),
            Some(Bug::LosesPartialWrites) => bytes[..bytes.len().min(3072)].into(),
            Some(Bug::Reorders) if bytes.len() > 8192 => {
                [&bytes[half..], &bytes[..half]].concat().into()
            }
            Some(Bug::StripsCarriageReturn) => without_carriage_returns(bytes).into(),
            _ => bytes.into(),
        }
    }

    /// Writes, and calls `wait` whenever the kernel takes nothing.
    fn retry(&self, mut bytes: &[u8], wait: impl Fn()) -> io::Result<()> {
        self.socket.set_nonblocking(true)?;
        while !bytes.is_empty() {
            match (&*self.socket).write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(),
                Err(error) => return Err(error),
            }
        }
        self.socket.set_nonblocking(false)
    }

    /// The bug `ends-first`: after the wait it checks the clock, and not the socket.
    fn wait_for_room(&self) {
        let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT)];
        let _ = poll(&mut socket, PollTimeout::NONE);
        let stop_at = self.shared.stop_at.get();
        if stop_at.is_some_and(|stop_at| *stop_at <= Instant::now()) {
            process::exit(0);
        }
    }
}

fn without_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let mut kept = bytes.to_vec();
    let mut at = 0;
    kept.retain(|byte| {
        at += 1;
        *byte != b'\r' || bytes.get(at) != Some(&b'\n')
    });
    kept
}

/// Answers that wait until a separate thread sends them.
struct Queue {
    answers: Answers,
    writer: JoinHandle<()>,
}

enum Answers {
    Unbounded(std::sync::mpsc::Sender<Vec<u8>>),
    Bounded(SyncSender<Vec<u8>>),
}

impl Queue {
    fn unbounded(socket: &Arc<TcpStream>) -> Self {
        let (sender, receiver) = channel();
        Queue {
            answers: Answers::Unbounded(sender),
            writer: send_all(receiver, socket),
        }
    }

    fn of(places: usize, socket: &Arc<TcpStream>) -> Self {
        let (sender, receiver) = sync_channel(places);
        Queue {
            answers: Answers::Bounded(sender),
            writer: send_all(receiver, socket),
        }
    }

    fn push(&self, answer: Vec<u8>) {
        // The writer has ended only if the connection has.
        let _ = match &self.answers {
            Answers::Unbounded(sender) => sender.send(answer),
            Answers::Bounded(sender) => sender.send(answer),
        };
    }

    fn finish(self) {
        drop(self.answers);
        let _ = self.writer.join();
    }
}

fn send_all(answers: Receiver<Vec<u8>>, socket: &Arc<TcpStream>) -> JoinHandle<()> {
    let socket = Arc::clone(socket);
    thread::spawn(move || {
        let _ = answers
            .iter()
            .try_for_each(|answer| (&*socket).write_all(&answer));
    })
}
