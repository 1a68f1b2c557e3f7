//! The operations of one connection: at most one read and one send.

use std::io::{self, ErrorKind, Stdin};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use common::sys::{self, AsDescriptor, Readiness, Stream};
use compio_buf::IntoInner;
use compio_driver::PollFirst;
use compio_driver::op::{self, RecvFlags, SendFlags};
use compio_runtime::{Runtime, Submit};

/// The size of a read's buffer in bytes, unless the reactor reads less at once. Most messages fit.
const BUFFER_SIZE: usize = 2048;

/// Most bytes that one send copies.
const SEND_LIMIT: usize = 64 * 1024;

pub(super) struct Operations {
    socket: Rc<Stream>,
    waker: Waker,
    recv: Recv,
    send: Send,
}

/// The buffer moves into the operation, since the kernel writes to it until the read has ended. It
/// comes back with the result.
enum Recv {
    Idle(Box<[u8]>),
    UnderWay(Submit<op::Recv<Box<[u8]>, Socket>>),
    /// The connection begins with a proxy's header, which isn't for the protocol: waits until
    /// recv(2) can read it.
    Polled(Box<[u8]>, Submit<op::PollOnce<Socket>>),
    Readable(Box<[u8]>),
    /// How many bytes were read into the buffer, and how many of them are already taken from it.
    Ended(Box<[u8]>, usize, usize),
    Failed(Box<[u8]>, io::Error),
}

enum Send {
    Idle,
    UnderWay(Submit<op::Send<Vec<u8>, Socket>>),
    Ended(io::Result<usize>),
}

/// A socket as compio wants it: shared, so that it stays open until its operations have ended.
struct Socket(Rc<Stream>);

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // Only a simulated socket has no such descriptor. A read from standard input would fail.
        self.0.descriptor().to_os().unwrap_or(STDIN.as_fd())
    }
}

static STDIN: LazyLock<Stdin> = LazyLock::new(io::stdin);

impl Operations {
    /// None is under way. Each will wake `waker` when it ends.
    pub(super) fn new(socket: Rc<Stream>, waker: Waker, recv_size: usize) -> Self {
        Operations {
            socket,
            waker,
            recv: Recv::Idle(vec![0; recv_size.min(BUFFER_SIZE)].into()),
            send: Send::Idle,
        }
    }

    /// Starts to read, unless a read is under way. Returns whether there is a result to report.
    pub(super) fn start_recv(&mut self, runtime: &Runtime) -> bool {
        if let Recv::Idle(buffer) = &mut self.recv {
            let (socket, buffer) = (Socket(Rc::clone(&self.socket)), mem::take(buffer));
            self.recv = if self.socket.awaits_header() {
                let poll = op::PollOnce::new(socket, op::Interest::Readable);
                Recv::Polled(buffer, runtime.submit(poll))
            } else {
                let mut recv = op::Recv::new(socket, buffer, RecvFlags::empty());
                recv.poll_first(); // Usually, there is nothing to read yet.
                Recv::UnderWay(runtime.submit(recv))
            };
            self.check_recv(); // The first check submits it.
        }
        self.recv.has_ended()
    }

    /// Starts to send, unless a send is under way. Returns whether there is a result to report.
    pub(super) fn start_send(&mut self, runtime: &Runtime, data: &[u8]) -> bool {
        if matches!(self.send, Send::Idle) {
            let data = sys::write_window(&data[..data.len().min(SEND_LIMIT)]);
            let socket = Socket(Rc::clone(&self.socket));
            let send = op::Send::new(socket, data.to_vec(), SendFlags::NOSIGNAL);
            self.send = Send::UnderWay(runtime.submit(send));
            self.check_send(); // The first check submits it.
        }
        self.send.has_ended()
    }

    /// Takes the results of what has ended. Returns what there is to finish.
    pub(super) fn check(&mut self) -> Readiness {
        self.check_recv();
        self.check_send();
        Readiness::level(self.recv.has_ended(), self.send.has_ended())
    }

    fn check_recv(&mut self) {
        let cx = &mut Context::from_waker(&self.waker);
        if let Recv::UnderWay(recv) = &mut self.recv
            && let Poll::Ready(ended) = Pin::new(recv).poll(cx)
        {
            let buffer = ended.1.into_inner();
            self.recv = match ended.0 {
                Ok(count) => Recv::Ended(buffer, count, 0),
                Err(error) => Recv::Failed(buffer, error),
            };
        } else if let Recv::Polled(buffer, poll) = &mut self.recv
            && Pin::new(poll).poll(cx).is_ready()
        {
            self.recv = Recv::Readable(mem::take(buffer));
        }
    }

    fn check_send(&mut self) {
        let Send::UnderWay(send) = &mut self.send else {
            return;
        };
        let cx = &mut Context::from_waker(&self.waker);
        if let Poll::Ready(ended) = Pin::new(send).poll(cx) {
            self.send = Send::Ended(ended.0);
        }
    }

    /// Returns what was read. If the read has filled its buffer, more is likely to be there, and
    /// recv(2) reads that, too.
    pub(super) fn finish_recv(&mut self, window: &mut [u8]) -> io::Result<usize> {
        match mem::take(&mut self.recv) {
            Recv::Ended(buffer, count, taken) => {
                let left = &buffer[taken..count];
                let fits = left.len().min(window.len());
                window[..fits].copy_from_slice(&left[..fits]);
                self.socket.completed_recv(&Ok(fits));
                if fits < left.len() {
                    self.recv = Recv::Ended(buffer, count, taken + fits);
                    return Ok(fits);
                }
                let is_full = count == buffer.len();
                self.recv = Recv::Idle(buffer);
                match is_full && fits < window.len() {
                    true => Ok(fits + self.recv_rest(&mut window[fits..])),
                    false => Ok(fits),
                }
            }
            Recv::Failed(buffer, error) => {
                self.recv = Recv::Idle(buffer);
                let result = Err(error);
                self.socket.completed_recv(&result);
                result
            }
            Recv::Readable(buffer) => {
                self.recv = Recv::Idle(buffer);
                self.socket.recv(window)
            }
            unfinished => {
                self.recv = unfinished;
                self.socket.recv(window)
            }
        }
    }

    /// Reads more into the rest of a window. An error is the result of the next read.
    fn recv_rest(&mut self, rest: &mut [u8]) -> usize {
        match self.socket.recv(rest) {
            Ok(count) => count,
            Err(error) => {
                let is_over =
                    !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
                if is_over && let Recv::Idle(buffer) = mem::take(&mut self.recv) {
                    self.recv = Recv::Failed(buffer, error);
                }
                0
            }
        }
    }

    pub(super) fn finish_send(&mut self) -> io::Result<usize> {
        match mem::replace(&mut self.send, Send::Idle) {
            Send::Ended(result) => {
                self.socket.completed_send(&result);
                result
            }
            unfinished => {
                self.send = unfinished;
                Err(ErrorKind::WouldBlock.into())
            }
        }
    }

    /// Cancels what is under way. Returns the socket.
    pub(super) fn cancel(self) -> Rc<Stream> {
        self.socket // Dropping an operation cancels it.
    }
}

impl Recv {
    fn has_ended(&self) -> bool {
        matches!(self, Recv::Readable(_) | Recv::Ended(..) | Recv::Failed(..))
    }
}

/// The state while the buffer is elsewhere.
impl Default for Recv {
    fn default() -> Self {
        Recv::Idle(Box::default())
    }
}

impl Send {
    fn has_ended(&self) -> bool {
        matches!(self, Send::Ended(_))
    }
}
