//! Tests that the options of all four servers don't disturb their service.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::args::{MOST_CONNECTIONS, MOST_PENDING, MOST_RECV_SIZE};
use common::client::program::Program;
use common::client::server_process::{ProcessGroup, announced};
use common::client::{EchoClient, TIME_LIMIT, numbered_lines};

/// Expects every option of `server` that takes a number, as `--help` lists them, to refuse numbers
/// that are out of bounds: with exit status 2, a message that names the option, and before the
/// server listens. The greatest numbers that are allowed must work.
pub fn absurd_numbers_are_refused(server: &dyn Fn() -> Command) -> io::Result<()> {
    let help = output_of(server().arg("--help"))?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let mut found = 0;
    for (option, unit) in help.lines().filter_map(option_and_unit) {
        let absurd = absurd(unit);
        found += usize::from(!absurd.is_empty());
        for value in absurd {
            let argument = format!("{option}={value}");
            let output = output_of(server().args(["--port=0", &argument]))
                .map_err(|error| io::Error::new(error.kind(), format!("{argument}: {error}")))?;
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{argument}: {errors}");
            assert!(errors.contains(option), "{argument}: {errors}");
            assert_eq!(output.stdout, b"", "{argument}");
        }
    }
    assert!(found >= 7, "{found} numbers in {help}");
    let greatest = [
        format!("--max-connections={MOST_CONNECTIONS}"),
        format!("--recv-size={MOST_RECV_SIZE}"),
        format!("--high-water={MOST_PENDING}"),
        "--backlog=65535".into(),
        "--idle-timeout=1e9".into(),
        "--shutdown-timeout=1e9".into(),
    ];
    let program = Program::start(quiet(server).args(greatest))?;
    let answer = EchoClient::connect(program.address())?.echo(b"hello\n")?;
    assert_eq!(answer, b"hello\n");
    let (status, _) = program.stop()?;
    assert!(status.success(), "{status}");
    Ok(())
}

/// The option and the unit in a line of the help such as `--recv-size <BYTES>`.
fn option_and_unit(line: &str) -> Option<(&str, &str)> {
    let (option, unit) = line.trim().strip_suffix('>')?.split_once(" <")?;
    option.starts_with("--").then_some((option, unit))
}

/// Numbers of this unit that make no sense for a server.
fn absurd(unit: &str) -> &'static [&'static str] {
    match unit {
        "BYTES" | "CONNECTIONS" => &[
            "0",
            "-1",
            "1.5",
            "1e9",
            "18446744073709551615",
            "18446744073709551616",
            "",
        ],
        "SECONDS" => &["-1", "1e10", "18446744073709551615", "nan", "inf", ""],
        "WORKERS" => &["0", "-1", "1.5", "1025", "18446744073709551616", "two", ""],
        "PORT" => &["-1", "1e3", "65536", "18446744073709551616", ""],
        _ => &[],
    }
}

/// Expects `server` to serve 500 clients and to stop while its trace is not read.
pub fn stalled_trace_stops_nothing(server: &dyn Fn() -> Command) -> io::Result<()> {
    let (_unread, trace) = io::pipe()?;
    let mut command = quiet(server);
    let program = Program::start(command.args(["--trace", "/dev/stderr"]).stderr(trace))?;
    for _ in 0..500 {
        let mut client = EchoClient::connect(program.address())?;
        assert_eq!(client.echo(b"hello\n")?, b"hello\n");
        client.reset()?;
    }
    // It waits for its disk for a while, and reports that the trace is incomplete.
    let (status, _) = program.stop_within(2 * TIME_LIMIT)?;
    assert!(status.code().is_some_and(|code| code <= 1), "{status}");
    Ok(())
}

/// Expects `server` to exit with status 0 in time although its counters are not read, and standard
/// output is full.
pub fn stalled_counters_stop_nothing(server: &dyn Fn() -> Command) -> io::Result<()> {
    let (here, there) = UnixStream::pair()?;
    here.set_read_timeout(Some(TIME_LIMIT))?;
    let stdout = OwnedFd::from(there.try_clone()?);
    let mut command = quiet(server);
    let mut group = ProcessGroup::start(command.arg("--counters").stdout(stdout))?;
    let mut line = String::new();
    BufReader::new(&here).read_line(&mut line)?;
    let address = announced(&line).ok_or(ErrorKind::InvalidData)?;
    assert_eq!(EchoClient::connect(address)?.echo(b"hello\n")?, b"hello\n");
    fill(&there)?;
    group.ask_to_stop()?;
    let status = group.wait_within(TIME_LIMIT)?;
    assert!(status.success(), "{status}");
    Ok(())
}

/// Writes until not one byte more fits. The other end of the descriptor writes nothing meanwhile: it
/// would see that the socket doesn't block.
fn fill(mut socket: &UnixStream) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    for size in [4096, 1] {
        while socket.write(&vec![b'x'; size]).is_ok() {}
    }
    socket.set_nonblocking(false)
}

