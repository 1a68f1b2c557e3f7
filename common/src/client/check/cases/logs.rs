//! Standard output and standard error that are closed, dead, or stalled, and a server without any
//! standard descriptor.

use std::io;
use std::os::fd::AsRawFd;
use std::process;

use nix::pty::openpty;
use nix::sys::signal::Signal;

use crate::client::check::Case;
use crate::client::check::case_run::{CaseResult, CaseRun, ensure};
use crate::client::check::server::{Errors, Server};
use crate::client::check::traffic::{ping, will_reset};

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
        "standard error is a pipe that is never read: more than 2,000 connections",
        LOGGING,
        log_stalled,
    ),
    Case::process(
        "log-terminal",
        "standard output and standard error are a terminal that is never read: 2,000 connections",
        LOGGING,
        log_terminal,
    ),
    Case::process(
        "output-stalled",
        "standard output is a pipe that is never read: 2,000 connections",
        LOGGING,
        output_stalled,
    ),
    Case::process(
        "no-standard-descriptors",
        "descriptors 0, 1, and 2 closed at start",
        LOGGING,
        no_standard_descriptors,
    ),
];

fn log_closed(case: &CaseRun) -> CaseResult {
    let server = case.launch()?.script("exec \"$@\" 2>&-").start()?;
    serve_and_stop(case, &server, 50)
}

fn log_dead_reader(case: &CaseRun) -> CaseResult {
    let server = case.launch()?.errors(Errors::Dead).start()?;
    serve_and_stop(case, &server, 50)
}

fn log_stalled(case: &CaseRun) -> CaseResult {
    let server = case.launch()?.errors(Errors::Stalled).start()?;
    serve_and_stop(case, &server, 2000)
}

/// Unlike a pipe, a terminal counts as writable in poll(2) even if less than a line fits.
fn log_terminal(case: &CaseRun) -> CaseResult {
    let terminal = openpty(None, None).map_err(io::Error::from)?;
    // Unlike openpty(3)'s descriptors, these two are not inherited by other servers.
    let (_unread, slave) = (terminal.master.try_clone()?, terminal.slave.try_clone()?);
    let path = path_of(&slave);
    drop(terminal);
    let script = format!("exec \"$@\" >{path} 2>&1");
    let server = case.launch()?.script(script).start_unheard()?;
    serve_and_stop(case, &server, 2000)
}

fn output_stalled(case: &CaseRun) -> CaseResult {
    let (_unread, writer) = io::pipe()?;
    let script = format!("exec \"$@\" >{}", path_of(&writer));
    let server = case.launch()?.script(script).start_unheard()?;
    serve_and_stop(case, &server, 2000)
}

/// The path with which another process opens this descriptor's file, proc(5).
fn path_of(descriptor: &impl AsRawFd) -> String {
    format!("/proc/{}/fd/{}", process::id(), descriptor.as_raw_fd())
}

fn no_standard_descriptors(case: &CaseRun) -> CaseResult {
    let server = case
        .launch()?
        .script("exec \"$@\" <&- >&- 2>&-")
        .start_unheard()?;
    serve_and_stop(case, &server, 50)
}

/// Expects this many connections, some of them reset, to be served, and then a normal stop.
fn serve_and_stop(case: &CaseRun, server: &Server, connections: usize) -> CaseResult {
    for number in 0..connections {
        let mut client = server.connect()?;
        ping(&mut client)?;
        if number % 64 != 0 {
            will_reset(&client)?;
        }
    }
    server.signal(Signal::SIGTERM)?;
    let (status, _) = server.exit_within(case.limit(1100))?;
    ensure!(status.code() == Some(0), "{status}, not 0");
    Ok(format!("{connections} connections served, exit status 0"))
}
