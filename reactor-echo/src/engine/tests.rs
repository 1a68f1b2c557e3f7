//! Tests of every engine: with the reactor's memory of readiness, each reports levels.

use super::*;
use crate::Reactor;
use common::Settings;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

const LONG: Duration = Duration::from_secs(5);
const NOW: Duration = Duration::ZERO;

fn reactor_on(engine: AnyEngine) -> Reactor {
    Reactor::on(engine, Settings::default(), Vec::new())
}

/// Waits once, and returns how many entries are ready afterwards.
fn wait(reactor: &mut Reactor, timeout: Duration) -> io::Result<usize> {
    reactor.apply_requests();
    let call = reactor.call_later(timeout, |_| {});
    reactor.wait()?;
    reactor.cancel(&call);
    let entries = reactor.entries.values();
    Ok(entries
        .filter(|entry| entry.can_read() || entry.can_write())
        .count())
}

/// Calls `test` with a reactor on each engine, which watches the second of two sockets for reading.
fn each(
    test: impl Fn(&mut Reactor, UnixStream, &UnixStream, Key) -> io::Result<()>,
) -> io::Result<()> {
    for &kind in EngineKind::ALL {
        let (here, there) = UnixStream::pair()?;
        there.set_nonblocking(true)?;
        let (mut reactor, there) = (reactor_on(kind.start(1)?), Rc::new(there));
        let key = reactor.add_reader(Rc::<UnixStream>::clone(&there), |_| {})?;
        test(&mut reactor, here, &there, key)?;
    }
    Ok(())
}

fn read(reactor: &mut Reactor, key: Key, mut socket: &UnixStream) -> io::Result<usize> {
    let mut buffer = [0; 9];
    let result = socket.read(&mut buffer);
    let entry = reactor
        .entries
        .get_mut(key)
        .expect("the reader has an entry");
    entry.ready.record_read(&result, buffer.len());
    result
}

#[test]
fn a_descriptor_stays_ready_until_it_is_read() -> io::Result<()> {
    each(|reactor, mut here, there, key| {
        assert_eq!(wait(reactor, NOW)?, 0);
        here.write_all(b"a long text, two reads")?;
        for _ in 0..3 {
            assert_eq!(wait(reactor, LONG)?, 1);
        }
        assert_eq!(read(reactor, key, there)?, 9);
        assert_eq!(wait(reactor, LONG)?, 1);
        assert_eq!(read(reactor, key, there)?, 9);
        assert_eq!(wait(reactor, LONG)?, 1);
        assert_eq!(read(reactor, key, there)?, 4);
        assert_eq!(wait(reactor, NOW)?, 0);
        here.write_all(b"z")?;
        assert_eq!(wait(reactor, LONG)?, 1);
        Ok(())
    })
}

#[test]
fn a_descriptor_that_stays_ready_does_not_hide_others() -> io::Result<()> {
    for &kind in EngineKind::ALL {
        let (mut reactor, mut others) = (reactor_on(kind.start(1)?), Vec::new());
        for count in 1..=3 {
            let (mut here, there) = UnixStream::pair()?;
            reactor.add_reader(Rc::new(there), |_| {})?;
            here.write_all(b"x")?;
            others.push(here);
            assert_eq!(wait(&mut reactor, LONG)?, count, "{kind:?}");
        }
    }
    Ok(())
}

#[test]
fn one_wait_reports_all_ready_descriptors() -> io::Result<()> {
    const CROWD: usize = 9;
    let engines: [Box<dyn Engine>; 3] = [
        Box::new(tokio::Tokio::new(2)?),
        Box::new(mio::Mio::new(2)?),
        Box::new(select::Select),
    ];
    for engine in engines {
        let engine = AnyEngine::Readiness(engine);
        let (mut reactor, mut others) = (reactor_on(engine), Vec::new());
        for _ in 0..CROWD {
            let (mut here, there) = UnixStream::pair()?;
            reactor.add_reader(Rc::new(there), |_| {})?;
            here.write_all(b"x")?;
            others.push(here);
        }
        assert_eq!(wait(&mut reactor, LONG)?, CROWD, "{reactor:?}");
    }
    Ok(())
}

#[test]
fn the_end_of_the_stream_behind_a_short_read_is_reported() -> io::Result<()> {
    each(|reactor, mut here, there, key| {
        here.write_all(b"the last")?;
        drop(here);
        assert_eq!(wait(reactor, LONG)?, 1);
        assert_eq!(read(reactor, key, there)?, 8);
        assert_eq!(wait(reactor, LONG)?, 1);
        assert_eq!(read(reactor, key, there)?, 0);
        Ok(())
    })
}

#[test]
fn only_wanted_readiness_is_reported() -> io::Result<()> {
    each(|reactor, mut here, _, key| {
        here.write_all(b"x")?;
        let both = (true, true);
        for (reads, writes) in [(false, true), both, (true, false), both] {
            reactor.watch(key, Interest::of(reads, writes))?;
            // If the kernel reports the rest with a second event, the first wait finds less.
            wait(reactor, LONG)?;
            wait(reactor, LONG)?;
            let entry = &reactor.entries[key];
            assert_eq!((entry.can_read(), entry.can_write()), (reads, writes));
        }
        reactor.watch(key, None)?;
        assert_eq!(wait(reactor, NOW)?, 0);
        reactor.watch(key, Interest::of(true, false))?;
        assert_eq!(wait(reactor, LONG)?, 1, "watched again");
        Ok(())
    })
}

#[test]
fn a_timeout_is_waited_out() -> io::Result<()> {
    each(|reactor, _here, _, _| {
        let (begun, timeout) = (std::time::Instant::now(), Duration::from_millis(20));
        assert_eq!(wait(reactor, timeout)?, 0);
        assert!(begun.elapsed() >= timeout);
        Ok(())
    })
}
