//! From parsed arguments to a serving loop and an exit status: what every server's `main`
//! does.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;

use crate::args::{ServerArgs, Settings};
use crate::logging::Outputs;
use crate::output;
use crate::stop::StopSignal;
use crate::sys::{Counters, Listener};
use crate::workers::{Ended, Workers, cannot_start};

/// Starts the log, listens, calls `start` to make the server, prints where it listens, serves, and
/// prints the counters if requested.
///
/// `start` makes everything that can fail for lack of descriptors or memory, and returns the loop.
/// So a server that prints `listening on` really serves. With `--workers`, it is called once on each
/// worker's thread, so a loop never moves to another thread.
///
/// The exit status is 0 after a stop. It is 1, with one line on standard error, if the server can't
/// start or continue, or if it couldn't write output that the user requested.
pub fn run<S>(
    args: &ServerArgs,
    start: impl Fn(Listener, Settings, StopSignal) -> io::Result<S> + Sync,
) -> ExitCode
where
    S: FnOnce() -> io::Result<()>,
{
    let outputs = match Outputs::start(&args.observe, args.workers > 1) {
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
    start: impl Fn(Listener, Settings, StopSignal) -> io::Result<S> + Sync,
) -> io::Result<()>
where
    S: FnOnce() -> io::Result<()>,
{
    let workers = Workers::prepare(args)?;
    let address = workers.address();
    let mut is_serving = false;
    let ended = workers.run(start, || {
        // Without a free descriptor it could never accept a client.
        let free = io::stdout().as_fd().try_clone_to_owned();
        free.map_err(cannot_start)?;
        outputs.print(format_args!("listening on {address}"));
        is_serving = true;
        Ok(())
    });
    if args.observe.counters && is_serving {
        outputs.print(format_args!("{}", CountersOfAll(&ended)));
    }
    ended.into_iter().try_for_each(|(served, _)| served)
}

/// The counters of the process, as one line of JSON. If there are several workers, it ends with a list
/// of what each has counted.
struct CountersOfAll<'a>(&'a [Ended]);

impl fmt::Display for CountersOfAll<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.0.iter().map(|(_, counters)| *counters);
        let all: Counters = each.clone().sum();
        if self.0.len() == 1 {
            return write!(f, "{all}");
        }
        let each: Vec<String> = each.map(|counters| counters.to_string()).collect();
        let (all, each) = (all.to_string(), each.join(","));
        let fields = all.trim_end_matches('}');
        write!(f, "{fields},\"workers\":[{each}]}}")
    }
}
