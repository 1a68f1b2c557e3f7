//! Tests of what only this engine does.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};

use slotmap::SlotMap;

use super::*;
use crate::entry::Entries;

const LONG: Option<Duration> = Some(Duration::from_secs(10));

/// The two ends of a connection.
fn connection() -> io::Result<(Rc<Stream>, TcpStream)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let there = TcpStream::connect(listener.local_addr()?)?;
    let (here, _) = listener.accept()?;
    here.set_nonblocking(true)?;
    Ok((Rc::new(Stream::from(here)), there))
}

/// An engine with a read under way on one end of a connection; the key, and both ends.
fn reading() -> io::Result<(Uring, Key, Rc<Stream>, TcpStream)> {
    let (mut engine, (here, there)) = (Uring::new(64 * 1024, 8)?, connection()?);
    let key = SlotMap::<Key, ()>::with_key().insert(());
    engine.start_recv(key, &here);
    Ok((engine, key, here, there))
}

fn wait(engine: &mut Uring, timeout: Option<Duration>) -> io::Result<usize> {
    let mut events = Vec::new();
    engine.wait(timeout, Watched(&Entries::with_key()), &mut events)?;
    Ok(events.len())
}

#[test]
fn one_wait_without_time_reports_all_reads() -> io::Result<()> {
    const CROWD: usize = 100;
    let (mut engine, mut keys) = (Uring::new(64 * 1024, 8)?, SlotMap::<Key, ()>::with_key());
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let (here, there) = connection()?;
        engine.start_recv(keys.insert(()), &here);
        crowd.push((here, there));
    }
    assert_eq!(wait(&mut engine, Some(Duration::ZERO))?, 0);
    for (_, there) in &mut crowd {
        there.write_all(b"x")?;
    }
    assert_eq!(wait(&mut engine, Some(Duration::ZERO))?, CROWD);
    Ok(())
}

/// The kernel would use the time to free a ring that this thread has closed.
#[test]
fn nothing_wakes_an_idle_engine() -> io::Result<()> {
    let mut engine = Uring::new(64 * 1024, 8)?;
    let before = times_asleep()?;
    assert_eq!(wait(&mut engine, Some(Duration::from_millis(500)))?, 0);
    assert_eq!(times_asleep()? - before, 1);
    Ok(())
}

/// How often this thread has gone to sleep.
fn times_asleep() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/thread-self/status")?;
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count
        .unwrap_or_default()
        .trim()
        .parse()
        .map_err(io::Error::other)
}

#[test]
fn a_cancelled_operation_has_no_part_in_the_socket() -> io::Result<()> {
    let (mut engine, key, here, _there) = reading()?;
    assert_eq!(wait(&mut engine, Some(Duration::ZERO))?, 0);
    assert_eq!(Rc::strong_count(&here), 3, "the engine, and the operation");
    engine.cancel(key);
    assert_eq!(Rc::strong_count(&here), 1);
    Ok(())
}

#[test]
fn what_does_not_fit_comes_next() -> io::Result<()> {
    let (mut engine, key, here, mut there) = reading()?;
    there.write_all(b"a text in parts")?;
    let (mut parts, window) = (Vec::new(), &mut [0; 4]);
    while parts.len() < 15 {
        assert_eq!(wait(&mut engine, LONG)?, 1, "{parts:?}");
        let count = engine.finish_recv(key, window)?;
        parts.extend_from_slice(&window[..count]);
        engine.start_recv(key, &here);
    }
    assert_eq!(parts, b"a text in parts");
    assert_eq!(wait(&mut engine, Some(Duration::ZERO))?, 0);
    Ok(())
}

#[test]
fn a_full_buffer_and_what_comes_behind_it_are_one_read() -> io::Result<()> {
    let (mut engine, key, _here, mut there) = reading()?;
    there.write_all(&[7; 10_000])?;
    assert_eq!(wait(&mut engine, LONG)?, 1);
    assert_eq!(engine.finish_recv(key, &mut [0; 9_000])?, 9_000);
    Ok(())
}

#[test]
fn an_error_that_lasts_names_an_engine_that_works() {
    for (errno, is_named) in [(1, true), (38, true), (22, true), (24, false)] {
        let error = name_another_engine(io::Error::from_raw_os_error(errno));
        let is_said = error.to_string().contains("--reactor mio");
        assert_eq!(is_said, is_named, "{error}");
    }
}
