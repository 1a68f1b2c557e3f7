//! The end of a stream, and the end of a channel.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use common::sys;
use dispatcher_echo::SocketMap;
use nix::errno::Errno;
use socket2::SockRef;

use crate::probe::{
    Call, CallLog, LIMIT, Probe, assert_quiet, behave, new_map, pair, poll_to_end, poll_until,
};

#[test]
fn handle_close_is_called_once_after_all_bytes_and_not_inside_recv() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let received = Rc::new(RefCell::new(Vec::<u8>::new()));
    let (bytes, noted) = (Rc::clone(&received), log.clone());
    let probe = Probe::new("a", &log).doing(move |call, channel| {
        if call == Call::Read {
            let data = channel.recv(3)?;
            bytes.borrow_mut().extend(data);
            assert_eq!(noted.count("a", Call::Close), 0, "called from inside recv");
        }
        Ok(()) // Without closing.
    });
    map.open(socket, probe)?;
    // The bytes and the end arrive together, in one edge.
    client.send(b"hello")?;
    client.finish()?;
    poll_until(&mut map, || log.count("a", Call::Close) == 1)?;
    assert_eq!(*received.borrow(), b"hello");
    assert_quiet(&mut map)?;
    assert_eq!(log.of("a").last(), Some(&Call::Close));
    assert_eq!(log.count("a", Call::Close), 1);
    Ok(())
}

#[test]
fn handle_close_is_called_once_although_the_end_is_read_again() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log);
    let interest = probe.interest();
    let probe = probe.doing(move |call, channel| {
        interest.writable.set(call == Call::Close);
        channel.recv(100).map(drop)
    });
    map.open(socket, probe)?;
    client.finish()?;
    poll_until(&mut map, || log.of("a").len() == 3)?;
    assert_quiet(&mut map)?;
    assert_eq!(log.of("a"), [Call::Read, Call::Close, Call::Write]);
    Ok(())
}

#[test]
fn bytes_and_end_in_one_edge_do_not_hide_the_end() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    map.open(socket, Probe::new("a", &log))?;
    client.send(b"hello")?;
    client.finish()?;
    poll_to_end(&mut map)?;
    assert_eq!(client.receive_to_end()?, b"");
    assert_eq!(log.of("a"), [Call::Read, Call::Read, Call::Close]);
    Ok(())
}

#[test]
fn a_closed_channel_is_not_called_and_its_key_is_stale() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut gone) = pair()?;
    let old = map.open(socket, Probe::new("old", &log))?;
    gone.send(b"x")?;
    map.close(old);
    map.poll(Some(Duration::ZERO))?;
    assert_eq!(
        gone.receive_to_end().map_err(|error| error.kind()),
        Err(ErrorKind::ConnectionReset)
    );

    // The next channel reuses its slot in the map and its descriptor.
    let (socket, mut client) = pair()?;
    let new = map.open(socket, Probe::new("new", &log))?;
    assert_ne!(old, new);
    map.close(old);
    map.reconsider(old);
    client.send(b"x")?;
    map.poll(Some(LIMIT))?;
    assert_eq!(log.all(), [("new", Call::Read)]);
    Ok(())
}

#[test]
fn events_of_a_closed_channel_do_not_reach_its_successor() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let keys = Rc::new(RefCell::new(Vec::new()));
    let mut clients = Vec::new();
    // Both are ready in the same iteration. The one that is called first closes the other and opens
    // a new channel.
    for name in ["one", "two"] {
        let (socket, mut client) = pair()?;
        let (all, noted) = (Rc::clone(&keys), log.clone());
        let (mut spare, idle) = pair().map(|(spare, idle)| (Some(spare), idle))?;
        let probe = Probe::new(name, &log).doing(move |call, channel| {
            if call == Call::Read {
                let own = channel.key();
                all.borrow()
                    .iter()
                    .filter(|key| **key != own)
                    .for_each(|key| channel.close_other(*key));
                if let Some(spare) = spare.take() {
                    channel.open(spare, Probe::new("new", &noted))?;
                }
            }
            behave(call, channel)
        });
        keys.borrow_mut().push(map.open(socket, probe)?);
        client.send(b"x")?;
        clients.extend([client, idle]);
    }
    map.poll(Some(LIMIT))?;
    assert_quiet(&mut map)?;
    assert!(
        matches!(log.all()[..], [(_, Call::Read)]),
        "{:?}",
        log.all()
    );
    Ok(())
}

#[test]
fn close_all_ends_the_loop() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let mut clients = Vec::new();
    for name in ["one", "two", "three"] {
        let (socket, client) = pair()?;
        let probe = Probe::new(name, &log).doing(|_, channel| {
            channel.close_all();
            Ok(())
        });
        map.open(socket, probe)?;
        clients.push(client);
    }
    map.open_listener(
        common::net::listen("127.0.0.1", 0, 1)?,
        Probe::new("listener", &log),
    )?;
    clients[1].send(b"x")?;
    map.poll(Some(LIMIT))?;
    assert!(map.is_empty());
    assert_eq!(log.all(), [("two", Call::Read)]);
    assert_eq!(clients[0].receive_to_end()?, b"");
    Ok(())
}

