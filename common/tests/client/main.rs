//! The program `echo-client` and the load generator's library, against small servers that keep or
//! break the contract.

mod check;
mod load;
mod rates;
mod servers;
mod talk;

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use servers::{corrupt, echo, serve};

/// No socket of these tests waits longer.
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
    // The client may end before it has read all.
    let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output()?;
    feeder.join().expect("feeding does not panic");
    Ok(output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
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
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(report["messages"], 300);
    assert!(report["latency"]["p99_us"].as_f64() > Some(0.0), "{report}");

    let address = serve(corrupt)?.to_string();
    let output = echo_client(&["load", &address, "--duration", "0.2"], b"")?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("50, the first: connection"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn nobody_looking_is_no_panic() -> io::Result<()> {
    let address = serve(echo)?.to_string();
    for arguments in [
        &["talk", &address, "-"][..],
        &["load", &address, "--count", "9"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_echo-client"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().expect("it is piped");
        // The client ends although its input does not.
        let lines = b"hello\n".repeat(10_000);
        let fed = (0..5_000).try_for_each(|_| stdin.write_all(&lines));
        assert!(fed.is_err(), "{arguments:?}");
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "{output:?}");
    }
    Ok(())
}

#[test]
fn usage_errors_exit_2() -> io::Result<()> {
    for arguments in [
        &["talk"][..],
        &["load", "localhost:1", "--size", "0"],
        &["sing"],
    ] {
        assert_eq!(
            echo_client(arguments, b"")?.status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    Ok(())
}
