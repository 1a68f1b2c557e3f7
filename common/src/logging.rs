//! What a server writes while it runs: the log on standard error, the trace file, and the lines on
//! standard output. Each goes through a [`BackgroundWriter`], so that no reader can block the loop.

use std::fmt::Arguments;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use signal_hook::consts::SIGXFSZ;
use signal_hook::flag;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::time::uptime;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::{LogFormat, ObserveArgs};
use crate::background_writer::BackgroundWriter;
use crate::sys::TRACE_TARGET;

/// Most bytes of the log, and of the lines on standard output, that wait for a slow reader: as many
/// as a pipe holds on Linux (pipe(7)).
const LOG_CAPACITY: usize = 64 * 1024;

/// Most bytes of the trace that wait for a slow reader.
const TRACE_CAPACITY: usize = 16 * 1024 * 1024;

/// How long the program waits at its end for the readers of the log and of standard output.
const READERS_LIMIT: Duration = Duration::from_millis(100);

/// How long it waits for the reader of the trace, which the user requested.
const TRACE_LIMIT: Duration = Duration::from_secs(1);

/// The files that a server writes.
#[derive(Debug)]
pub struct Outputs {
    log: BackgroundWriter,
    stdout: BackgroundWriter,
    trace: Option<BackgroundWriter>,
}

impl Outputs {
    /// Starts the log, and the trace if requested. If several loops write to them, each line names
    /// the thread that it comes from (`names_threads`).
    ///
    /// # Errors
    /// A trace file that can't be created, or a second call in one process.
    pub fn start(args: &ObserveArgs, names_threads: bool) -> io::Result<Self> {
        // At the limit for a file's size (`ulimit -f`), this signal would end the server. With any
        // handler, write(2) returns EFBIG instead.
        flag::register(SIGXFSZ, Arc::default())?;
        let note = match args.log_format {
            LogFormat::Text => |count| format!("({count} lines of the log were dropped here)\n"),
            LogFormat::Json => dropped_lines,
        };
        let outputs = Outputs {
            log: BackgroundWriter::new("the log", io::stderr(), LOG_CAPACITY, note),
            stdout: BackgroundWriter::new(
                "to standard output",
                io::stdout(),
                LOG_CAPACITY,
                dropped_lines,
            ),
            trace: args.trace.as_deref().map(trace_writer).transpose()?,
        };
        let trace = outputs.trace.clone();
        tracing_subscriber::registry()
            .with(log_layer(args, names_threads, outputs.log.clone()))
            .with(trace.map(|trace| trace_layer(names_threads, trace)))
            .try_init()
            .map_err(io::Error::other)?;
        Ok(outputs)
    }

    /// Prints a line to standard output.
    pub fn print(&self, line: Arguments<'_>) {
        self.stdout.add(format!("{line}\n").as_bytes());
    }

    /// Prints a line to standard error, after those of the log.
    pub fn print_to_stderr(&self, line: Arguments<'_>) {
        self.log.add(format!("{line}\n").as_bytes());
    }

    /// Waits until everything is written, but not for readers that don't read.
    ///
    /// # Errors
    /// The trace, which the user requested, is incomplete; or a line on standard output was not
    /// written, for another reason than that its reader has gone or doesn't read. Missing lines of
    /// the log are no error.
    pub fn finish(&self) -> io::Result<()> {
        let trace = self.trace.as_ref();
        let traced = trace.map_or(Ok(()), |trace| trace.finish(TRACE_LIMIT));
        let printed = match self.stdout.finish(READERS_LIMIT) {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::TimedOut) => {
                Ok(())
            }
            printed => printed,
        };
        traced.and(printed)
    }

    /// Waits for the log, as [`finish`](Self::finish) does for the rest.
    pub fn finish_log(&self) {
        let _ = self.log.finish(READERS_LIMIT);
    }
}

fn dropped_lines(count: u64) -> String {
    format!("{{\"dropped_lines\":{count}}}\n")
}

fn log_layer(
    args: &ObserveArgs,
    names_threads: bool,
    writer: BackgroundWriter,
) -> Box<dyn Layer<Registry> + Send + Sync> {
    let layer = fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_thread_names(names_threads)
        .with_writer(move || writer.clone());
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

fn trace_writer(path: &Path) -> io::Result<BackgroundWriter> {
    let name = format!("the trace to {}", path.display());
    let file = File::create(path)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot write {name}: {error}")))?;
    Ok(BackgroundWriter::new(
        name,
        file,
        TRACE_CAPACITY,
        dropped_lines,
    ))
}

/// What [`sys`](crate::sys) reports, one line of JSON for each call.
fn trace_layer<S>(names_threads: bool, writer: BackgroundWriter) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer()
        .json()
        .flatten_event(true)
        .with_timer(uptime())
        .with_level(false)
        .with_target(false)
        .with_thread_names(names_threads)
        .with_writer(move || writer.clone());
    layer.with_filter(Targets::new().with_target(TRACE_TARGET, LevelFilter::TRACE))
}
