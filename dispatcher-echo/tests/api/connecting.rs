//! `connect`, and the two ways it can end.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::rc::Rc;
#[cfg(target_os = "linux")]
use std::time::Duration;

use common::client::{EchoClient, RefusingAddress};
#[cfg(target_os = "linux")]
use common::{net, sys};

use crate::probe::{Call, CallLog, LIMIT, Probe, assert_quiet, behave, new_map, pair, poll_until};

#[test]
fn handle_connect_is_called_before_other_handlers() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let log = CallLog::default();
    let mut map = new_map()?;
    let client = Probe::new("client", &log);
    let interest = client.interest();
    interest.writable.set(true);
    let client = client.doing(move |call, channel| match call {
        Call::Write => {
            interest.writable.set(false);
            channel.send(b"hello").map(drop)
        }
        call => behave(call, channel),
    });
    map.connect(listener.local_addr()?, client)?;
    let mut server = EchoClient::over(listener.accept()?.0)?;
    server.send(b"welcome")?;
    poll_until(&mut map, || log.of("client").len() == 3)?;
    let expected = [Call::Connect, Call::Write, Call::Read];
    assert_eq!(log.of("client"), expected);
    assert_eq!(server.receive(5)?, b"hello");
    assert_quiet(&mut map)
}

#[test]
fn an_object_that_only_writes_is_called_for_it() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let log = CallLog::default();
    let mut map = new_map()?;
    let client = Probe::new("client", &log);
    client.interest().readable.set(false);
    client.interest().writable.set(true);
    map.connect(listener.local_addr()?, client)?;
    poll_until(&mut map, || {
        log.of("client") == [Call::Connect, Call::Write]
    })
}

#[test]
fn refusal_is_an_error_and_no_connection() -> io::Result<()> {
    let nobody = RefusingAddress::take()?;
    let log = CallLog::default();
    let mut map = new_map()?;
    map.connect(nobody.address(), Probe::new("client", &log))?;
    poll_until(&mut map, || !log.all().is_empty())?;
    let expected = [Call::Error(ErrorKind::ConnectionRefused)];
    assert_eq!(log.of("client"), expected);
    assert!(map.is_empty());
    Ok(())
}

#[test]
fn a_handler_can_connect() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let log = CallLog::default();
    let mut map = new_map()?;
    let (socket, mut peer) = pair()?;
    let noted = log.clone();
    let first = Probe::new("first", &log).doing(move |call, channel| {
        if call == Call::Read {
            channel.connect(address, Probe::new("second", &noted))?;
        }
        behave(call, channel)
    });
    map.open(socket, first)?;
    peer.send(b"x")?;
    poll_until(&mut map, || log.of("second") == [Call::Connect])
}

#[test]
fn handle_connect_is_not_called_after_close() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let log = CallLog::default();
    let mut map = new_map()?;
    // Each closes the other, so only the first one is called.
    let keys = Rc::new(RefCell::new(Vec::new()));
    for name in ["one", "two"] {
        let others = Rc::clone(&keys);
        let probe = Probe::new(name, &log).doing(move |_, channel| {
            let own = channel.key();
            let others = others.borrow();
            others
                .iter()
                .filter(|key| **key != own)
                .for_each(|key| channel.close_other(*key));
            Ok(())
        });
        let key = map.connect(listener.local_addr()?, probe)?;
        keys.borrow_mut().push(key);
    }
    // Both are connected before the loop polls.
    let _accepted = [listener.accept()?, listener.accept()?];
    map.poll(Some(LIMIT))?;
    assert_eq!(log.all().len(), 1, "{:?}", log.all());
    Ok(())
}

/// Readiness can be false: a socket that looks writable and has no error may still be connecting.
#[cfg(target_os = "linux")] // Other systems refuse at a full backlog, or accept more than its size.
#[test]
fn a_false_readiness_does_not_connect() -> io::Result<()> {
    let listener = net::listen("127.0.0.1", 0, 0)?;
    let address = listener.local_addr()?;
    let _fills_the_backlog = EchoClient::connect(address)?;
    sys::inject("1:spurious=99".parse().map_err(io::Error::other)?);
    let log = CallLog::default();
    let mut map = new_map()?;
    map.connect(address, Probe::new("client", &log))?;
    map.poll(Some(Duration::ZERO))?;
    assert_quiet(&mut map)?;
    assert_eq!(log.all(), [], "it is still connecting");
    // The kernel sends the SYN again after a second. The queue has a free place by then.
    listener.accept()?;
    poll_until(&mut map, || log.of("client") == [Call::Connect])
}