#[test]
fn the_map_itself_closes_all() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    map.open(socket, Probe::new("a", &log))?;
    map.close_all();
    map.poll(Some(LIMIT))?;
    assert!(map.is_empty());
    assert_eq!(log.all(), []);
    assert_eq!(client.receive_to_end()?, b"");
    Ok(())
}

/// A probe that reads one byte, sends an answer, and drains for `limit` with the rest unread.
fn draining_probe(log: &CallLog, limit: Duration) -> Probe {
    Probe::new("a", log).doing(move |call, channel| {
        if call == Call::Read {
            channel.recv(1)?;
            channel.send(b"answer")?;
            channel.drain(limit);
        }
        Ok(())
    })
}

#[test]
fn draining_with_unread_input_sends_no_reset() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    map.open(socket, draining_probe(&log, LIMIT))?;
    client.send(&[0; 200_000])?;
    map.poll(Some(LIMIT))?;
    // More bytes arrive after it has started to drain.
    client.send(&[0; 100_000])?;
    client.finish()?;
    let begun = Instant::now();
    poll_to_end(&mut map)?;
    assert!(
        begun.elapsed() < LIMIT,
        "draining goes on after the peer's end"
    );
    assert_eq!(client.receive_to_end()?, b"answer");
    assert_eq!(
        log.of("a"),
        [Call::Read],
        "the object is not called any more"
    );
    Ok(())
}

#[test]
fn draining_lasts_at_most_for_the_limit() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let limit = Duration::from_millis(100);
    map.open(socket, draining_probe(&log, limit))?;
    client.send(&[0; 2000])?;
    let begun = Instant::now();
    poll_to_end(&mut map)?;
    assert!(begun.elapsed() >= limit && begun.elapsed() < LIMIT);
    assert_eq!(client.receive_to_end()?, b"answer");
    Ok(())
}

/// The bytes arrive in time, but the loop wakes up late: it reads them before it checks the
/// deadline.
#[test]
fn a_late_loop_drains_what_came_in_time() -> io::Result<()> {
    let (mut map, log) = (SocketMap::new(vec![0; 100])?, CallLog::default());
    let (socket, mut client) = pair()?;
    let limit = Duration::from_millis(20);
    map.open(socket, draining_probe(&log, limit))?;
    client.send(b"x")?;
    map.poll(Some(LIMIT))?;
    client.send(&[0; 150])?;
    thread::sleep(2 * limit); // The loop is late.
    poll_to_end(&mut map)?;
    assert_eq!(client.receive_to_end()?, b"answer");
    let reset = client.socket().take_error()?;
    assert!(reset.is_none(), "{reset:?}");
    Ok(())
}

#[test]
fn a_drained_channel_leaves_no_deadline_behind() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (other, _stays) = pair()?;
    map.open(other, Probe::new("other", &log))?;
    let limit = Duration::from_millis(50);
    let (socket, mut client) = pair()?;
    map.open(socket, draining_probe(&log, limit))?;
    client.send(b"x")?;
    map.poll(Some(LIMIT))?;
    client.finish()?;
    assert_eq!(client.receive_to_end()?, b"answer");
    map.poll(Some(LIMIT))?; // Sees the end of the stream, and closes.
    let (begun, waits) = (Instant::now(), sys::counters().waits);
    map.poll(Some(3 * limit))?;
    assert_eq!(sys::counters().waits - waits, 1);
    assert!(
        begun.elapsed() >= 3 * limit,
        "woken for a channel that is closed"
    );
    Ok(())
}

#[test]
fn the_object_lives_as_long_as_its_descriptor() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let alive = Rc::new(());
    let (socket, mut client) = pair()?;
    let held = Rc::clone(&alive);
    let probe = Probe::new("a", &log).doing(move |call, channel| {
        let _ = &held;
        if call == Call::Read {
            channel.recv(1)?;
            channel.drain(LIMIT);
            channel.drain(Duration::ZERO); // Does nothing: it is draining already.
        }
        Ok(())
    });
    map.open(socket, probe)?;
    client.send(b"xx")?;
    map.poll(Some(LIMIT))?;
    assert_eq!(client.receive_to_end()?, b"");
    map.stop_all(LIMIT); // The object isn't called for this either.
    for _ in 0..3 {
        map.poll(Some(Duration::ZERO))?;
    }
    assert_eq!(Rc::strong_count(&alive), 2, "it is draining");
    client.finish()?;
    map.poll(Some(LIMIT))?;
    assert!(map.is_empty());
    assert_eq!(Rc::strong_count(&alive), 1);
    assert_eq!(log.all(), [("a", Call::Read)]);
    Ok(())
}

#[test]
fn urgent_data_does_not_keep_the_loop_awake_over_a_draining_channel() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    map.open(socket, draining_probe(&log, LIMIT))?;
    client.send(b"x")?;
    map.poll(Some(LIMIT))?;
    SockRef::from(client.socket()).send_out_of_band(b"!")?;
    for _ in 0..3 {
        map.poll(Some(Duration::ZERO))?;
    }
    assert_quiet(&mut map)?;
    assert_eq!(log.of("a"), [Call::Read]);
    Ok(())
}

