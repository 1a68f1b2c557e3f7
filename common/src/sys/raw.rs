//! The calls of a loop on sockets that it made itself: the standard library's, or mio's.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use super::call::{Call, record, record_moved};
use super::counters::{self, count};
use super::{count_blocked, faults};

/// Accepts a connection with `call`, such as [`net::accept`](crate::net::accept).
///
/// # Errors
/// What accept(2) answers; see [`AcceptError`](crate::net::AcceptError).
#[track_caller]
pub fn accept<L: AsFd, S: AsFd>(
    listener: &L,
    call: impl FnOnce(&L) -> io::Result<(S, SocketAddr)>,
) -> io::Result<(S, SocketAddr)> {
    let result = faults::not_accepted().and_then(|()| call(listener));
    match &result {
        Ok((socket, peer)) => {
            count(|counters| &counters.accepts);
            record(|| Call {
                peer: Some(*peer),
                ..Call::on("accept", fd(socket))
            });
        }
        Err(error) => {
            count_blocked(error);
            record(|| Call::on("accept", fd(listener)).returned(&result));
        }
    }
    result
}

/// Begins to connect to `address` with `call`, such as [`net::connect`](crate::net::connect).
///
/// # Errors
/// What socket(2) or connect(2) answers at once.
#[track_caller]
pub fn connect<S: AsFd>(
    address: SocketAddr,
    call: impl FnOnce(SocketAddr) -> io::Result<S>,
) -> io::Result<S> {
    let result = call(address);
    record(|| Call {
        name: "connect",
        fd: result.as_ref().ok().map(fd),
        peer: Some(address),
        ..Call::default().returned(&result)
    });
    result
}

/// Reads from a socket into `room`, once: recv(2). `Ok(0)` is the end of the stream.
///
/// # Errors
/// `WouldBlock` when there is nothing to read, `Interrupted`, or the connection's end
/// (`ConnectionReset` and others).
#[track_caller]
#[inline(always)] // In a loop, the frame of a function would be half of the work.
pub fn recv<S>(socket: &S, room: &mut [u8]) -> io::Result<usize>
where
    S: AsFd,
    for<'s> &'s S: Read,
{
    let mut reading: &S = socket;
    let result = faults::interrupted().and_then(|()| reading.read(room));
    counters::count_read(&result);
    record_moved("recv", || fd(socket), &result);
    result
}

/// Writes `bytes` to a socket, once: send(2). Answers how many the kernel took, which may be fewer.
///
/// # Errors
/// `WouldBlock` when the kernel takes nothing now, `Interrupted`, or the connection's end
/// (`BrokenPipe` and others).
#[track_caller]
#[inline(always)] // See `recv`.
pub fn send<S>(socket: &S, bytes: &[u8]) -> io::Result<usize>
where
    S: AsFd,
    for<'s> &'s S: Write,
{
    let mut writing: &S = socket;
    let result = faults::offered(bytes.len()).and_then(|length| writing.write(&bytes[..length]));
    counters::count_write(&result);
    record_moved("send", || fd(socket), &result);
    result
}

/// Closes a socket: close(2), which dropping it does.
#[track_caller]
pub fn close<S: AsFd>(socket: S) {
    count(|counters| &counters.closes);
    record(|| Call::on("close", fd(&socket)));
}

#[inline]
fn fd(socket: &impl AsFd) -> i32 {
    socket.as_fd().as_raw_fd()
}
