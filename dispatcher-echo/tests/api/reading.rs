//! `readable`, `handle_read`, `recv`, `handle_expt`.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use common::client::EchoClient;
use dispatcher_echo::SocketMap;
use socket2::SockRef;

use crate::probe::{
    Call, CallLog, Interest, LIMIT, Probe, assert_quiet, behave, new_map, pair, poll_to_end,
    poll_until,
};

type Bytes = Rc<RefCell<Vec<u8>>>;

/// A probe that reads `size` bytes per iteration. Returns the test's end of its connection, and the
/// bytes that it has read.
fn reader(
    map: &mut SocketMap,
    name: &'static str,
    log: &CallLog,
    size: usize,
) -> io::Result<(EchoClient, Bytes, Rc<Interest>)> {
    let (socket, client) = pair()?;
    let bytes = Bytes::default();
    let received = Rc::clone(&bytes);
    let probe = Probe::new(name, log);
    let interest = probe.interest();
    let probe = probe.doing(move |call, channel| match call {
        Call::Read => {
            received.borrow_mut().extend(channel.recv(size)?);
            Ok(())
        }
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    Ok((client, bytes, interest))
}

#[test]
fn a_byte_wakes_the_object_and_silence_does_not() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (mut client, bytes, _) = reader(&mut map, "a", &log, 100)?;
    assert_quiet(&mut map)?;
    for _ in 0..3 {
        client.send(b"x")?;
        map.poll(Some(LIMIT))?;
    }
    assert_eq!(*bytes.borrow(), b"xxx");
    assert_quiet(&mut map)?;
    assert_eq!(log.of("a"), [Call::Read; 3]);
    Ok(())
}

#[test]
fn a_small_read_leaves_the_rest_for_the_next_iteration() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (mut client, bytes, _) = reader(&mut map, "a", &log, 2)?;
    client.send(b"hello")?;
    poll_until(&mut map, || bytes.borrow().len() == 5)?;
    assert_eq!(*bytes.borrow(), b"hello");
    assert_quiet(&mut map)
}

#[test]
fn a_read_is_never_larger_than_the_map_says() -> io::Result<()> {
    let (mut map, log) = (SocketMap::new(vec![0; 2])?, CallLog::default());
    let (mut client, bytes, _) = reader(&mut map, "a", &log, usize::MAX)?;
    client.send(b"hello")?;
    map.poll(Some(LIMIT))?;
    assert_eq!(*bytes.borrow(), b"he");
    poll_until(&mut map, || bytes.borrow().len() == 5)
}

#[test]
fn a_flood_is_read_once_per_iteration() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (mut one, from_one, _) = reader(&mut map, "one", &log, 1000)?;
    let (mut two, from_two, _) = reader(&mut map, "two", &log, 1000)?;
    // CONCEPT: testing
    one.send(&[1; 20_000])?;
    two.send(&[2; 20_000])?;
    map.poll(Some(LIMIT))?;
    for iteration in 1..=20 {
        assert_eq!(from_one.borrow().len(), iteration * 1000);
        assert_eq!(from_two.borrow().len(), iteration * 1000);
        map.poll(Some(Duration::ZERO))?;
    }
    Ok(())
}

#[test]
fn a_second_recv_in_one_iteration_returns_would_block_and_loses_nothing() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let bytes = Bytes::default();
    let received = Rc::clone(&bytes);
    let probe = Probe::new("a", &log).doing(move |call, channel| match call {
        Call::Read => loop {
            received.borrow_mut().extend(channel.recv(1)?);
        },
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    client.send(b"hello")?;
    poll_until(&mut map, || bytes.borrow().len() == 5)?;
    assert!(log.of("a").len() >= 5);
    assert!(!map.is_empty(), "WouldBlock is no reason to close");
    // `handle_error` wasn't called either.
    assert!(log.of("a").iter().all(|call| *call == Call::Read));
    Ok(())
}

#[test]
fn an_object_that_wants_a_second_read_is_called_again() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log).doing(|call, channel| {
        behave(call, channel)?;
        channel.recv(1).map(drop)
    });
    map.open(socket, probe)?;
    client.send(b"hello")?;
    map.poll(Some(LIMIT))?;
    map.poll(Some(LIMIT))?;
    assert_eq!(log.of("a"), [Call::Read; 2]);
    assert_quiet(&mut map)
}

#[test]
fn would_block_and_interrupted_only_end_a_handler() -> io::Result<()> {
    for kind in [ErrorKind::WouldBlock, ErrorKind::Interrupted] {
        let (mut map, log) = (new_map()?, CallLog::default());
        let (socket, mut client) = pair()?;
        let probe = Probe::new("a", &log).doing(move |call, channel| {
            behave(call, channel)?;
            Err(kind.into())
        });
        map.open(socket, probe)?;
        client.send(b"x")?;
        map.poll(Some(LIMIT))?;
        client.send(b"x")?;
        map.poll(Some(LIMIT))?;
        assert_eq!(log.of("a"), [Call::Read; 2]);
    }
    Ok(())
}

