//! The program `echo-client` and the load generator's library, against small servers that keep or
//! break the contract.

mod check;
mod load;
mod play;
mod rates;
mod servers;
mod signals;
mod surroundings;
mod talk;

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use servers::{corrupt, echo, keep_silent, serve};

/// The longest time that a socket of these tests waits.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Runs `echo-client` with this standard input.
fn echo_client(arguments: &[&str], input: &[u8]) -> io::Result<Output> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_echo-client"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    // The client can end before it has read everything.
    let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output()?;
    feeder.join().expect("feeding does not panic");
    Ok(output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output as JSON, or as an error everything that the program has printed.
fn json(output: &Output) -> io::Result<serde_json::Value> {
    serde_json::from_slice(&output.stdout)
        .map_err(|error| io::Error::other(format!("{error}: {output:?}")))
}

#[test]
fn the_program_load_reports_for_people_and_for_programs() -> io::Result<()> {
    let address = serve(echo)?.to_string();
    let options = [
        "load",
        &address,
        "--connections",
        "3",
        "--count",
        "300",
        "--size",
        "10",
    ];
    let output = echo_client(&options, b"")?;
    let report = text(&output.stdout);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    assert!(
        report.contains("300 messages") && report.contains("errors     none"),
        "{report}"
    );

    let output = echo_client(&[&options[..], &["--json"]].concat(), b"")?;
    let report = json(&output)?;
    assert_eq!(report["messages"], 300, "{report}");
    assert!(report["latency"]["p99_us"].as_f64() > Some(0.0), "{report}");

    let address = serve(keep_silent)?.to_string();
    let options = ["load", &address, "--json", "--time-limit", "0.2"];
    let output = echo_client(&options, b"")?;
    let report = json(&output)?;
    assert_eq!(
        (&report["messages"], &report["errors"]),
        (&0.into(), &50.into()),
        "{report}"
    );
    assert!(report["latency"].is_null(), "{report}");
    assert!(report["client_cpu"].as_f64() <= Some(1.0), "{report}");

    // By then one of the 50 connections has received 16 answers, the last of them wrong,
    // however slow the machine is. A run of 0.2 s can end before that.
    let address = serve(corrupt)?.to_string();
    let output = echo_client(&["load", &address, "--count", "1000"], b"")?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        text(&output.stdout).contains(", the first: connection"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn usage_errors_exit_2() -> io::Result<()> {
    for arguments in [
        &["talk"][..],
        &["sing"],
        &["talk", "http://localhost"],
        &["load", "8881"],
        &["check", "localhost:0"],
        &["talk", ":1", "--time-limit", "0"],
        &["check", ":1", "--slack", "1e300"],
        &["load", ":1", "--size", "0"],
        &["load", ":1", "--size", "9999999", "--depth", "9999"],
        &["load", ":1", "--idle", "18446744073709551615"],
        &["load", ":1", "--connections", "18446744073709551615"],
        &["load", ":1", "--threads", "18446744073709551616"],
        &["load", ":1", "--depth", "18446744073709551615"],
        &["load", ":1", "--count", "18446744073709551615"],
        &["load", ":1", "--rate", "0"],
        &["load", ":1", "--rate", "nan"],
        &["load", ":1", "--duration", "0"],
        &["load", ":1", "--warm-up", "-1"],
    ] {
        let output = echo_client(arguments, b"")?;
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(!error.is_empty() && output.stdout.is_empty(), "{output:?}");
    }
    Ok(())
}
