//! The few system calls that every loop makes: counted, traced and, when asked, faulted.
//!
//! Each function makes the call that it is named for, once, and hands on the answer. Nothing is
//! retried here: what `WouldBlock` or `Interrupted` mean to a loop is the lesson of that loop.
//!
//! | what | how | turned on by |
//! |---|---|---|
//! | counted | [`Counters`], one set for each thread | always on, printed by `--counters` |
//! | traced | an event of target [`TRACE_TARGET`], level TRACE, that carries the caller's file and line | `--trace FILE` |
//! | faulted | [`Faults`]: the answers of a bad day, drawn from a seed | `--faults SPEC` |

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::panic::Location;
use std::time::Duration;

use tracing::field::{debug, display};
use tracing::level_filters::LevelFilter;

mod counters;
mod faults;

pub use counters::{Counters, counters};
pub use faults::{Faults, inject};

use counters::count;

/// The target of the trace events.
pub const TRACE_TARGET: &str = "echo";

/// Emits the trace event of one call, with the place in the source that made it. While nobody
/// traces, this is one comparison.
macro_rules! trace_call {
    ($call:expr, $error:expr $(, $field:ident = $value:expr)*) => {
        if LevelFilter::current() == LevelFilter::TRACE {
            let caller = Location::caller();
            let error: Option<ErrorKind> = $error;
            let error = error.map(debug);
            $(let $field = $value;)*
            out_of_line(move || tracing::trace!(
                target: TRACE_TARGET, call = $call, $($field,)* error,
                file = caller.file(), line = caller.line()));
        }
    };
}

/// Waits for readiness: `call` is select(2), mio's poll or a runtime's turn, told the longest time
/// to wait (`None` is for ever), and answers how many descriptors are ready.
///
/// # Errors
/// What `call` answers; `Interrupted` when a signal came, which is no failure.
#[track_caller]
pub fn wait(
    timeout: Option<Duration>,
    call: impl FnOnce(Option<Duration>) -> io::Result<usize>,
) -> io::Result<usize> {
    count(|counters| &counters.waits);
    trace_call!(
        "wait",
        None,
        milliseconds = timeout.map(|timeout| timeout.as_millis() as u64)
    );
    let result = faults::interrupted().and_then(|()| call(timeout));
    if matches!(result, Ok(1..)) {
        count(|counters| &counters.wakeups);
    }
    trace_call!(
        "wake",
        failure(&result),
        ready = result.as_ref().copied().unwrap_or(0)
    );
    result
}

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
            trace_call!("accept", None, fd = fd(socket), peer = display(*peer));
        }
        Err(error) => {
            count_blocked(error);
            trace_call!("accept", Some(error.kind()), fd = fd(listener));
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
    match &result {
        Ok(socket) => trace_call!("connect", None, fd = fd(socket), peer = display(address)),
        Err(error) => trace_call!("connect", Some(error.kind()), peer = display(address)),
    }
    result
}

/// The part of a read buffer that the next [`recv`] may fill: all of it, but under `--faults`
/// sometimes less.
///
/// A loop whose readiness comes in edges takes a read that left room for the sign that the socket
/// is empty. It must therefore know how much room there was.
#[inline]
pub fn room(buffer: &mut [u8]) -> &mut [u8] {
    let length = faults::shortened(buffer.len());
    &mut buffer[..length]
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
    match &result {
        Ok(bytes) => {
            count(|counters| &counters.reads);
            counters::add(|counters| &counters.bytes_read, *bytes);
        }
        Err(error) => count_blocked(error),
    }
    trace_call!(
        "recv",
        failure(&result),
        fd = fd(socket),
        bytes = result.as_ref().copied().unwrap_or(0)
    );
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
    match &result {
        Ok(bytes) => {
            count(|counters| &counters.writes);
            counters::add(|counters| &counters.bytes_written, *bytes);
        }
        Err(error) => count_blocked(error),
    }
    trace_call!(
        "send",
        failure(&result),
        fd = fd(socket),
        bytes = result.as_ref().copied().unwrap_or(0)
    );
    result
}

/// Closes a socket: close(2), which dropping it does.
#[track_caller]
pub fn close<S: AsFd>(socket: S) {
    count(|counters| &counters.closes);
    trace_call!("close", None, fd = fd(&socket));
}

/// Traces that a handler was entered: the moment at which the loop calls the code of its user.
#[track_caller]
#[inline]
pub fn enter(name: &'static str) {
    trace_call!("enter", None, handler = name);
}

/// Whether to take a descriptor for ready although it is not: never, but under `--faults`. A loop
/// that asks this where it decides what is ready shows that it survives spurious readiness
/// (select(2), BUGS).
#[inline]
pub fn spurious() -> bool {
    faults::spurious()
}

#[inline]
fn count_blocked(error: &io::Error) {
    if error.kind() == ErrorKind::WouldBlock {
        count(|counters| &counters.would_blocks);
    }
}

#[inline]
fn fd(socket: &impl AsFd) -> i32 {
    socket.as_fd().as_raw_fd()
}

fn failure<T>(result: &io::Result<T>) -> Option<ErrorKind> {
    result.as_ref().err().map(io::Error::kind)
}

/// Keeps what is rarely done out of the code of what is often done.
#[cold]
#[inline(never)]
fn out_of_line(rare: impl FnOnce()) {
    rare();
}
