//! The kernel interface: every call that a loop makes to the kernel, and the two kernels behind it.
//!
//! Each function makes the call that it is named for, once, and returns the result. Nothing is
//! retried here: handling `WouldBlock` and `Interrupted` is up to each loop, and part of its lesson.
//!
//! | to | use |
//! |---|---|
//! | listen, accept, connect, read, write | [`Listener`], [`Stream`] |
//! | know the client behind a proxy | [`Listener::expect_proxy_headers`], [`client_of`] |
//! | wait for readiness, level by level | [`select()`] and [`FdSet`] |
//! | wait for readiness, edge by edge | `Poll`, `Events`, `Event` (feature `poll`) |
//! | remember an edge until it is over | `Readiness` (feature `poll`) |
//! | watch something else, such as a pipe | [`File`], or anything that is [`AsDescriptor`] |
//! | know the time | [`now`] |
//! | learn that the server has to stop | [`StopSignal`](crate::StopSignal) |
//!
//! Before and after it is made, a call is
//!
//! | what | how | turned on by |
//! |---|---|---|
//! | counted | [`Counters`], one set for each thread | always on, printed by `--counters` |
//! | traced | an event of target [`TRACE_TARGET`], level TRACE, that carries the caller's file and line | `--trace FILE` |
//! | faulted | [`Faults`]: errors and short results that a correct kernel can return, drawn from a seed | `--faults SPEC` |
//!
//! # Two kernels
//!
//! ```text
//!             a loop of any style
//!                     │ Listener, Stream, select, Poll, now, …
//!                    sys      counts, traces, faults
//!                 ┌───┴────┐
//!               os          sim
//!     makes the call      a kernel in memory: deterministic, with virtual time
//! ```
//!
//! `os` makes the operating system's calls and does nothing else. `sim` (feature `sim`) is a
//! simulated kernel with clients that follow a script. A run over it is a function: the same
//! script, options, and seed always give the same trace. No server is built with that feature. In a
//! crate that uses it, the simulated kernel handles the calls of a thread while `sim::run` runs on
//! it, and the operating system handles all others.
//!
//! # How to write a scenario
//!
//! A scenario is a script, one step after the other:
//!
//! ```text
//! connect 1; send 1 "hel"; send 1 "lo\n"; half-close 1; wait 2s; stop
//! ```
//!
//! `script::Script` lists all steps. From the root of the repository, this shows what a server does
//! with it, and whether it keeps the contract:
//!
//! ```sh
//! cargo run --release -p book -- simulate --style chat --script 'connect 1; send 1 "hel"; stop'
//! ```
//!
//! In a test, `sim::run` takes the script and any function that serves a listener, and returns the
//! trace as a value: each call with its file and line, and the state of each connection after it.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

mod call;
mod counters;
mod descriptor;
mod errno;
mod faults;
#[cfg(feature = "poll")]
mod poll;
mod proxied;
mod select;
mod socket;

// The kernel that handles the calls: the operating system's, the simulated one, or either.
#[cfg(all(unix, feature = "sim"))]
pub(crate) mod either;
#[cfg(unix)]
pub(crate) mod os;
#[cfg(feature = "sim")]
pub mod sim;

#[cfg(all(unix, feature = "sim"))]
pub(crate) use either as kernel;
#[cfg(all(unix, not(feature = "sim")))]
pub(crate) use os as kernel;
#[cfg(not(unix))]
pub(crate) use sim::handles as kernel;

pub use counters::{Counters, counters};
pub use descriptor::{AsDescriptor, Descriptor, Fd};
pub use errno::is_unusable;
pub use faults::{Faults, inject};
#[cfg(feature = "poll")]
pub use poll::{Event, Events, Interest, Poll, Readiness, Token};
pub use proxied::client_of;
pub use select::{FD_SETSIZE, FdSet, check_fits, select};
pub use socket::{File, Listener, Stream};

pub(crate) use proxied::take_client_of;

use call::{Call, record};
use counters::count;

/// The target of the trace events.
pub const TRACE_TARGET: &str = "echo";

/// The time: clock_gettime(2). Neither counted nor traced.
#[inline]
pub fn now() -> Instant {
    kernel::now()
}

/// Waits for readiness. `call` is select(2), mio's poll, or a runtime's iteration; its argument is the
/// longest time to wait (`None` is without limit), and it returns the number of ready descriptors.
///
/// # Errors
/// The errors of `call`; `Interrupted` means that a signal came, which isn't a failure.
#[track_caller]
#[inline(always)] // As `Stream::recv`.
pub fn wait(
    timeout: Option<Duration>,
    call: impl FnOnce(Option<Duration>) -> io::Result<usize>,
) -> io::Result<usize> {
    count(|counters| &counters.waits);
    record(|| Call {
        name: "wait",
        milliseconds: timeout.map(|timeout| timeout.as_millis() as u64),
        ..Call::default()
    });
    let result = faults::interrupted().and_then(|()| call(timeout));
    if matches!(result, Ok(1..)) {
        count(|counters| &counters.wakeups);
    }
    record(|| Call {
        name: "wake",
        ready: Some(result.as_ref().copied().unwrap_or(0)),
        ..Call::default().returned(&result)
    });
    result
}

/// The part of a read buffer that the next [`recv`](Stream::recv) can fill: all of it, but with
/// `--faults` sometimes less.
///
/// With edge-triggered readiness, a loop takes a read that didn't fill its window as a sign that
/// the socket is empty. So it has to know how large the window was.
#[inline]
pub fn read_window(buffer: &mut [u8]) -> &mut [u8] {
    let length = faults::shortened(buffer.len());
    &mut buffer[..length]
}

/// The part of `bytes` that the next send operation offers to the kernel: all of it, but with
/// `--faults` sometimes less. [`send`](Stream::send) does this by itself.
#[inline]
pub fn write_window(bytes: &[u8]) -> &[u8] {
    &bytes[..faults::shortened(bytes.len())]
}

/// Traces that a handler is entered: the moment when the loop calls its user's code.
#[track_caller]
#[inline]
pub fn trace_handler(name: &'static str) {
    record(|| Call {
        name: "enter",
        handler: Some(name),
        ..Call::default()
    });
}

/// Whether to treat a descriptor as ready although it isn't: only ever true with `--faults`. A loop
/// that calls this where it decides what is ready shows that it survives spurious readiness
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
