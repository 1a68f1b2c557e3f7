//! One call to the kernel, as `--trace` and a simulation's trace show it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::Location;

use tracing::field::{debug, display};
use tracing::level_filters::LevelFilter;

use super::TRACE_TARGET;

/// One call and its result. A field that doesn't belong to the call is `None`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Call {
    /// `wait`, `recv`, …
    pub name: &'static str,
    /// For `enter`: the handler.
    pub handler: Option<&'static str>,
    /// For `wait`: the longest time.
    pub milliseconds: Option<u64>,
    /// For `wake`: the number of ready descriptors.
    pub ready: Option<usize>,
    /// The descriptor.
    pub fd: Option<i32>,
    /// For `accept` and `connect`: the other end's address.
    pub peer: Option<SocketAddr>,
    /// For `recv` and `send`: the number of bytes.
    pub bytes: Option<usize>,
    /// How the call failed.
    pub error: Option<ErrorKind>,
}

impl Call {
    /// A call on a descriptor.
    pub fn on(name: &'static str, fd: i32) -> Self {
        let fd = Some(fd);
        Call {
            name,
            fd,
            ..Call::default()
        }
    }

    /// The same call with the error that it returned, if any.
    pub fn returned<T>(self, result: &io::Result<T>) -> Self {
        let error = result.as_ref().err().map(io::Error::kind);
        Call { error, ..self }
    }

    /// Whether the call moved bytes, or opened or closed something. A server that repeats only other
    /// calls makes no progress.
    #[cfg(feature = "sim")]
    pub fn is_progress(&self) -> bool {
        let is_done = match self.name {
            "recv" | "send" => self.bytes != Some(0),
            "accept" | "connect" | "listen" | "shutdown" | "close" | "dropped" => true,
            _ => false,
        };
        is_done && self.error.is_none()
    }

    /// A call that moved this many bytes, or failed.
    fn moved(name: &'static str, fd: i32, moved: Result<usize, ErrorKind>) -> Self {
        Call {
            bytes: Some(moved.unwrap_or(0)),
            error: moved.err(),
            ..Call::on(name, fd)
        }
    }

    fn trace(self, caller: &Location<'_>) {
        let Call {
            name,
            handler,
            milliseconds,
            ready,
            fd,
            peer,
            bytes,
            error,
        } = self;
        let (peer, error) = (peer.map(display), error.map(debug));
        tracing::trace!(
            target: TRACE_TARGET, call = name, handler, milliseconds, ready, fd, peer, bytes, error,
            file = caller.file(), line = caller.line());
    }
}

/// Records a call, with the line of source code that made it: for `--trace`, and for the trace of a
/// simulation. Without a trace, this is one comparison.
#[track_caller]
#[inline(always)]
pub(super) fn record(call: impl Fn() -> Call) {
    if LevelFilter::current() == LevelFilter::TRACE {
        trace(call(), Location::caller());
    }
    #[cfg(feature = "sim")]
    if super::sim::is_running() {
        super::sim::note(call(), Location::caller());
    }
}

/// Records a call that moves bytes. It does the same as [`record`], with values that fit into
/// registers, because the loop makes these calls most often.
#[track_caller]
#[inline(always)]
pub(super) fn record_moved(name: &'static str, fd: impl Fn() -> i32, result: &io::Result<usize>) {
    if LevelFilter::current() == LevelFilter::TRACE {
        let moved = result.as_ref().copied().map_err(io::Error::kind);
        trace_moved(name, fd(), moved, Location::caller());
    }
    #[cfg(feature = "sim")]
    if super::sim::is_running() {
        let moved = result.as_ref().copied().map_err(io::Error::kind);
        super::sim::note(Call::moved(name, fd(), moved), Location::caller());
    }
}

#[cold]
#[inline(never)]
fn trace_moved(
    name: &'static str,
    fd: i32,
    moved: Result<usize, ErrorKind>,
    caller: &Location<'_>,
) {
    Call::moved(name, fd, moved).trace(caller);
}

/// Keeps rarely used code out of the hot path. The call is passed by value, so that none of its
/// parts needs a place in memory.
#[cold]
#[inline(never)]
fn trace(call: Call, caller: &Location<'_>) {
    call.trace(caller);
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sys::{AsDescriptor, Stream, trace_handler};
    use std::fmt::Debug;
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex, PoisonError};
    use tracing::field::{Field, Visit};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    /// Keeps the fields of each event as text.
    #[derive(Clone, Default)]
    struct RecordedLines(Arc<Mutex<Vec<String>>>);

    impl Visit for RecordedLines {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(event) = recorded.last_mut() {
                *event += &format!("{}={value:?} ", field.name());
            }
        }
    }

    impl<S: tracing::Subscriber> Layer<S> for RecordedLines {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let mut recorded = self.clone();
            let lock = recorded.0.lock();
            lock.unwrap_or_else(PoisonError::into_inner)
                .push(String::new());
            event.record(&mut recorded);
        }
    }

    #[test]
    fn a_trace_names_the_line_of_the_caller_and_says_what_was_dropped() -> io::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let recorded = RecordedLines::default();
        let subscriber = tracing_subscriber::registry().with(recorded.clone());
        let mut fds = Vec::new();
        let line = line!();
        tracing::subscriber::with_default(subscriber, || -> io::Result<()> {
            trace_handler("handle_read");
            for explicit in [true, false] {
                let stream = Stream::connect(listener.local_addr()?)?;
                fds.push(stream.descriptor().number());
                match explicit {
                    true => stream.close(),
                    false => drop(stream),
                }
            }
            Ok(())
        })?;
        let recorded = recorded.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = format!("file=\"{}\" line=", file!());
        let place = |line: u32| format!("{here}{line} ");
        assert_eq!(
            recorded[0],
            format!("call=\"enter\" handler=\"handle_read\" {}", place(line + 2))
        );
        assert!(recorded[1].ends_with(&place(line + 4)), "{}", recorded[1]);
        assert_eq!(
            recorded[2],
            format!("call=\"close\" fd={} {}", fds[0], place(line + 7))
        );
        assert!(
            recorded[4].starts_with(&format!("call=\"dropped\" fd={} ", fds[1])),
            "{}",
            recorded[4]
        );
        Ok(())
    }
}
