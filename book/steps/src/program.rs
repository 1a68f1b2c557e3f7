//! A program around a server: its options, and from there to its exit status.

use std::io;
use std::process::ExitCode;

use clap::{Args, Parser};
use common::args::{self, ServerArgs};
use common::sys::Listener;
use common::{Settings, StopSignal, run};

/// The options of all servers.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    server: ServerArgs,
    /// Longest line, in bytes without its end; a longer one ends its connection
    #[arg(long, value_name = "BYTES", default_value_t = 65536, help_heading = "Limits", value_parser = args::number(1..=args::MOST_PENDING))]
    max_line: usize,
}

impl Options {
    /// Listens, calls `start` to make the server, prints where it listens, and serves. Returns the
    /// program's exit status.
    pub fn run<S>(
        &self,
        start: impl Fn(Listener, Settings, usize, StopSignal) -> io::Result<S> + Sync,
    ) -> ExitCode
    where
        S: FnOnce() -> io::Result<()>,
    {
        run::run(&self.server, |listener, settings, stop| {
            start(listener, settings, self.max_line, stop)
        })
    }
}

/// Runs a server of yours as a program that takes all options: the `main` around your copy of a step.
///
/// ```no_run
/// use std::process::ExitCode;
/// # use steps::step1 as server;
///
/// fn main() -> ExitCode {
///     steps::program::run(|listener, _settings, _max_line, stop| server::serve(listener, stop))
/// }
/// ```
pub fn run(
    serve: impl Fn(Listener, Settings, usize, StopSignal) -> io::Result<()> + Sync,
) -> ExitCode {
    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        options: Options,
    }
    let options = args::parse::<Program>().options;
    let serve = &serve;
    options.run(|listener, settings, max_line, stop| {
        Ok(move || serve(listener, settings, max_line, stop))
    })
}
