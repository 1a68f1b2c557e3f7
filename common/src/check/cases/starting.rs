//! The server's first words, and its last ones when it cannot start.

use std::net::{Ipv6Addr, TcpListener};

use crate::check::Case;
use crate::check::traffic::ping;
use crate::check::trial::{Problem, Trial, Verdict, ensure};

const START: &str = "contract: start and stop";
const BAD_INPUT: &str = "contract: bad input";

pub(super) const CASES: &[Case] = &[
    Case::process(
        "listening-line",
        "\"listening on ADDRESS\" is printed once it is true; port 0 picks a port",
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
];

fn listening_line(trial: &Trial) -> Verdict {
    let server = trial.launch()?.option("--port", "0").start()?;
    ensure!(
        server.address().port() != 0,
        "it says port 0, which is nobody's"
    );
    let mut client = server.connect()?;
    ping(&mut client)?;
    Ok(format!("listening on {}", server.address()))
}

fn ipv6(trial: &Trial) -> Verdict {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return Err(Problem::Skip("this machine has no ::1".into()));
    }
    let server = trial.launch()?.option("--host", "::1").start()?;
    ensure!(
        server.address().is_ipv6(),
        "it listens on {}",
        server.address()
    );
    ping(&mut server.connect()?)?;
    Ok(format!("listening on {}", server.address()))
}

fn port_in_use(trial: &Trial) -> Verdict {
    let first = trial.start()?;
    let port = first.address().port().to_string();
    let (status, errors) = trial
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

fn bad_arguments(trial: &Trial) -> Verdict {
    let wrong = [
        trial.launch()?.argument("--no-such-option"),
        trial.launch()?.option("--port", "99999"),
        trial.launch()?.option("--port", "many"),
    ];
    for launch in wrong {
        let (status, errors) = launch.run().map_err(still_running)?;
        ensure!(status.code() == Some(2), "{status}, not 2");
        ensure!(
            !errors.contains("panicked"),
            "it panicked: {}",
            errors.trim()
        );
        ensure!(!errors.trim().is_empty(), "nothing on standard error");
    }
    Ok("three wrong commands, three times exit status 2".into())
}

fn still_running(problem: Problem) -> Problem {
    match problem {
        Problem::Fail(seen) => Problem::Fail(format!("it did not refuse to start: {seen}")),
        skip => skip,
    }
}
