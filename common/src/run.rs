//! From parsed arguments to a serving loop and an exit status: what every server's `main`
//! does.

use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;

use crate::args::{ServerArgs, Settings};
use crate::logging::Outputs;
use crate::stop::StopSignal;
use crate::sys::{self, Listener};
use crate::{net, output};

/// Starts the log, listens, calls `start` to make the server, prints where it listens, serves, and
/// prints the counters if requested.
///
/// `start` makes everything that can fail for lack of descriptors or memory, and returns the loop.
/// So a server that prints `listening on` really serves.
///
/// The exit status is 0 after a stop. It is 1, with one line on standard error, if the server can't
/// start or continue, or if it couldn't write output that the user requested.
pub fn run<S>(
    args: &ServerArgs,
    start: impl FnOnce(Listener, Settings, StopSignal) -> io::Result<S>,
) -> ExitCode
where
    S: FnOnce() -> io::Result<()>,
{
    let outputs = match Outputs::start(&args.observe) {
        Ok(outputs) => outputs,
        Err(error) => return output::exit_code(Err(error)),
    };
    let served = serve(args, &outputs, start);
    let result = served.and(outputs.finish());
    if let Err(error) = &result {
        outputs.print_to_stderr(format_args!("error: {error}"));
    }
    outputs.finish_log();
    ExitCode::from(u8::from(result.is_err()))
}

fn serve<S>(
    args: &ServerArgs,
    outputs: &Outputs,
    start: impl FnOnce(Listener, Settings, StopSignal) -> io::Result<S>,
) -> io::Result<()>
where
    S: FnOnce() -> io::Result<()>,
{
    let stop = StopSignal::on_signals().map_err(cannot_start)?;
    let mut listener = net::listen(&args.listen.host, args.listen.port, args.listen.backlog)?;
    if args.listen.proxy_protocol {
        listener.expect_proxy_headers();
    }
    let address = listener.local_addr()?;
    let serve = start(listener, Settings::from(&args.limits), stop).map_err(cannot_start)?;
    // Without a free descriptor it could never accept a client.
    io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map_err(cannot_start)?;
    outputs.print(format_args!("listening on {address}"));
    if let Some(faults) = &args.observe.faults {
        sys::inject(faults.clone());
    }
    let served = serve();
    if args.observe.counters {
        outputs.print(format_args!("{}", sys::counters()));
    }
    served
}

fn cannot_start(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot start: {error}"))
}
