//! The log on standard error, and the trace file.
//!
//! Standard error may be a pipe whose reader is dead or does not read. Neither may hurt the
//! service: a line that cannot be written at once is dropped, and counted.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::time::uptime;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::{LogFormat, ObserveArgs};
use crate::sys::TRACE_TARGET;

/// Begins to log, and to trace if asked.
///
/// # Errors
/// A trace file that cannot be created, or a second call in one process.
pub fn init(args: &ObserveArgs) -> io::Result<()> {
    let trace = args.trace.as_deref().map(trace_layer).transpose()?;
    tracing_subscriber::registry()
        .with(log_layer(args))
        .with(trace)
        .try_init()
        .map_err(io::Error::other)
}

fn log_layer(args: &ObserveArgs) -> Box<dyn Layer<Registry> + Send + Sync> {
    let layer = fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(|| StandardError);
    let layer = match args.log_format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    layer.with_filter(level(args)).boxed()
}

fn level(args: &ObserveArgs) -> LevelFilter {
    const LEVELS: [LevelFilter; 6] = [
        LevelFilter::OFF,
        LevelFilter::ERROR,
        LevelFilter::WARN,
        LevelFilter::INFO,
        LevelFilter::DEBUG,
        LevelFilter::TRACE,
    ];
    let index = 3 + usize::from(args.verbose.min(2)) - usize::from(args.quiet.min(3));
    LEVELS[index]
}

/// What [`sys`](crate::sys) tells, one line of JSON for each call.
fn trace_layer<S>(path: &Path) -> io::Result<impl Layer<S>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let file = File::create(path).map_err(|error| {
        let message = format!("cannot write the trace to {}: {error}", path.display());
        io::Error::new(error.kind(), message)
    })?;
    let layer = fmt::layer()
        .json()
        .flatten_event(true)
        .with_timer(uptime())
        .with_level(false)
        .with_target(false)
        .with_writer(Mutex::new(file));
    Ok(layer.with_filter(Targets::new().with_target(TRACE_TARGET, LevelFilter::TRACE)))
}

/// Standard error, but never waiting for its reader and never failing.
struct StandardError;

/// A pipe that polls as writable takes this many bytes at once (PIPE_BUF is 4,096 on Linux; POSIX
/// promises 512).
const MOST_AT_ONCE: usize = nix::libc::PIPE_BUF;

static LOST_LINES: AtomicU64 = AtomicU64::new(0);

impl Write for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !takes_a_line() {
            LOST_LINES.fetch_add(1, Ordering::Relaxed);
            return Ok(line.len());
        }
        let mut stderr = io::stderr();
        let lost = LOST_LINES.swap(0, Ordering::Relaxed);
        let cut = &line[..line.len().min(MOST_AT_ONCE)];
        // One write, so that a line is never torn; the note on lost lines goes before it where both
        // fit.
        let note = format!("({lost} lines of the log were lost before this one)\n");
        let whole = if lost > 0 && note.len() + cut.len() <= MOST_AT_ONCE {
            &[note.as_bytes(), cut].concat()
        } else {
            cut
        };
        let _ = stderr.write(whole);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn takes_a_line() -> bool {
    let stderr = io::stderr();
    let mut descriptors = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    matches!(poll(&mut descriptors, PollTimeout::ZERO), Ok(1))
        && descriptors[0].revents() == Some(PollFlags::POLLOUT)
}