#[test]
fn a_reset_ends_a_draining_channel() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    map.open(socket, draining_probe(&log, LIMIT))?;
    client.send(b"x")?;
    map.poll(Some(LIMIT))?;
    client.reset()?;
    map.poll(Some(LIMIT))?;
    assert!(map.is_empty());
    assert_eq!(log.of("a"), [Call::Read]);
    Ok(())
}

#[test]
fn drain_after_the_end_of_the_stream_closes_at_once() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log).doing(|call, channel| {
        if call == Call::Close {
            channel.drain(LIMIT);
        } else {
            channel.discard_unread();
        }
        Ok(())
    });
    map.open(socket, probe)?;
    client.finish()?;
    map.poll(Some(LIMIT))?;
    assert!(map.is_empty());
    Ok(())
}

#[test]
fn discard_unread_says_whether_there_was_anything() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let found = Rc::new(RefCell::new(Vec::new()));
    let answers = Rc::clone(&found);
    let probe = Probe::new("a", &log);
    let interest = probe.interest();
    interest.readable.set(false);
    interest.writable.set(true);
    let probe = probe.doing(move |call, channel| {
        if call == Call::Write {
            answers.borrow_mut().push(channel.discard_unread());
        }
        Ok(())
    });
    let key = map.open(socket, probe)?;
    map.poll(Some(LIMIT))?;
    client.send(b"x")?;
    for _ in 0..2 {
        interest.writable.set(false);
        map.reconsider(key);
        map.poll(Some(Duration::ZERO))?;
        interest.writable.set(true);
        map.reconsider(key);
        map.poll(Some(LIMIT))?;
    }
    assert_eq!(found.borrow()[..], [false, true, false]);
    Ok(())
}

#[test]
fn each_error_of_a_lost_connection_reaches_handle_close() -> io::Result<()> {
    use Errno::{EBADF, ECONNABORTED, ECONNRESET, ENOTCONN, EPIPE, ESHUTDOWN};
    for errno in [ECONNRESET, ENOTCONN, ESHUTDOWN, ECONNABORTED, EPIPE, EBADF] {
        let (mut map, log) = (new_map()?, CallLog::default());
        let (socket, mut client) = pair()?;
        let probe = Probe::new("a", &log).doing(move |call, channel| match call {
            Call::Read => Err(errno.into()),
            _ => {
                assert!(channel.is_lost());
                let error = channel
                    .take_error()
                    .expect("a lost connection has an error");
                assert_eq!(error.raw_os_error(), Some(errno as i32));
                channel.drain(LIMIT); // The loop closes it anyway.
                Ok(())
            }
        });
        map.open(socket, probe)?;
        client.send(b"x")?;
        map.poll(Some(LIMIT))?;
        assert_eq!(log.of("a"), [Call::Read, Call::Close], "{errno}");
        assert!(map.is_empty(), "{errno}");
    }
    Ok(())
}

/// An object that waits until all its output is sent would wait forever.
#[test]
fn a_lost_connection_is_closed_whatever_handle_close_does() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log);
    let interest = probe.interest();
    let probe = probe.doing(move |call, channel| match call {
        Call::Read => channel.recv(100).map(drop),
        Call::Close => {
            // After a half-close it sends more. On a lost connection, it tries to.
            interest.writable.set(true);
            let sent = channel.send(b"more")?;
            assert_eq!(sent, if channel.is_lost() { 0 } else { 4 });
            Ok(())
        }
        _ => channel.send(b"more").map(drop),
    });
    map.open(socket, probe)?;
    client.finish()?;
    poll_until(&mut map, || log.count("a", Call::Close) == 1)?;
    client.reset()?;
    poll_to_end(&mut map)?;
    assert_eq!(log.count("a", Call::Close), 2, "{:?}", log.all());
    assert_eq!(log.of("a").last(), Some(&Call::Close));
    Ok(())
}

#[test]
fn an_error_that_handle_close_returns_is_an_error() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, client) = pair()?;
    let probe = Probe::new("a", &log).doing(|call, channel| match call {
        Call::Close => channel.take_error().map_or(Ok(()), Err),
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    client.reset()?;
    poll_to_end(&mut map)?;
    let expected = [
        Call::Read,
        Call::Close,
        Call::Error(ErrorKind::ConnectionReset),
    ];
    assert_eq!(log.of("a"), expected);
    Ok(())
}

#[test]
fn an_end_in_good_order_has_no_error() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (lost, lost_client) = pair()?;
    map.open(lost, Probe::new("lost", &log))?;
    lost_client.reset()?;
    poll_to_end(&mut map)?; // No handler takes its error.
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log).doing(|call, channel| {
        if call == Call::Close {
            assert!(!channel.is_lost() && channel.take_error().is_none());
        }
        behave(call, channel)
    });
    map.open(socket, probe)?;
    client.finish()?;
    poll_to_end(&mut map)?;
    assert_eq!(log.of("a"), [Call::Read, Call::Close]);
    Ok(())
}
