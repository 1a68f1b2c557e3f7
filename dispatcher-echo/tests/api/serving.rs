//! The whole server on a thread of this process, with and without faults.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::client::EchoClient;
use common::client::program::{Program, Serving};
use common::{Settings, net, sys};
use dispatcher_echo::serve;

use crate::shared::{only_idle_clients_are_closed, stop_tries_to_accept_again};
use crate::stream::{converse, deaf_client_delays_nobody, stop_flushes_pending_output};

#[test]
fn every_byte_comes_back() -> io::Result<()> {
    let server = Serving::start(Settings::default(), serve)?;
    converse(server.connect()?, 4 * 1024 * 1024)?;
    let counters = server.stop()?;
    // The connection and the listener are closed.
    assert_eq!((counters.accepts, counters.closes), (1, 2));
    assert_eq!(counters.bytes_read, counters.bytes_written);
    Ok(())
}

#[test]
fn every_byte_comes_back_with_faults() -> io::Result<()> {
    for seed in 1..=12 {
        let settings = Settings {
            recv_size: 4096,
            high_water: 10_000,
            ..Settings::default()
        };
        with_faults(&format!("{seed}"), settings, 100_000)?;
    }
    Ok(())
}

#[test]
fn every_byte_comes_back_with_very_many_faults() -> io::Result<()> {
    for seed in 1..=4 {
        let settings = Settings {
            recv_size: 16,
            high_water: 1,
            ..Settings::default()
        };
        let faults = format!("{seed}:short=95,eintr=60,spurious=60,aborted=60");
        with_faults(&faults, settings, 5_000)?;
    }
    Ok(())
}

fn with_faults(faults: &str, settings: Settings, count: usize) -> io::Result<()> {
    let day = faults.parse().map_err(io::Error::other)?;
    let server = Serving::start(settings, move |listener, settings, stop| {
        sys::inject(day);
        serve(listener, settings, stop)
    })?;
    converse(server.connect()?, count)
        .map_err(|error| io::Error::other(format!("faults {faults}: {error}")))?;
    server.stop().map(drop)
}

#[test]
fn a_client_that_does_not_read_is_not_read_and_delays_nobody() -> io::Result<()> {
    deaf_client_delays_nobody(Serving::start(Settings::default(), serve)?)
}

#[test]
fn stop_flushes_pending_output_and_closes_the_rest_at_the_shutdown_timeout() -> io::Result<()> {
    let settings = Settings::default();
    let shutdown_timeout = settings.shutdown_timeout;
    stop_flushes_pending_output(Serving::start(settings, serve)?, shutdown_timeout)
}

#[test]
fn clients_that_wait_when_the_server_stops_are_not_reset() -> io::Result<()> {
    let settings = Settings {
        max_connections: 2,
        ..Settings::default()
    };
    let server = Serving::start(settings, serve)?;
    let mut served = [server.connect()?, server.connect()?];
    for client in &mut served {
        assert_eq!(client.echo(b"ping")?, b"ping");
    }
    let mut waiting = [server.connect()?, server.connect()?];
    waiting[0].send(b"a request")?;
    server.ask_to_stop()?;
    for mut client in served.into_iter().chain(waiting) {
        assert_eq!(client.receive_to_end()?, b"");
    }
    assert_eq!(server.ended()?.accepts, 4);
    Ok(())
}

#[test]
fn clients_in_the_backlog_at_a_stop_are_closed_with_a_fin() -> io::Result<()> {
    let (go, wait) = mpsc::channel::<()>();
    let server = Serving::start(Settings::default(), move |listener, settings, stop| {
        // Start to serve after all clients have connected and the stop is raised.
        wait.recv().map_err(io::Error::other)?;
        serve(listener, settings, stop)
    })?;
    let mut clients = Vec::new();
    for _ in 0..net::ACCEPTS_PER_ITERATION + 10 {
        let mut client = server.connect()?;
        client.send(b"is anybody there?")?;
        clients.push(client);
    }
    server.ask_to_stop()?;
    go.send(()).map_err(io::Error::other)?;
    for client in &mut clients {
        client.receive_to_end()?; // Fails after a reset.
    }
    drop(clients);
    server.ended().map(drop)
}

#[test]
fn a_stop_tries_to_accept_again() -> io::Result<()> {
    stop_tries_to_accept_again(serve)
}

#[test]
fn only_the_idle_are_closed() -> io::Result<()> {
    only_idle_clients_are_closed(b"ping", |settings| Serving::start(settings, serve))
}

#[test]
fn without_a_connection_no_timer_wakes_the_loop() -> io::Result<()> {
    let settings = Settings {
        idle_timeout: Some(Duration::from_millis(10)),
        ..Settings::default()
    };
    let server = Serving::start(settings.clone(), serve)?;
    thread::sleep(Duration::from_millis(100)); // It has nothing to do in this time.
    assert_eq!(server.stop()?.waits, 1);

    // It doesn't wake up after the last connection has closed either.
    let server = Serving::start(settings, serve)?;
    let mut idle = server.connect()?;
    assert_eq!(idle.receive_to_end()?, b"", "closed by the timeout");
    thread::sleep(Duration::from_millis(200));
    let waits = server.stop()?.waits;
    assert!(waits < 12, "{waits} waits");
    Ok(())
}

#[test]
fn accepts_that_all_fail_back_off() -> io::Result<()> {
    let faults = "3:aborted=99".parse().map_err(io::Error::other)?;
    let server = Serving::start(Settings::default(), move |listener, settings, stop| {
        sys::inject(faults);
        serve(listener, settings, stop)
    })?;
    let _waits = server.connect()?;
    thread::sleep(Duration::from_millis(100)); // Less than the back-off.
    let counters = server.stop()?;
    assert!(counters.waits < 10, "{} waits", counters.waits);
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_dispatcher-echo"));
    command.args(["--port", "0"]).stderr(File::create(&log)?);
    let server = Program::start(&mut command)?;
    let mut client = EchoClient::connect(server.address())?;
    assert_eq!(client.echo(b"ping")?, b"ping");
    client.reset()?;
    // The server accepts this client after it has seen the reset.
    assert_eq!(EchoClient::connect(server.address())?.echo(b"x")?, b"x");
    assert!(server.stop()?.0.success());
    let log = read_and_remove(&log)?;
    assert!(log.contains("why=Connection reset by peer"), "{log}");
    Ok(())
}