/// Expects `server` to back off from an accept(2) that fails again and again with an error that
/// belongs to no connection (EACCES, from a security policy): few calls, at most one warning per
/// second, and service when the error is over.
pub fn failing_accepts_are_retried_calmly(server: &dyn Fn() -> Command) -> io::Result<()> {
    let (trace, log) = (Scratch::new("trace"), Scratch::new("log"));
    let mut command = server();
    command
        .args(["--port", "0", "--faults", "1:eacces=99", "--trace"])
        .arg(&trace.0)
        .stderr(fs::File::create(&log.0)?);
    let begun = Instant::now();
    let program = Program::start(&mut command)?;
    let mut client = EchoClient::connect(program.address())?;
    client.set_time_limit(Duration::from_secs(2))?;
    client.send(b"hello\n")?;
    assert!(
        client.receive(6).is_err(),
        "accept was called again and again"
    );
    let (status, _) = program.stop()?;
    assert!(status.success(), "{status}");
    let calls = fs::read_to_string(&trace.0)?.lines().count();
    assert!((1..=100).contains(&calls), "{calls} calls in 2 s");
    let log = fs::read_to_string(&log.0)?;
    let warnings = log.lines().filter(|line| line.contains("WARN")).count();
    // One per second, and the first at once.
    let most = 1 + begun.elapsed().as_secs() as usize;
    assert!((1..=most).contains(&warnings), "{warnings} warnings: {log}");

    let program = Program::start(quiet(server).args(["--faults", "2:eacces=70"]))?;
    let mut client = EchoClient::connect(program.address())?;
    client.set_time_limit(Duration::from_secs(30))?;
    assert_eq!(client.echo(b"hello\n")?, b"hello\n");
    let (status, _) = program.stop()?;
    assert!(status.success(), "{status}");
    Ok(())
}

/// Expects `server` to log why it closes a connection at the end of the shutdown timeout: the
/// client never reads, so the server has output pending that it can't send.
pub fn unfinished_connections_are_logged(server: &dyn Fn() -> Command) -> io::Result<()> {
    let log = Scratch::new("unfinished.log");
    let mut command = server();
    command.args(["--port", "0", "--shutdown-timeout", "0.2"]);
    let program = Program::start(command.stderr(fs::File::create(&log.0)?))?;
    let client = EchoClient::connect(program.address())?;
    numbered_lines::fill(&client)?;
    let (status, _) = program.stop()?;
    assert!(status.success(), "{status}");
    let log = fs::read_to_string(&log.0)?;
    let ended = log.lines().filter(|line| line.contains("disconnected"));
    let ended: Vec<_> = ended.collect();
    assert_eq!(ended.len(), 1, "{log}");
    assert!(
        ended[0].contains("not finished within the shutdown timeout"),
        "{log}"
    );
    Ok(())
}

/// Expects `server`, with `--proxy-protocol`, to log the address of the client that a header contains,
/// to answer only what comes after the header, and to reset a connection that begins otherwise.
pub fn proxy_headers_name_the_client(server: &dyn Fn() -> Command) -> io::Result<()> {
    let log = Scratch::new("proxy.log");
    let mut command = server();
    command.args(["--port", "0", "--proxy-protocol"]);
    let program = Program::start(command.stderr(fs::File::create(&log.0)?))?;
    let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
    let binary =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x08\xc6\x33\x64\x01\xdc\x04\x01\xbb";
    let health_check = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for header in [&line[..], binary, health_check] {
        let mut proxy = EchoClient::connect(program.address())?;
        let (first, rest) = header.split_at(14);
        proxy.send(first)?;
        proxy.send(&[rest, b"hello\n"].concat())?;
        assert_eq!(proxy.receive(6)?, b"hello\n");
        assert_eq!(proxy.echo(b"again\n")?, b"again\n");
        proxy.finish()?;
        assert_eq!(proxy.receive_to_end()?, b"");
    }
    let mut client = EchoClient::connect(program.address())?;
    client.send(b"hello\n")?;
    let end = client.receive_to_end().expect_err("it is reset");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    let (status, _) = program.stop()?;
    assert!(status.success(), "{status}");
    let log = fs::read_to_string(&log.0)?;
    let ended = log.lines().filter(|line| line.contains("disconnected"));
    let ended: Vec<_> = ended.collect();
    let expected = [
        "peer=192.0.2.7:56324",
        "peer=192.0.2.8:56324",
        "peer=127.0.0.1",
        "bad PROXY header",
    ];
    assert_eq!(ended.len(), expected.len(), "{log}");
    for (line, expected) in ended.iter().zip(expected) {
        assert!(line.contains(expected), "{expected} isn't in {line}");
    }
    Ok(())
}

/// The server on a free port, without a log.
fn quiet(server: &dyn Fn() -> Command) -> Command {
    let mut command = server();
    command.args(["--port", "0", "-qqq"]).stdin(Stdio::null());
    command
}

/// Runs a command that should end by itself.
fn output_of(command: &mut Command) -> io::Result<Output> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut group = ProcessGroup::start(command)?;
    let status = group.wait_within(TIME_LIMIT)?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    if let (Some(mut printed), Some(mut errors)) = (group.take_stdout(), group.take_stderr()) {
        printed.read_to_end(&mut stdout)?;
        errors.read_to_end(&mut stderr)?;
    }
    Ok(Output {
        status,
        stdout,
        stderr,
    })
}

/// A file that is removed when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}.{name}", process::id());
        Scratch(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Fails if the file was never written.
        let _ = fs::remove_file(&self.0);
    }
}
