//! Tests the server in this process, on a thread of its own.

#[path = "../../common/tests/shared/serving.rs"]
mod serving;
#[path = "../../common/tests/shared/stream.rs"]
mod stream;

use std::io;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::client::TIME_LIMIT;
use common::client::program::Serving;
use common::{SendPolicy, Settings, net, sys};
use select_echo::serve;
use serving::{only_idle_clients_are_closed, stop_tries_to_accept_again};
use stream::{converse, deaf_client_delays_nobody, stop_flushes_pending_output};

const BOTH: [SendPolicy; 2] = [SendPolicy::AtOnce, SendPolicy::Queued];

/// The timeout of [`Settings::default`].
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

#[test]
fn every_byte_comes_back_in_order_and_the_tail_after_half_close() -> io::Result<()> {
    for policy in BOTH {
        let server = start(policy, Settings::default())?;
        let mut client = server.connect()?;
        assert_eq!(client.echo(b"hello")?, b"hello");
        converse(client, 4 * 1024 * 1024)?;
        server.stop()?;
    }
    Ok(())
}

#[test]
fn every_byte_comes_back_with_faults() -> io::Result<()> {
    for policy in BOTH {
        for seed in 1..=8 {
            let faults = format!("{seed}:short=50,eintr=20,spurious=20,aborted=10");
            let settings = Settings {
                recv_size: 4096,
                ..Settings::default()
            };
            let faults = faults.parse().map_err(io::Error::other)?;
            // CONCEPT: testing
            let server = Serving::start(settings, move |listener, settings, stop| {
                sys::inject(faults);
                serve(listener, settings, policy, stop)
            })?;
            converse(server.connect()?, 100_000)?;
            server.stop()?;
        }
    }
    Ok(())
}

#[test]
fn a_client_that_does_not_read_is_not_read_and_delays_nobody() -> io::Result<()> {
    for policy in BOTH {
        deaf_client_delays_nobody(start(policy, Settings::default())?)?;
    }
    Ok(())
}

#[test]
fn stop_flushes_pending_output_and_closes_the_rest_at_the_shutdown_timeout() -> io::Result<()> {
    for policy in BOTH {
        stop_flushes_pending_output(start(policy, Settings::default())?, SHUTDOWN_TIMEOUT)?;
    }
    Ok(())
}

#[test]
fn a_server_with_nothing_to_do_stops_at_once() -> io::Result<()> {
    let server = start(SendPolicy::AtOnce, Settings::default())?;
    let mut client = server.connect()?;
    assert_eq!(client.echo(b"ping")?, b"ping");
    let begun = Instant::now();
    server.stop()?;
    assert!(begun.elapsed() < SHUTDOWN_TIMEOUT);
    assert_eq!(client.receive_to_end()?, b"");
    Ok(())
}

#[test]
fn only_the_idle_are_closed() -> io::Result<()> {
    expect_only_the_idle_to_be_closed("1:short=0")
}

#[test]
fn readiness_without_a_byte_is_no_activity() -> io::Result<()> {
    // The busy client makes the loop iterate, and the idle one looks ready each time.
    expect_only_the_idle_to_be_closed("1:spurious=90")
}

fn expect_only_the_idle_to_be_closed(faults: &str) -> io::Result<()> {
    only_idle_clients_are_closed(b"ping", |settings| {
        let faults = faults.parse().map_err(io::Error::other)?;
        Serving::start(settings, move |listener, settings, stop| {
            sys::inject(faults);
            serve(listener, settings, SendPolicy::AtOnce, stop)
        })
    })
}

#[test]
fn more_than_the_limit_wait_outside() -> io::Result<()> {
    let settings = Settings {
        max_connections: 1,
        ..Settings::default()
    };
    let server = start(SendPolicy::AtOnce, settings)?;
    let mut first = server.connect()?;
    assert_eq!(first.echo(b"first")?, b"first");
    let mut second = server.connect()?;
    second.set_time_limit(Duration::from_millis(100))?;
    second.send(b"second")?;
    let error = second.receive(6).expect_err("served beyond the limit");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    drop(first);
    second.set_time_limit(TIME_LIMIT)?;
    assert_eq!(second.receive(6)?, b"second");
    let waits = server.stop()?.waits;
    assert!(waits < 20, "the loop was spinning: {waits} waits");
    Ok(())
}

#[test]
fn clients_in_the_backlog_are_ended_in_good_order() -> io::Result<()> {
    let (go, wait) = mpsc::channel::<()>();
    let server = Serving::start(Settings::default(), move |listener, settings, stop| {
        // Start to serve after all clients have connected and the stop is raised.
        wait.recv().map_err(io::Error::other)?;
        serve(listener, settings, SendPolicy::AtOnce, stop)
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
    stop_tries_to_accept_again(|listener, settings, stop| {
        serve(listener, settings, SendPolicy::AtOnce, stop)
    })
}

#[test]
fn queued_answers_cost_one_more_iteration_and_silence_costs_none() -> io::Result<()> {
    let wakeups = |policy| -> io::Result<u64> {
        let server = start(policy, Settings::default())?;
        let mut client = server.connect()?;
        for _ in 0..10 {
            assert_eq!(client.echo(b"ping")?, b"ping");
        }
        let counters = server.stop()?;
        assert_eq!((counters.reads, counters.writes), (10, 10));
        Ok(counters.wakeups)
    };
    // One for the connection, one for each message, and one for the stop. The first two can happen
    // in one wake-up.
    let at_once = wakeups(SendPolicy::AtOnce)?;
    assert!((11..=12).contains(&at_once), "{at_once} wake-ups");
    let queued = wakeups(SendPolicy::Queued)?;
    assert!((21..=22).contains(&queued), "{queued} wake-ups");
    Ok(())
}

fn start(policy: SendPolicy, settings: Settings) -> io::Result<Serving> {
    Serving::start(settings, move |listener, settings, stop| {
        serve(listener, settings, policy, stop)
    })
}

/// The iteration in which the server sees the stop takes longer than a shutdown timeout of zero.
/// The server has to read once more all the same: unread input would turn the end into a
/// reset.
#[test]
fn a_deadline_that_is_over_at_once_comes_after_what_is_ready() -> io::Result<()> {
    let settings = Settings {
        recv_size: 64,
        shutdown_timeout: Duration::ZERO,
        ..Settings::default()
    };
    let (go, wait) = mpsc::channel::<()>();
    let server = Serving::start(settings, move |listener, settings, stop| {
        wait.recv().map_err(io::Error::other)?;
        serve(listener, settings, SendPolicy::AtOnce, stop)
    })?;
    let mut client = server.connect()?;
    client.send(&[b'x'; 100])?; // More than one read returns.
    server.ask_to_stop()?;
    go.send(()).map_err(io::Error::other)?;
    assert_eq!(client.receive_to_end()?, b"");
    server.ended()?;
    // A read doesn't show a reset that arrives after the end.
    let reset = client.socket().take_error()?;
    assert!(reset.is_none(), "{reset:?}");
    Ok(())
}
