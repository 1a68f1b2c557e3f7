//! From parsed arguments to a serving loop and an exit status: what the `main` of every server
//! does.

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::ExitCode;

use crate::args::{ServerArgs, Settings};
use crate::stop::StopSignal;
use crate::{logging, net, sys};

/// A server: serves `listener` until the stop signal is raised and the last answer is delivered.
pub type Serve = fn(TcpListener, Settings, StopSignal) -> io::Result<()>;

/// Logs, listens, says so on standard output, serves, and prints the counters if asked.
///
/// The exit status is 0 after a stop, and 1 with one line on standard error when the server cannot
/// start or go on.
pub fn run(
    args: &ServerArgs,
    serve: impl FnOnce(TcpListener, Settings, StopSignal) -> io::Result<()>,
) -> ExitCode {
    match start(args, serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `eprintln!`, which panics when standard error is gone.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(
    args: &ServerArgs,
    serve: impl FnOnce(TcpListener, Settings, StopSignal) -> io::Result<()>,
) -> io::Result<()> {
    logging::init(&args.observe)?;
    let stop = StopSignal::on_signals()?;
    let listener = net::listen(&args.listen.host, args.listen.port, args.listen.backlog)?;
    say(format_args!("listening on {}", listener.local_addr()?));
    if let Some(faults) = &args.observe.faults {
        sys::inject(faults.clone());
    }
    let served = serve(listener, Settings::from(&args.limits), stop);
    if args.observe.counters {
        say(format_args!("{}", sys::counters()));
    }
    served
}

/// Prints a line to standard output; that nobody reads it is no reason to stop serving.
fn say(line: std::fmt::Arguments<'_>) {
    let mut stdout = io::stdout();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
