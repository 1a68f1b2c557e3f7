//! `run_loop`, `poll`, `expire`, `open_file`, `reconsider`.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use common::{net, sys};

use crate::probe::{Call, CallLog, LIMIT, Probe, assert_quiet, behave, new_map, pair, poll_until};

#[test]
fn an_empty_map_waits_for_nothing() -> io::Result<()> {
    let mut map = new_map()?;
    let before = sys::counters();
    map.poll(None)?;
    map.run_loop(None, None)?;
    assert_eq!(sys::counters(), before);
    Ok(())
}

#[test]
fn the_loop_ends_when_all_channels_are_closed() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let mut clients = Vec::new();
    for name in ["one", "two"] {
        let (socket, client) = pair()?;
        map.open(socket, Probe::new(name, &log))?;
        clients.push(client);
    }
    clients.clear();
    map.run_loop(Some(LIMIT), None)?;
    assert!(map.is_empty());
    assert_eq!(
        log.count("one", Call::Close) + log.count("two", Call::Close),
        2
    );
    Ok(())
}

#[test]
fn run_loop_runs_count_iterations() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, _client) = pair()?;
    map.open(socket, Probe::new("a", &log))?;
    let (before, begun) = (sys::counters(), Instant::now());
    map.run_loop(Some(Duration::from_millis(10)), Some(3))?;
    assert_eq!(sys::counters().waits - before.waits, 3);
    assert!(begun.elapsed() >= Duration::from_millis(30));
    assert!(!map.is_empty());
    Ok(())
}

#[test]
fn a_hundred_idle_channels_cause_no_wakeups() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let mut clients = Vec::new();
    for _ in 0..100 {
        let (socket, mut client) = pair()?;
        map.open(socket, Probe::new("a", &log))?;
        client.send(b"x")?;
        clients.push(client);
    }
    map.open_listener(
        net::listen("127.0.0.1", 0, 1)?,
        Probe::new("listener", &log),
    )?;
    poll_until(&mut map, || log.of("a").len() == 100)?;
    assert_quiet(&mut map)
}

#[test]
fn only_the_silent_expire() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, _silent) = pair()?;
    map.open(socket, Probe::new("silent", &log))?;
    let (socket, mut busy) = pair()?;
    map.open(socket, Probe::new("busy", &log))?;
    map.open_listener(
        net::listen("127.0.0.1", 0, 1)?,
        Probe::new("listener", &log),
    )?;
    let idle_timeout = Duration::from_millis(100);
    let opened = Instant::now();
    let due = map.expire(idle_timeout);
    assert!(due.is_some_and(|due| due <= opened + idle_timeout));
    assert_eq!(log.all(), []);
    while opened.elapsed() < idle_timeout {
        busy.send(b"x")?;
        map.poll(Some(Duration::from_millis(10)))?;
    }
    busy.send(b"x")?;
    map.poll(Some(LIMIT))?;
    map.poll(Some(Duration::ZERO))?; // After this call, the loop has seen all that came in time.
    let due = map.expire(idle_timeout);
    assert!(due.is_some_and(|due| due > Instant::now()), "{due:?}");
    assert_eq!(log.of("silent"), [Call::Error(ErrorKind::TimedOut)]);
    assert!(log.of("busy").iter().all(|call| *call == Call::Read));
    assert_eq!(log.of("listener"), []);
    Ok(())
}

/// The process was suspended, or the machine busy: the deadline is over when the loop checks it,
/// but the bytes came in time.
#[test]
fn a_late_loop_reads_before_a_deadline_counts() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    map.open(socket, Probe::new("a", &log))?;
    let idle_timeout = Duration::from_millis(100);
    client.send(b"x")?;
    thread::sleep(2 * idle_timeout); // The loop is late.
    map.expire(idle_timeout);
    map.poll(Some(LIMIT))?;
    map.expire(idle_timeout);
    assert_eq!(log.of("a"), [Call::Read]);
    // From now on it is silent.
    thread::sleep(2 * idle_timeout);
    map.poll(Some(Duration::ZERO))?;
    map.expire(idle_timeout);
    assert_eq!(log.of("a"), [Call::Read], "this wait began too early");
    map.poll(Some(Duration::ZERO))?;
    map.expire(idle_timeout);
    let expected = [Call::Read, Call::Error(ErrorKind::TimedOut)];
    assert_eq!(log.of("a"), expected);
    Ok(())
}

#[test]
fn an_interrupted_wait_has_seen_nothing() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    map.open(socket, Probe::new("a", &log))?;
    let idle_timeout = Duration::from_millis(20);
    client.send(b"x")?;
    thread::sleep(2 * idle_timeout); // The loop is late,
    sys::inject("1:eintr=99".parse().map_err(io::Error::other)?);
    let (before, begun) = (sys::counters().wakeups, Instant::now());
    while sys::counters().wakeups == before {
        // and signals keep arriving.
        assert!(begun.elapsed() < LIMIT, "the loop hangs");
        map.expire(idle_timeout);
        map.poll(Some(Duration::ZERO))?;
    }
    sys::inject("1:eintr=0".parse().map_err(io::Error::other)?);
    map.poll(Some(Duration::ZERO))?;
    assert!(log.of("a").iter().all(|call| *call == Call::Read));
    assert!(!log.all().is_empty());
    Ok(())
}

#[test]
fn anything_with_a_descriptor_can_be_waited_for() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (mut here, there) = UnixStream::pair()?;
    there.set_nonblocking(true)?;
    let (mut reading, read) = (there.try_clone()?, Rc::new(Cell::new(0)));
    let total = Rc::clone(&read);
    let probe = Probe::new("file", &log).doing(move |_, channel| {
        assert!(!channel.is_listener());
        loop {
            // Until it would block, which ends the handler.
            match reading.read(&mut [0; 2])? {
                0 => break,
                count => total.set(total.get() + count),
            }
        }
        channel.close();
        Ok(())
    });
    map.open_file(OwnedFd::from(there), probe)?;
    assert_quiet(&mut map)?;
    for sent in [5, 10] {
        here.write_all(b"hello")?;
        poll_until(&mut map, || read.get() == sent)?;
        assert_quiet(&mut map)?;
    }
    drop(here);
    map.run_loop(Some(LIMIT), Some(2))?;
    assert!(map.is_empty());
    Ok(())
}

#[test]
fn reconsider_calls_readable_and_writable_again() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut hearer) = pair()?;
    let hears = Probe::new("hearer", &log);
    let interest = hears.interest();
    let done = Rc::clone(&interest);
    let hears = hears.doing(move |call, channel| match call {
        Call::Write => {
            done.writable.set(false);
            channel.send(b"news").map(drop)
        }
        call => behave(call, channel),
    });
    let key = map.open(socket, hears)?;
    let (socket, mut speaker) = pair()?;
    let speaks = Probe::new("speaker", &log).doing(move |call, channel| {
        interest.writable.set(true);
        channel.reconsider(key);
        behave(call, channel)
    });
    map.open(socket, speaks)?;
    for _ in 0..2 {
        speaker.send(b"x")?;
        map.run_loop(Some(LIMIT), Some(2))?;
        assert_eq!(hearer.receive(4)?, b"news");
        assert_quiet(&mut map)?;
    }
    let expected = [("speaker", Call::Read), ("hearer", Call::Write)].repeat(2);
    assert_eq!(log.all(), expected);
    Ok(())
}
