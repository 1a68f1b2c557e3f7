//! What the server prints when it starts, and when it can't start.

use std::net::{Ipv6Addr, TcpListener};
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::client::check::case_run::{CaseError, CaseResult, CaseRun, ensure};
use crate::client::check::server::{Launch, Server, StartResult};
use crate::client::check::traffic::{LINE, lines, ping};
use crate::client::check::{Case, Kind};
use crate::client::{EchoClient, TIME_LIMIT};

const START: &str = "contract: start and stop";
const BAD_INPUT: &str = "contract: bad input";

pub(super) const CASES: &[Case] = &[
    Case::process(
        "listening-line",
        "\"listening on ADDRESS\" is printed once the server listens; port 0 picks a port",
        START,
        listening_line,
    ),
    Case::process("ipv6", "--host ::1 works", START, ipv6),
    Case::process(
        "port-in-use",
        "a failed bind exits 1 with one clear line",
        BAD_INPUT,
        port_in_use,
    ),
    Case::process(
        "bad-arguments",
        "a usage error exits 2 with a message",
        BAD_INPUT,
        bad_arguments,
    ),
    Case::process(
        "absurd-numbers",
        "a number that makes no sense exits 2; a huge number exits 2 or works",
        BAD_INPUT,
        absurd_numbers,
    ),
    Case::process(
        "few-descriptors-at-start",
        "with 3 to 20 descriptors, the server exits 1 with one clear line, or it listens and keeps running",
        START,
        few_descriptors_at_start,
    ),
];

fn listening_line(case: &CaseRun) -> CaseResult {
    let server = case.launch()?.option("--port", "0").start()?;
    ensure!(
        server.address().port() != 0,
        "it printed port 0, which is never a listener's"
    );
    let mut client = server.connect()?;
    ping(&mut client)?;
    Ok(format!("listening on {}", server.address()))
}

fn ipv6(case: &CaseRun) -> CaseResult {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return Err(CaseError::Skip("this machine has no ::1".into()));
    }
    let server = case.launch()?.option("--host", "::1").start()?;
    ensure!(
        server.address().is_ipv6(),
        "it listens on {}",
        server.address()
    );
    ping(&mut server.connect()?)?;
    Ok(format!("listening on {}", server.address()))
}

fn port_in_use(case: &CaseRun) -> CaseResult {
    let first = case.start()?;
    let port = first.address().port().to_string();
    let (status, errors) = case
        .launch()?
        .option("--port", &port)
        .run()
        .map_err(still_running)?;
    ensure!(status.code() == Some(1), "{status}, not 1");
    let line = errors.trim();
    ensure!(!line.is_empty(), "nothing on standard error");
    ensure!(!line.contains("panicked"), "it panicked: {line}");
    ensure!(
        line.lines().count() == 1,
        "{} lines on standard error",
        line.lines().count()
    );
    ping(&mut first.connect()?)?;
    Ok(format!("exit status 1, \"{line}\""))
}

fn bad_arguments(case: &CaseRun) -> CaseResult {
    let wrong = [
        case.launch()?.argument("--no-such-option"),
        case.launch()?.option("--port", "99999"),
        case.launch()?.option("--port", "many"),
    ];
    for launch in wrong {
        let (status, errors) = launch.run().map_err(still_running)?;
        expect_usage_error(status, &errors)?;
    }
    Ok("three wrong commands, three times exit status 2".into())
}

fn expect_usage_error(status: ExitStatus, errors: &str) -> Result<(), CaseError> {
    let errors = errors.trim();
    ensure!(!errors.contains("panicked"), "it panicked: {errors}");
    ensure!(status.code() == Some(2), "{status}, not 2");
    ensure!(!errors.is_empty(), "nothing on standard error");
    Ok(())
}

