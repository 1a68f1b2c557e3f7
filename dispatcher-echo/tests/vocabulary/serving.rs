//! The whole server, in this process on a thread of its own, on good days and on bad ones.

use std::io;
use std::time::Instant;

use common::program::{Serving, converse, fill};
use common::{Settings, sys};
use dispatcher_echo::serve;

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
fn every_byte_comes_back_on_a_bad_day() -> io::Result<()> {
    for seed in 1..=12 {
        let settings = Settings {
            recv_size: 4096,
            high_water: 10_000,
            ..Settings::default()
        };
        on_a_bad_day(&format!("{seed}"), settings, 100_000)?;
    }
    Ok(())
}

#[test]
fn every_byte_comes_back_on_the_worst_of_days() -> io::Result<()> {
    for seed in 1..=4 {
        let settings = Settings {
            recv_size: 16,
            high_water: 1,
            ..Settings::default()
        };
        let faults = format!("{seed}:short=95,eintr=60,spurious=60,aborted=60");
        on_a_bad_day(&faults, settings, 5_000)?;
    }
    Ok(())
}

fn on_a_bad_day(faults: &str, settings: Settings, count: usize) -> io::Result<()> {
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
fn who_does_not_read_is_not_read_and_delays_nobody() -> io::Result<()> {
    let server = Serving::start(Settings::default(), serve)?;
    let mut slow = server.connect()?;
    let sent = fill(&slow)?;
    let mut other = server.connect()?;
    assert_eq!(other.echo(b"ping")?, b"ping");
    // And when it reads at last, it has lost nothing, although it half-closed with all that
    // pending.
    slow.finish()?;
    assert!(slow.receive_to_end()? == sent, "the bytes differ");
    server.stop().map(drop)
}

#[test]
fn a_stop_delivers_what_is_owed_and_cuts_off_who_stays() -> io::Result<()> {
    let grace = Settings::default().grace;
    let server = Serving::start(Settings::default(), serve)?;
    let mut idle = server.connect()?;
    assert_eq!(idle.echo(b"ping")?, b"ping");
    let mut owed = server.connect()?;
    let sent = fill(&owed)?;
    let never_reads = server.connect()?;
    fill(&never_reads)?;

    let begun = Instant::now();
    server.ask_to_stop()?;
    assert_eq!(idle.receive_to_end()?, b"");
    assert!(begun.elapsed() < grace);
    // What the server has read is a beginning of what was sent, and it ends in good order although
    // input is unread.
    let received = owed.receive_to_end()?;
    assert!(received.len() >= 64 * 1024 && sent.starts_with(&received));
    server.ended()?;
    assert!(begun.elapsed() >= grace);
    Ok(())
}