#[test]
fn a_reset_reaches_handle_close() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (mut client, bytes, _) = reader(&mut map, "a", &log, 3)?;
    client.send(b"hello")?;
    client.reset()?;
    poll_to_end(&mut map)?;
    assert_eq!(
        *bytes.borrow(),
        b"hello",
        "bytes that arrived before the reset are read first"
    );
    assert_eq!(
        log.of("a"),
        [Call::Read, Call::Read, Call::Read, Call::Close]
    );
    Ok(())
}

#[test]
fn reading_pauses_and_resumes() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let bytes = Bytes::default();
    let received = Rc::clone(&bytes);
    let probe = Probe::new("a", &log);
    let interest = probe.interest();
    let pause = Rc::clone(&interest);
    let probe = probe.doing(move |call, channel| match call {
        Call::Read => {
            received.borrow_mut().extend(channel.recv(2)?);
            pause.readable.set(false);
            Ok(())
        }
        call => behave(call, channel),
    });
    let key = map.open(socket, probe)?;
    client.send(b"hello")?;
    map.poll(Some(LIMIT))?;
    assert_eq!(*bytes.borrow(), b"he");
    client.send(b" world")?; // Arrives while reading is paused,
    client.finish()?; // and so does the end.
    assert_quiet(&mut map)?;
    for expected in [
        &b"hell"[..],
        b"hello ",
        b"hello wo",
        b"hello worl",
        b"hello world",
    ] {
        assert_quiet(&mut map)?;
        interest.readable.set(true);
        map.reconsider(key);
        map.poll(Some(LIMIT))?;
        assert_eq!(*bytes.borrow(), expected);
    }
    assert_quiet(&mut map)?;
    interest.readable.set(true);
    map.reconsider(key);
    poll_to_end(&mut map)
}

#[test]
fn handle_expt_is_called_once_for_each_urgent_byte() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (mut client, bytes, _) = reader(&mut map, "a", &log, 100)?;
    SockRef::from(client.socket()).send_out_of_band(b"!")?;
    poll_until(&mut map, || {
        cfg!(not(target_os = "linux")) || log.count("a", Call::Expt) > 0
    })?;
    // The urgent byte is still unread, and the loop doesn't spin.
    assert_quiet(&mut map)?;
    client.send(b"x")?;
    poll_until(&mut map, || bytes.borrow().ends_with(b"x"))?;
    if cfg!(target_os = "linux") {
        assert_eq!(log.count("a", Call::Expt), 1);
    }
    Ok(())
}

#[test]
fn bytes_behind_urgent_data_are_read_too() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (mut client, bytes, _) = reader(&mut map, "a", &log, 100)?;
    // All of it in one edge. recv(2) stops at the urgent byte, so a short read leaves bytes
    // behind.
    client.send(b"before")?;
    SockRef::from(client.socket()).send_out_of_band(b"!")?;
    client.send(b"after")?;
    poll_until(&mut map, || bytes.borrow().ends_with(b"after"))?;
    assert_eq!(*bytes.borrow(), b"beforeafter");
    map.poll(Some(LIMIT))?; // Finds nothing more to read.
    assert_quiet(&mut map)
}

#[test]
fn recv_on_a_listener_and_accept_on_a_stream_are_invalid() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log).doing(|_, channel| channel.accept().map(drop));
    map.open(socket, probe)?;
    let listener = common::net::listen("127.0.0.1", 0, 1)?;
    let address = listener.local_addr()?;
    let acceptor = Probe::new("listener", &log).doing(|call, channel| match call {
        Call::Accepted => {
            let read = channel.recv(1).expect_err("a listener can't receive");
            assert_eq!(read.kind(), ErrorKind::InvalidInput);
            let sent = channel.send(b"x").expect_err("a listener can't send");
            assert_eq!(sent.kind(), ErrorKind::InvalidInput);
            Ok(())
        }
        _ => Ok(()),
    });
    map.open_listener(listener, acceptor)?;
    let _second = EchoClient::connect(address)?;
    client.send(b"x")?;
    poll_until(&mut map, || {
        log.of("a").len() == 2 && log.of("listener").len() == 1
    })?;
    let expected = [Call::Read, Call::Error(ErrorKind::InvalidInput)];
    assert_eq!(log.of("a"), expected);
    Ok(())
}

#[test]
fn an_error_reaches_an_object_that_does_not_read() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, client) = pair()?;
    let probe = Probe::new("a", &log).doing(|call, channel| match call {
        Call::Read => Ok(()),
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    client.reset()?;
    poll_to_end(&mut map)?;
    assert_eq!(log.of("a"), [Call::Read, Call::Close]);
    Ok(())
}
