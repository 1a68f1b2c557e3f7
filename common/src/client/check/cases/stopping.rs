//! SIGTERM and SIGINT: flush pending output, exit 0, in time.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::client::EchoClient;
use crate::client::check::Case;
use crate::client::check::case_run::{CaseError, CaseResult, CaseRun, While, ensure};
use crate::client::check::server::Server;
use crate::client::check::traffic::{LINE, expect_end, expect_lines, fill, lines, narrow, ping};

mod pending_output;

use pending_output::{sigterm_paused, sigterm_pending_output, sigterm_unread_input};

const STOP: &str = "contract: start and stop; signal(7)";
const CLOSE: &str = "contract: close; RFC 9293 §3.6.1";

pub(super) const CASES: &[Case] = &[
    Case::process(
        "sigterm-idle",
        "SIGTERM with idle clients: they see the end, exit 0 within 100 ms",
        STOP,
        sigterm_idle,
    ),
    Case::process(
        "sigint-idle",
        "SIGINT with idle clients: they see the end, exit 0 within 100 ms",
        STOP,
        sigint_idle,
    ),
    Case::process(
        "sigterm-pending-output",
        "SIGTERM with pending output for a slow reader: every byte arrives, exit 0 within the shutdown timeout",
        STOP,
        sigterm_pending_output,
    ),
    Case::process(
        "sigterm-unread-input",
        "the same with input that the server hasn't read: the connection doesn't end with a reset",
        CLOSE,
        sigterm_unread_input,
    ),
    Case::process(
        "sigterm-never-reader",
        "SIGTERM with a client that never reads: exit 0 when the shutdown timeout is over",
        STOP,
        sigterm_never_reader,
    )
    .waits(),
    Case::process(
        "sigterm-paused",
        "SIGTERM with pending output, then SIGSTOP until the shutdown timeout is over: as much arrives as the client has space for, exit 0",
        STOP,
        sigterm_paused,
    )
    .waits(),
    Case::process(
        "second-signal",
        "a second SIGTERM ends the server at once",
        STOP,
        second_signal,
    )
    .waits(),
    Case::process(
        "stops-accepting",
        "after SIGTERM, no new client is served during the shutdown timeout",
        STOP,
        stops_accepting,
    )
    .waits(),
    Case::process(
        "stop-backlog",
        "SIGTERM with clients that wait to be accepted: they see an orderly end, not a reset, exit 0",
        STOP,
        stop_backlog,
    ),
];

fn sigterm_idle(case: &CaseRun) -> CaseResult {
    stop_idle(case, Signal::SIGTERM)
}

fn sigint_idle(case: &CaseRun) -> CaseResult {
    stop_idle(case, Signal::SIGINT)
}

/// The clients keep their ends open until the server has gone: it has no pending output for them,
/// so it doesn't have to wait for them.
fn stop_idle(case: &CaseRun, signal: Signal) -> CaseResult {
    let server = case.start()?;
    let mut clients = (0..10)
        .map(|_| server.connect())
        .collect::<Result<Vec<_>, _>>()?;
    for client in &mut clients {
        ping(client)?;
    }
    server.signal(signal)?;
    let after = expect_exit(&server, case.limit(100))?;
    for client in &mut clients {
        expect_end(client)?;
    }
    Ok(format!(
        "exit status 0 after {:.1} ms",
        after.as_secs_f64() * 1e3
    ))
}

fn sigterm_never_reader(case: &CaseRun) -> CaseResult {
    let (server, _client) = stalled(case, "1")?;
    server.signal(Signal::SIGTERM)?;
    let after = expect_exit(&server, case.limit(1100))?;
    Ok(format!("exit status 0 after {:.2} s", after.as_secs_f64()))
}

fn second_signal(case: &CaseRun) -> CaseResult {
    let (server, _client) = stalled(case, "30")?;
    server.signal(Signal::SIGTERM)?;
    // Two signals that are pending at once count as one, signal(7).
    server.let_it_rest(Duration::ZERO, case.limit(200));
    if server.ended().is_some() {
        return Err(CaseError::Skip("the first signal ended it".into()));
    }
    server.signal(Signal::SIGTERM)?;
    let (status, after) = server.exit_within(case.limit(100))?;
    Ok(format!(
        "{status} after {:.1} ms",
        after.as_secs_f64() * 1e3
    ))
}

fn stops_accepting(case: &CaseRun) -> CaseResult {
    let (server, _client) = stalled(case, "30")?;
    server.signal(Signal::SIGTERM)?;
    server.let_it_rest(Duration::from_millis(50), case.limit(200));
    if server.ended().is_some() {
        return Err(CaseError::Skip("it ended at once".into()));
    }
    let Ok(mut late) = EchoClient::connect(server.address()) else {
        return Ok("a new connection was refused".into());
    };
    late.set_time_limit(Duration::from_millis(300))?;
    let answer = late.echo(b"too late?\n").unwrap_or_default();
    ensure!(answer.is_empty(), "a new client was still served");
    Ok("a new client got no answer".into())
}

/// The server is stopped while the clients connect, so the kernel has accepted them and the
/// server hasn't. Every second client has sent a line.
fn stop_backlog(case: &CaseRun) -> CaseResult {
    const CLIENTS: usize = 100;
    let server = case.start()?;
    ping(&mut server.connect()?)?;
    server.pause()?;
    let mut clients = Vec::with_capacity(CLIENTS);
    for number in 0..CLIENTS {
        let mut client = server.connect()?;
        if number % 2 == 0 {
            client.send(&lines(LINE))?;
        }
        clients.push(client);
    }
    server.signal(Signal::SIGTERM)?;
    server.resume()?;
    let mut answered = 0;
    for (number, mut client) in clients.into_iter().enumerate() {
        let what = format!("client {number} of {CLIENTS} that waited to be accepted");
        let answer = client.receive_to_end().while_(&what)?;
        expect_lines(0, &answer)?;
        let most = if number % 2 == 0 { LINE } else { 0 };
        ensure!(answer.len() <= most, "more came back than was sent");
        answered += usize::from(!answer.is_empty());
    }
    let after = expect_exit(&server, case.limit(1100))?;
    Ok(format!(
        "{answered} answers, {CLIENTS} ends, exit status 0 after {:.1} ms",
        after.as_secs_f64() * 1e3
    ))
}

/// A server with this shutdown timeout, and a client for which it has more pending output than the
/// client will ever read.
fn stalled(case: &CaseRun, shutdown_timeout: &str) -> Result<(Server, EchoClient), CaseError> {
    let server = case
        .launch()?
        .option("--shutdown-timeout", shutdown_timeout)
        .start()?;
    let client = narrow(server.address())?;
    fill(&client).while_("filling the server")?;
    Ok((server, client))
}

/// Expects the server to exit with status 0, and returns how long that took.
fn expect_exit(server: &Server, limit: Duration) -> Result<Duration, CaseError> {
    let (status, after) = server.exit_within(limit)?;
    ensure!(status.code() == Some(0), "{status}, not 0");
    Ok(after)
}
