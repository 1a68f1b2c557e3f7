//! SIGTERM and SIGINT: flush what is owed, exit 0, in time.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::check::Case;
use crate::check::server::Server;
use crate::check::traffic::{LINE, expect_end, expect_lines, fill, lines, narrow, ping};
use crate::check::trial::{Problem, Trial, Verdict, While, ensure};
use crate::client::EchoClient;

mod owed;

use owed::{sigterm_owed, sigterm_paused, sigterm_unread_input};

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
        "sigterm-owed",
        "SIGTERM with output owed to a slow reader: every byte arrives, exit 0 within the grace",
        STOP,
        sigterm_owed,
    ),
    Case::process(
        "sigterm-unread-input",
        "the same with input that the server has not read: the end is no reset",
        CLOSE,
        sigterm_unread_input,
    ),
    Case::process(
        "sigterm-never-reader",
        "SIGTERM with a client that never reads: exit 0 when the grace is over",
        STOP,
        sigterm_never_reader,
    )
    .waits(),
    Case::process(
        "sigterm-paused",
        "SIGTERM with output owed, then SIGSTOP until the grace is over: what the client has made room for arrives, exit 0",
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
        "after SIGTERM nobody new is served, while the grace lasts",
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

fn sigterm_idle(trial: &Trial) -> Verdict {
    stop_idle(trial, Signal::SIGTERM)
}

fn sigint_idle(trial: &Trial) -> Verdict {
    stop_idle(trial, Signal::SIGINT)
}

/// The clients keep their ends open until the server has gone: it owes them nothing, so it need not
/// wait for them.
fn stop_idle(trial: &Trial, signal: Signal) -> Verdict {
    let server = trial.start()?;
    let mut clients = (0..10)
        .map(|_| server.connect())
        .collect::<Result<Vec<_>, _>>()?;
    for client in &mut clients {
        ping(client)?;
    }
    server.signal(signal)?;
    let after = expect_exit(&server, trial.limit(100))?;
    for client in &mut clients {
        expect_end(client)?;
    }
    Ok(format!(
        "exit status 0 after {:.1} ms",
        after.as_secs_f64() * 1e3
    ))
}

fn sigterm_never_reader(trial: &Trial) -> Verdict {
    let (server, _client) = stalled(trial, "1")?;
    server.signal(Signal::SIGTERM)?;
    let after = expect_exit(&server, trial.limit(1100))?;
    Ok(format!("exit status 0 after {:.2} s", after.as_secs_f64()))
}

fn second_signal(trial: &Trial) -> Verdict {
    let (server, _client) = stalled(trial, "30")?;
    server.signal(Signal::SIGTERM)?;
    // Two that are pending at once are one, signal(7).
    server.let_it_rest(Duration::ZERO, trial.limit(200));
    if server.ended().is_some() {
        return Err(Problem::Skip("it had ended at the first".into()));
    }
    server.signal(Signal::SIGTERM)?;
    let (status, after) = server.exit_within(trial.limit(100))?;
    Ok(format!(
        "{status} after {:.1} ms",
        after.as_secs_f64() * 1e3
    ))
}

fn stops_accepting(trial: &Trial) -> Verdict {
    let (server, _client) = stalled(trial, "30")?;
    server.signal(Signal::SIGTERM)?;
    server.let_it_rest(Duration::from_millis(50), trial.limit(200));
    if server.ended().is_some() {
        return Err(Problem::Skip("it had ended at once".into()));
    }
    let Ok(mut late) = EchoClient::connect(server.address()) else {
        return Ok("a new connection was refused".into());
    };
    late.set_time_limit(Duration::from_millis(300))?;
    let answer = late.echo(b"too late?\n").unwrap_or_default();
    ensure!(answer.is_empty(), "a new client was still served");
    Ok("a new client was not answered".into())
}

/// The server is held still while the clients connect, so the kernel has accepted them and the server
/// has not. Every second one has sent a line.
fn stop_backlog(trial: &Trial) -> Verdict {
    const CLIENTS: usize = 100;
    let server = trial.start()?;
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
    let after = expect_exit(&server, trial.limit(1100))?;
    Ok(format!(
        "{answered} answers, {CLIENTS} ends, exit status 0 after {:.1} ms",
        after.as_secs_f64() * 1e3
    ))
}

/// A server with this much grace, and a client to which it owes more than that client will ever
/// read.
fn stalled(trial: &Trial, grace: &str) -> Result<(Server, EchoClient), Problem> {
    let server = trial.launch()?.option("--grace", grace).start()?;
    let client = narrow(server.address())?;
    fill(&client).while_("filling the server")?;
    Ok((server, client))
}

/// Expects the server to exit with status 0: how long that took.
fn expect_exit(server: &Server, limit: Duration) -> Result<Duration, Problem> {
    let (status, after) = server.exit_within(limit)?;
    ensure!(status.code() == Some(0), "{status}, not 0");
    Ok(after)
}