fn absurd_numbers(case: &CaseRun) -> CaseResult {
    let counts = ["0", "-1", "1.5", "18446744073709551616", "1e9", ""];
    let seconds = ["-1", "nan", "inf", "1e300", "soon", ""];
    let mut nonsense = vec![
        ("--max-connections", counts),
        ("--idle-timeout", seconds),
        ("--shutdown-timeout", seconds),
    ];
    let mut huge = vec![
        ("--max-connections", "18446744073709551615"),
        ("--idle-timeout", "1e9"),
        ("--shutdown-timeout", "1e9"),
    ];
    if case.kind() == Kind::Line {
        nonsense.push(("--max-line", counts));
        huge.push(("--max-line", "18446744073709551615"));
    }
    let mut refused = 0;
    for (name, values) in nonsense {
        for value in values {
            let said = |error| named(name, value, error);
            let launch = case.launch()?.option(name, value);
            let (status, errors) = launch.run().map_err(still_running).map_err(said)?;
            expect_usage_error(status, &errors).map_err(said)?;
            refused += 1;
        }
    }
    for (name, value) in &huge {
        let launch = case.launch()?.option(name, value);
        refused_or_works(launch).map_err(|error| named(name, value, error))?;
    }
    Ok(format!(
        "{refused} numbers refused, {} huge ones accepted",
        huge.len()
    ))
}

/// Adds the option to the message of a failed case.
fn named(name: &str, value: &str, error: CaseError) -> CaseError {
    match error {
        CaseError::Fail(seen) => CaseError::Fail(format!("{name} {value:?}: {seen}")),
        skip => skip,
    }
}

fn refused_or_works(launch: Launch) -> Result<(), CaseError> {
    match launch.start_or_exit()? {
        StartResult::Listening(server) => {
            ping(&mut server.connect()?)?;
            server.signal(Signal::SIGTERM)?;
            let (status, _) = server.exit_within(TIME_LIMIT)?;
            ensure!(status.code() == Some(0), "{status} at a SIGTERM, not 0");
            Ok(())
        }
        StartResult::Exited(status, errors) => expect_usage_error(status, &errors),
    }
}

/// A server that starts with one descriptor fewer than it needs must not print that it listens.
fn few_descriptors_at_start(case: &CaseRun) -> CaseResult {
    let (mut refused, mut served, mut stayed) = (0, 0, 0);
    for limit in 3..=20 {
        let with_limit = |error| named("ulimit -n", &limit.to_string(), error);
        let launch = case
            .launch()?
            .script(format!("ulimit -n {limit}; exec \"$@\""));
        match launch.start_or_exit().map_err(with_limit)? {
            StartResult::Exited(status, errors) => {
                expect_clear_refusal(status, &errors).map_err(with_limit)?;
                refused += 1;
            }
            StartResult::Listening(server) => match serves(&server).map_err(with_limit)? {
                true => served += 1,
                false => stayed += 1,
            },
        }
    }
    Ok(format!(
        "{refused} limits gave exit status 1; with {stayed}, clients wait; with {served}, they are served"
    ))
}

/// Exit status 127 isn't the server's: the system couldn't even load it.
fn expect_clear_refusal(status: ExitStatus, errors: &str) -> Result<(), CaseError> {
    let errors = errors.trim();
    if status.code() == Some(127) {
        return Ok(());
    }
    ensure!(!errors.contains("panicked"), "it panicked: {errors}");
    ensure!(status.code() == Some(1), "{status}, not 1: {errors}");
    ensure!(
        errors.lines().count() == 1,
        "{} lines on standard error, not 1: {errors}",
        errors.lines().count()
    );
    Ok(())
}

/// Whether a server that has few descriptors serves a client. It can have none left for the client,
/// but it must keep running, and stop at a SIGTERM.
fn serves(server: &Server) -> Result<bool, CaseError> {
    let answer = EchoClient::connect(server.address()).and_then(|mut client| {
        client.set_time_limit(Duration::from_millis(200))?;
        client.echo(&lines(LINE))
    });
    let is_served = answer.is_ok_and(|answer| answer == lines(LINE));
    server.signal(Signal::SIGTERM)?;
    let (status, _) = server.exit_within(TIME_LIMIT)?;
    ensure!(
        status.code() == Some(0),
        "it printed that it listens, and ended with {status}"
    );
    Ok(is_served)
}

fn still_running(error: CaseError) -> CaseError {
    match error {
        CaseError::Fail(seen) => CaseError::Fail(format!("it did not refuse to start: {seen}")),
        skip => skip,
    }
}
