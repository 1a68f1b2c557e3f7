//! Standard error that is closed, dead or stalled, and a server without any standard descriptor.

use nix::sys::signal::Signal;

use crate::check::Case;
use crate::check::server::{Errors, Server};
use crate::check::traffic::{ping, will_reset};
use crate::check::trial::{Trial, Verdict, ensure};

const LOGGING: &str = "contract: logging never hurts service";

pub(super) const CASES: &[Case] = &[
    Case::process(
        "log-closed",
        "standard error closed at start",
        LOGGING,
        log_closed,
    ),
    Case::process(
        "log-dead-reader",
        "standard error is a pipe whose reader has gone",
        LOGGING,
        log_dead_reader,
    ),
    Case::process(
        "log-stalled",
        "standard error is a pipe that nobody reads: 2,000 connections and more",
        LOGGING,
        log_stalled,
    ),
    Case::process(
        "no-standard-descriptors",
        "descriptors 0, 1 and 2 closed at start",
        LOGGING,
        no_standard_descriptors,
    ),
];

fn log_closed(trial: &Trial) -> Verdict {
    let server = trial.launch()?.script("exec \"$@\" 2>&-").start()?;
    serve_and_stop(trial, &server, 50)
}

fn log_dead_reader(trial: &Trial) -> Verdict {
    let server = trial.launch()?.errors(Errors::Dead).start()?;
    serve_and_stop(trial, &server, 50)
}

fn log_stalled(trial: &Trial) -> Verdict {
    let server = trial.launch()?.errors(Errors::Stalled).start()?;
    serve_and_stop(trial, &server, 2000)
}

fn no_standard_descriptors(trial: &Trial) -> Verdict {
    let server = trial
        .launch()?
        .script("exec \"$@\" <&- >&- 2>&-")
        .start_unheard()?;
    serve_and_stop(trial, &server, 50)
}

/// Expects so many connections, some of them reset, to be served, and the server to stop as ever.
fn serve_and_stop(trial: &Trial, server: &Server, connections: usize) -> Verdict {
    for number in 0..connections {
        let mut client = server.connect()?;
        ping(&mut client)?;
        if number % 8 != 0 {
            will_reset(&client)?;
        }
    }
    server.signal(Signal::SIGTERM)?;
    let (status, _) = server.exit_within(trial.limit(1100))?;
    ensure!(status.code() == Some(0), "{status}, not 0");
    Ok(format!("{connections} connections served, exit status 0"))
}
