//! The echo server: what a line is, what its limits are, and that nothing of it is lost, with and
//! without faults.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use common::client::program::{Program, Serving};
use common::client::{EchoClient, TIME_LIMIT};
use common::{Settings, sys};

use crate::shared::{only_idle_clients_are_closed, stop_tries_to_accept_again};

fn echo(settings: Settings, max_line: usize) -> io::Result<Serving> {
    Serving::start(settings, move |listener, settings, stop| {
        chat_echo::serve(listener, settings, max_line, stop)
    })
}

#[test]
fn a_line_is_what_ends_with_a_newline() -> io::Result<()> {
    let server = echo(Settings::default(), 100)?;
    let mut client = server.connect()?;
    for lines in [&b"\n"[..], b"\n\n\n", b"a\r\n", b"\r\r\n", b"\0\xff\n\r\n"] {
        assert_eq!(client.echo(lines)?, lines);
    }
    client.send(b"one")?;
    client.send(b" line\nno line")?;
    client.finish()?;
    assert_eq!(client.receive_to_end()?, b"one line\n");
    Ok(())
}

#[test]
fn a_line_may_be_as_long_as_the_limit() -> io::Result<()> {
    let server = echo(Settings::default(), 10)?;
    let mut client = server.connect()?;
    for _ in 0..3 {
        assert_eq!(client.echo(b"0123456789\n")?, b"0123456789\n");
    }
    client.send(b"01234")?;
    client.send(b"56789")?;
    assert_eq!(client.echo(b"\n")?.len(), 1);
    assert_eq!(client.receive(10)?, b"123456789\n");
    Ok(())
}

#[test]
fn a_line_beyond_the_limit_ends_its_connection_after_the_lines_before() -> io::Result<()> {
    let server = echo(Settings::default(), 10)?;
    let mut other = server.connect()?;
    let endless = vec![b'x'; 200_000];
    for too_long in [b"0123456789x\nlast\n", &endless[..]] {
        let mut client = server.connect()?;
        client.send(&[b"one\ntwo\n", too_long].concat())?;
        // The end of the stream, not a reset.
        assert_eq!(client.receive_to_end()?, b"one\ntwo\n");
        assert_eq!(other.echo(b"0123456789\n")?, b"0123456789\n");
    }
    Ok(())
}

#[test]
fn a_connection_counts_until_its_descriptor_is_closed() -> io::Result<()> {
    let settings = Settings {
        max_connections: 1,
        shutdown_timeout: TIME_LIMIT,
        ..Settings::default()
    };
    let server = echo(settings, 8)?;
    let (mut drains, mut waits) = (server.connect()?, server.connect()?);
    drains.send(b"123456789\n")?;
    assert_eq!(drains.receive_to_end()?, b"");
    waits.send(b"ping\n")?;
    waits.set_time_limit(Duration::from_millis(100))?;
    let served = waits.receive(5).map_err(|error| error.kind());
    assert_eq!(served, Err(ErrorKind::TimedOut), "two are served at once");
    drop(drains);
    waits.set_time_limit(TIME_LIMIT)?;
    assert_eq!(waits.receive(5)?, b"ping\n");
    Ok(())
}

/// A file for a log. The tests can run twice at the same time, so its name contains this process.
fn log_of(test: &str) -> PathBuf {
    let name = format!("{test}-{}.log", process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn read_and_remove(log: &Path) -> io::Result<String> {
    let text = fs::read_to_string(log)?;
    fs::remove_file(log)?;
    Ok(text)
}

#[test]
fn the_log_says_why_a_connection_was_lost() -> io::Result<()> {
    let log = log_of("why-lost");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-echo"));
    command.args(["--port", "0"]).stderr(File::create(&log)?);
    let server = Program::start(&mut command)?;
    let mut client = EchoClient::connect(server.address())?;
    assert_eq!(client.echo(b"ping\n")?, b"ping\n");
    client.reset()?;
    // The server accepts this client after it has seen the reset.
    assert_eq!(EchoClient::connect(server.address())?.echo(b"\n")?, b"\n");
    assert!(server.stop()?.0.success());
    let log = read_and_remove(&log)?;
    assert!(log.contains("why=Connection reset by peer"), "{log}");
    Ok(())
}

#[test]
fn the_log_says_that_a_line_was_too_long() -> io::Result<()> {
    let log = log_of("too-long");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-echo"));
    command.args(["--port", "0", "--max-line", "8"]);
    let server = Program::start(command.stderr(File::create(&log)?))?;
    let mut client = EchoClient::connect(server.address())?;
    client.send(b"short\nmuch too long\n")?;
    assert_eq!(client.receive_to_end()?, b"short\n");
    drop(client);
    assert!(server.stop()?.0.success());
    let log = read_and_remove(&log)?;
    let ended: Vec<_> = log
        .lines()
        .filter(|line| line.contains("disconnected"))
        .collect();
    assert_eq!(ended.len(), 1, "{log}");
    assert!(ended[0].contains("why=the line is too long"), "{log}");
    Ok(())
}

#[test]
fn the_idle_are_closed_and_the_busy_are_not() -> io::Result<()> {
    only_idle_clients_are_closed(b"busy\n", |settings| echo(settings, 100))
}

#[test]
fn a_stop_tries_to_accept_again() -> io::Result<()> {
    stop_tries_to_accept_again(|listener, settings, stop| {
        chat_echo::serve(listener, settings, 100, stop)
    })
}

#[test]
fn stop_flushes_pending_output() -> io::Result<()> {
    let length = 16 * 1024 * 1024;
    let settings = Settings {
        shutdown_timeout: TIME_LIMIT,
        ..Settings::default()
    };
    let server = echo(settings, length)?;
    let mut client = server.connect()?;
    client.send(&vec![b'x'; length])?;
    client.send(b"\n")?;
    // The server has begun to answer, so it has read the whole line and has to send all of it.
    client.receive(1)?;
    server.ask_to_stop()?;
    let rest = client.receive_to_end()?;
    assert_eq!((rest.len(), rest.last()), (length, Some(&b'\n')));
    drop(client);
    server.ended()?;
    Ok(())
}

#[test]
fn lines_come_back_with_faults() -> io::Result<()> {
    for seed in 0..12 {
        let faults: sys::Faults = format!("{seed}").parse().map_err(io::Error::other)?;
        let server = Serving::start(Settings::default(), move |listener, settings, stop| {
            sys::inject(faults);
            chat_echo::serve(listener, settings, 2000, stop)
        })?;
        let lines: Vec<Vec<u8>> = (0..60).map(|n| line(n * 37 % 2000, seed)).collect();
        let (mut one_by_one, mut at_once) = (server.connect()?, server.connect()?);
        at_once.send(&lines.concat())?;
        at_once.send(b"no line")?;
        at_once.finish()?;
        for line in &lines {
            assert_eq!(&one_by_one.echo(line)?, line, "seed {seed}");
        }
        assert!(at_once.receive_to_end()? == lines.concat(), "seed {seed}");
        server.ask_to_stop()?;
        assert_eq!(one_by_one.receive_to_end()?, b"", "seed {seed}");
        server.ended()?;
    }
    Ok(())
}

/// A line of this many letters. Neighbours differ.
fn line(length: usize, seed: usize) -> Vec<u8> {
    let letters = (0..length).map(|n| b'a' + ((n + seed) % 26) as u8);
    letters.chain([b'\n']).collect()
}
