//! How `echo-client` handles odd standard descriptors, terminals, and limits.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::pty::{OpenptyResult, Winsize, openpty};

use crate::servers::{echo, serve};
use crate::text;

fn client(arguments: &[&str]) -> Command {
    let mut client = Command::new(env!("CARGO_BIN_EXE_echo-client"));
    client.args(arguments).stdin(Stdio::null());
    client.stdout(Stdio::piped()).stderr(Stdio::piped());
    client
}

/// Every subcommand that prints something.
fn printing(address: &SocketAddr) -> [Vec<String>; 5] {
    let address = address.to_string();
    [
        vec!["talk", &address, "Cargo.toml"],
        vec!["load", &address, "-c", "1", "-n", "1"],
        vec!["load", &address, "-c", "1", "-n", "1", "--json"],
        vec!["check", &address, "--case", "one-line"],
        vec!["check", "--list"],
    ]
    .map(|arguments| arguments.into_iter().map(String::from).collect())
}

fn with_outputs(arguments: &[String], stdout: Stdio, stderr: Stdio) -> io::Result<Output> {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    client(&arguments).stdout(stdout).stderr(stderr).output()
}

#[test]
fn a_reader_that_has_gone_is_no_failure() -> io::Result<()> {
    let address = serve(echo)?;
    for arguments in printing(&address) {
        let (reader, writer) = io::pipe()?;
        drop(reader);
        let output = with_outputs(&arguments, writer.into(), Stdio::piped())?;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
    }
    Ok(())
}

/// The input doesn't end, but the client does.
#[test]
fn talk_ends_when_nobody_reads_although_its_input_does_not_end() -> io::Result<()> {
    let address = serve(echo)?.to_string();
    let mut child = client(&["talk", &address, "-"])
        .stdin(Stdio::piped())
        .spawn()?;
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("it is piped");
    let lines = b"hello\n".repeat(10_000);
    let fed = (0..5_000).try_for_each(|_| stdin.write_all(&lines));
    assert!(fed.is_err());
    let output = child.wait_with_output()?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

#[test]
fn a_full_disk_is_a_failure_with_a_message() -> io::Result<()> {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return Ok(());
    }
    let full = OpenOptions::new().write(true).open(full)?;
    let address = serve(echo)?;
    for arguments in printing(&address) {
        let output = with_outputs(&arguments, full.try_clone()?.into(), Stdio::piped())?;
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        assert!(error.contains("cannot write to standard output"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        // The error can't be reported, but nothing else is wrong.
        let output = with_outputs(&arguments, Stdio::piped(), full.try_clone()?.into())?;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let both = full.try_clone()?;
        let output = with_outputs(&arguments, full.try_clone()?.into(), both.into())?;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
    Ok(())
}

/// The shell closes them, or removes other things that a program expects.
#[test]
fn missing_descriptors_cause_no_panic() -> io::Result<()> {
    let address = serve(echo)?;
    for arguments in printing(&address) {
        for missing in [
            "exec <&-",
            "exec >&-",
            "exec 2>&-",
            "exec <&- >&- 2>&-",
            "exec </",
            "unset HOME PATH TERM LANG; LC_ALL=tlh_QO; export LC_ALL",
        ] {
            let script = format!("{missing}; exec \"$0\" \"$@\"");
            let program = env!("CARGO_BIN_EXE_echo-client");
            let output = Command::new("sh")
                .args(["-c", &script, program])
                .args(&arguments)
                .output()?;
            assert!(
                output.status.success(),
                "{missing} {arguments:?}: {output:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn few_descriptors_are_an_error_with_a_message() -> io::Result<()> {
    let address = serve(echo)?;
    for arguments in printing(&address) {
        for limit in 3..14 {
            let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
            let program = env!("CARGO_BIN_EXE_echo-client");
            let output = Command::new("sh")
                .args(["-c", &script, program])
                .args(&arguments)
                .output()?;
            let error = text(&output.stderr);
            // The loader needs a descriptor before the program starts: status 127.
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1 | 127)), "{limit}: {output:?}");
            assert!(!error.contains("panicked"), "{limit}: {error}");
        }
    }
    Ok(())
}

/// What the client shows on a terminal of this type and width.
fn on_a_terminal(arguments: &[String], kind: &str, columns: u16) -> io::Result<String> {
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let OpenptyResult { master, slave } = openpty(&size, None)?;
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut client = client(&arguments);
    client.env("TERM", kind).env_remove("NO_COLOR");
    client.stdout(slave.try_clone()?).stderr(slave);
    let mut child = client.spawn()?;
    // It keeps the terminal open, too.
    drop(client);
    let mut shown = Vec::new();
    // On Linux, reading fails once no process has the terminal open any more.
    let _ = File::from(master).read_to_end(&mut shown);
    assert!(child.wait()?.success(), "{}", text(&shown));
    Ok(text(&shown))
}

#[test]
fn only_a_terminal_that_can_show_it_gets_colours_and_progress() -> io::Result<()> {
    let address = serve(echo)?.to_string();
    for arguments in [
        ["talk", &address, "Cargo.toml"],
        ["load", &address, "--duration=0.3"],
        ["check", &address, "--case=one-line"],
    ] {
        let arguments = arguments.map(String::from);
        for (kind, columns) in [("dumb", 80), ("", 80), ("xterm", 0)] {
            let shown = on_a_terminal(&arguments, kind, columns)?;
            let is_plain = !shown.replace("\r\n", "\n").contains(['\x1b', '\r']);
            assert!(is_plain, "{kind:?}, {columns} columns: {shown:?}");
        }
        let shown = on_a_terminal(&arguments, "xterm", 80)?;
        assert!(shown.contains('\x1b'), "{shown:?}");
    }
    Ok(())
}
