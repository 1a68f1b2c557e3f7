//! The program's counters, trace, and log, and the options that control them.

use std::fs;
use std::io;
use std::process::{Command, Output, Stdio};

use common::client::EchoClient;
use common::client::program::{Program, tells, trace_of_one_line};

fn server() -> Command {
    Command::new(env!("CARGO_BIN_EXE_select-echo"))
}

/// Starts the program, echoes one line, and stops it. Returns what it printed after `listening on`.
fn echo_once(arguments: &[&str]) -> io::Result<Vec<String>> {
    let program = Program::start(server().args(["--port", "0"]).args(arguments))?;
    let mut client = EchoClient::connect(program.address())?;
    assert_eq!(client.echo(b"hello\n")?, b"hello\n");
    client.finish()?;
    client.receive_to_end()?;
    let (status, lines) = program.stop()?;
    assert!(status.success(), "{status}");
    Ok(lines)
}

#[test]
fn counters_count_what_was_done() -> io::Result<()> {
    assert!(echo_once(&["--quiet"])?.is_empty());
    let lines = echo_once(&["--quiet", "--counters"])?;
    let counters: serde_json::Value = serde_json::from_str(&lines[0])?;
    for (name, count) in [
        ("accepts", 1),
        ("reads", 2), // the line, and the end of the stream
        ("writes", 1),
        ("closes", 2), // the connection, and the listener
        ("bytes_read", 6),
        ("bytes_written", 6),
    ] {
        assert_eq!(counters[name], count, "{name} in {counters}");
    }
    assert!(counters["waits"].as_u64() >= counters["wakeups"].as_u64());
    Ok(())
}

#[test]
fn the_trace_names_the_line_that_made_the_call() -> io::Result<()> {
    let trace = trace_of_one_line(&mut server())?;
    for event in &trace {
        let made_there = match event.call.as_str() {
            "wait" | "wake" => "select(",
            "listen" => "net::listen(",
            call => &format!(".{call}("),
        };
        assert!(event.text.contains(made_there), "{event:?}");
    }
    let story = [
        "wait", "wake", "recv", "send", "wait", "wake", "recv", "close",
    ];
    assert!(tells(&trace, &story), "{trace:#?}");
    Ok(())
}

fn log_of(arguments: &[&str]) -> io::Result<String> {
    let file = std::env::temp_dir().join(format!(
        "select-echo-log-{}-{}",
        std::process::id(),
        arguments.len()
    ));
    let stderr = fs::File::create(&file)?;
    let program = Program::start(
        server()
            .args(["--port", "0"])
            .args(arguments)
            .stderr(stderr),
    )?;
    EchoClient::connect(program.address())?.echo(b"x")?;
    program.stop()?;
    let log = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    Ok(log)
}

#[test]
fn connections_are_logged_unless_told_otherwise() -> io::Result<()> {
    let log = log_of(&[])?;
    assert!(log.contains("INFO connected peer=127.0.0.1:"), "{log}");
    assert!(log.contains("INFO disconnected peer=127.0.0.1:"), "{log}");
    assert_eq!(log_of(&["--quiet"])?, "");
    for line in log_of(&["--log-format", "json"])?.lines() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        assert_eq!(event["level"], "INFO");
    }
    Ok(())
}

fn output_of(arguments: &[&str]) -> io::Result<Output> {
    server().args(arguments).stdin(Stdio::null()).output()
}

#[test]
fn the_manual_and_the_completions_are_printed() -> io::Result<()> {
    for (kind, mark) in [
        ("man", ".ie"),
        ("bash", "_select"),
        ("zsh", "#compdef select-echo"),
    ] {
        let output = output_of(&["--generate", kind])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains(mark),
            "{kind}: {text}"
        );
    }
    Ok(())
}

#[test]
fn a_trace_file_that_cannot_be_written_is_an_error() -> io::Result<()> {
    let output = output_of(&["--port", "0", "--trace", "/no/such/folder/trace"])?;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.starts_with("error: cannot write the trace to /no/such/folder/trace"),
        "{said}"
    );
    Ok(())
}

#[test]
fn counters_are_summed_and_each_line_of_the_trace_names_its_worker() -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("select-echo-workers-{}", std::process::id()));
    let mut command = server();
    command.args(["--port", "0", "-qq", "--workers", "2", "--counters"]);
    let program = Program::start(command.arg("--trace").arg(&path))?;
    for _ in 0..40 {
        let mut client = EchoClient::connect(program.address())?;
        assert_eq!(client.echo(b"hello\n")?, b"hello\n");
    }
    let (status, lines) = program.stop()?;
    assert!(status.success(), "{status}");
    let counters: serde_json::Value = serde_json::from_str(&lines[0])?;
    let accepts = |counters: &serde_json::Value| counters["accepts"].as_u64().unwrap_or(0);
    let each = counters["workers"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let each: Vec<u64> = each.iter().map(accepts).collect();
    assert_eq!(
        (each.len(), each.iter().sum::<u64>()),
        (2, 40),
        "{counters}"
    );
    assert_eq!(accepts(&counters), 40);

    let trace = fs::read_to_string(&path)?;
    fs::remove_file(&path)?;
    let mut traced = [0, 0];
    for line in trace.lines() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        let worker = match event["threadName"].as_str() {
            Some("main") => 0,
            Some("worker-2") => 1,
            _ => panic!("no worker in {line}"),
        };
        traced[worker] += u64::from(event["call"] == "accept" && event["peer"].is_string());
    }
    assert_eq!(traced[..], each);
    Ok(())
}
