//! What holds for every engine.

use super::*;
use crate::key::SlotMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

const LONG: Option<Duration> = Some(Duration::from_secs(5));
const NOW: Option<Duration> = Some(Duration::ZERO);

/// An engine, and what it has found ready.
struct Waiter {
    engine: Box<dyn Engine>,
    ready: Vec<Event>,
}

impl Waiter {
    fn of(kind: EngineKind) -> io::Result<Self> {
        let (engine, ready) = (kind.start()?, Vec::new());
        Ok(Waiter { engine, ready })
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<&[Event]> {
        self.engine.wait(timeout, &mut self.ready)?;
        Ok(&self.ready)
    }
}

/// An engine of each kind, a pair of sockets, and the key by which the engine is to know the
/// second.
fn each(
    test: impl Fn(&mut Waiter, UnixStream, Rc<UnixStream>, Key) -> io::Result<()>,
) -> io::Result<()> {
    for &kind in EngineKind::ALL {
        let (here, there) = UnixStream::pair()?;
        there.set_nonblocking(true)?;
        let key = SlotMap::new().insert(());
        test(&mut Waiter::of(kind)?, here, Rc::new(there), key)?;
    }
    Ok(())
}

#[test]
fn readiness_is_reported_until_not_ready() -> io::Result<()> {
    each(|waiter, mut here, there, key| {
        let ready = Interest::READ;
        waiter
            .engine
            .watch(key, &(Rc::clone(&there) as Descriptor), ready)?;
        assert_eq!(waiter.wait(NOW)?, []);
        here.write_all(b"xy")?;
        for _ in 0..3 {
            assert_eq!(waiter.wait(LONG)?, [Event { key, ready }]);
        }
        assert_eq!((&*there).read(&mut [0; 9])?, 2);
        waiter.engine.short_read(key);
        assert_eq!(waiter.wait(NOW)?, []);
        here.write_all(b"z")?;
        assert_eq!(waiter.wait(LONG)?, [Event { key, ready }]);
        Ok(())
    })
}

#[test]
fn a_descriptor_that_stays_ready_does_not_hide_others() -> io::Result<()> {
    for &kind in EngineKind::ALL {
        let (mut waiter, mut keys, mut others) = (Waiter::of(kind)?, SlotMap::new(), Vec::new());
        for count in 1..=3 {
            let (mut here, there) = UnixStream::pair()?;
            let there: Descriptor = Rc::new(there);
            waiter
                .engine
                .watch(keys.insert(()), &there, Interest::READ)?;
            here.write_all(b"x")?;
            others.push((here, there));
            assert_eq!(waiter.wait(LONG)?.len(), count, "{kind:?}");
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
        Box::new(select::Select::new()),
    ];
    for mut engine in engines {
        let (mut keys, mut others, mut ready) = (SlotMap::new(), Vec::new(), Vec::new());
        for _ in 0..CROWD {
            let (mut here, there) = UnixStream::pair()?;
            let there: Descriptor = Rc::new(there);
            engine.watch(keys.insert(()), &there, Interest::READ)?;
            here.write_all(b"x")?;
            others.push((here, there));
        }
        engine.wait(LONG, &mut ready)?;
        assert_eq!(ready.len(), CROWD, "{engine:?}");
    }
    Ok(())
}

#[test]
fn readiness_is_reported_once_after_watch_is_called_again() -> io::Result<()> {
    each(|waiter, mut here, there, key| {
        let (both, there) = (Interest::READ | Interest::WRITE, there as Descriptor);
        here.write_all(b"x")?;
        for wanted in [Interest::READ, both] {
            waiter.engine.watch(key, &there, wanted)?;
            let told = waiter.wait(LONG)?.iter();
            assert_eq!(told.filter(|event| event.ready.reads()).count(), 1);
        }
        Ok(())
    })
}

#[test]
fn the_end_of_the_stream_behind_a_short_read_is_reported() -> io::Result<()> {
    each(|waiter, mut here, there, key| {
        waiter
            .engine
            .watch(key, &(Rc::clone(&there) as Descriptor), Interest::READ)?;
        here.write_all(b"the last")?;
        drop(here);
        assert_eq!(waiter.wait(LONG)?.len(), 1);
        assert_eq!((&*there).read(&mut [0; 99])?, 8);
        waiter.engine.short_read(key);
        assert_eq!(waiter.wait(LONG)?.len(), 1);
        assert_eq!((&*there).read(&mut [0; 99])?, 0);
        Ok(())
    })
}

#[test]
fn only_wanted_readiness_is_reported() -> io::Result<()> {
    each(|waiter, mut here, there, key| {
        let (both, there) = (Interest::READ | Interest::WRITE, there as Descriptor);
        here.write_all(b"x")?;
        for wanted in [Interest::WRITE, both, Interest::READ, both] {
            waiter.engine.watch(key, &there, wanted)?;
            // What is told at first may be less, if the kernel tells the rest in a second
            // change.
            let told = [waiter.wait(LONG)?.to_vec(), waiter.wait(LONG)?.to_vec()].concat();
            let told = told
                .iter()
                .fold(Interest::NOTHING, |told, event| told | event.ready);
            assert_eq!(told, wanted);
        }
        waiter.engine.watch(key, &there, Interest::NOTHING)?;
        assert_eq!(waiter.wait(NOW)?, []);
        waiter.engine.watch(key, &there, Interest::READ)?;
        assert_eq!(waiter.wait(LONG)?.len(), 1, "watched anew");
        Ok(())
    })
}

#[test]
fn a_timeout_is_waited_out() -> io::Result<()> {
    each(|waiter, _here, there, key| {
        waiter
            .engine
            .watch(key, &(there as Descriptor), Interest::READ)?;
        let (begun, timeout) = (std::time::Instant::now(), Duration::from_millis(20));
        assert_eq!(waiter.wait(Some(timeout))?, []);
        assert!(begun.elapsed() >= timeout);
        Ok(())
    })
}
