//! `handle_accept`, `handle_accepted`, and the listener's place in the loop.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::rc::Rc;

use common::client::EchoClient;
use common::net;
use common::sys::{self, AsDescriptor, Stream};
use dispatcher_echo::{Channel, Dispatcher, SocketMap};
use socket2::SockRef;

use crate::probe::{Call, CallLog, LIMIT, Probe, assert_quiet, new_map, pair, poll_until};

/// An object that overrides nothing.
struct Bare;

impl Dispatcher for Bare {}

#[test]
fn the_default_handle_accepted_closes_the_connection() -> io::Result<()> {
    let (mut map, address) = map_with_listener(Bare)?;
    for _ in 0..2 {
        let mut client = EchoClient::connect(address)?;
        map.poll(Some(LIMIT))?;
        assert_eq!(client.receive_to_end()?, b"");
    }
    assert_quiet(&mut map)
}

#[test]
fn at_most_accepts_per_iteration_are_accepted_before_others_are_served() -> io::Result<()> {
    let log = CallLog::default();
    let (mut map, address) = map_with_listener(Probe::new("listener", &log))?;
    let clients: Vec<_> = (0..net::ACCEPTS_PER_ITERATION + 5)
        .map(|_| EchoClient::connect(address))
        .collect::<io::Result<_>>()?;
    map.poll(Some(LIMIT))?;
    assert_eq!(
        log.count("listener", Call::Accepted),
        net::ACCEPTS_PER_ITERATION
    );
    map.poll(Some(LIMIT))?;
    assert_eq!(log.count("listener", Call::Accepted), clients.len());
    assert_quiet(&mut map)
}

#[test]
fn an_error_of_handle_accepted_costs_only_that_connection() -> io::Result<()> {
    let log = CallLog::default();
    let mut first = true;
    let acceptor = Probe::new("listener", &log).doing(move |call, _| match call {
        Call::Accepted if mem::take(&mut first) => Err(ErrorKind::Other.into()),
        _ => Ok(()),
    });
    let (mut map, address) = map_with_listener(acceptor)?;
    let _clients = [EchoClient::connect(address)?, EchoClient::connect(address)?];
    poll_until(&mut map, || log.count("listener", Call::Accepted) == 2)?;
    let expected = [
        Call::Accepted,
        Call::Error(ErrorKind::Other),
        Call::Accepted,
    ];
    assert_eq!(log.of("listener"), expected);
    Ok(())
}

#[test]
fn by_default_an_error_closes_a_connection_but_no_listener() -> io::Result<()> {
    /// Fails in every call.
    struct Unlucky;
    impl Dispatcher for Unlucky {
        fn handle_read(&mut self, _: &mut Channel) -> io::Result<()> {
            Err(ErrorKind::Other.into())
        }
        fn handle_accepted(
            &mut self,
            channel: &mut Channel,
            _: Stream,
            _: SocketAddr,
        ) -> io::Result<()> {
            assert!(channel.is_listener());
            Err(ErrorKind::Other.into())
        }
    }
    let (mut map, address) = map_with_listener(Unlucky)?;
    for _ in 0..2 {
        let mut client = EchoClient::connect(address)?;
        map.poll(Some(LIMIT))?;
        assert_eq!(client.receive_to_end()?, b"");
    }
    let mut others = new_map()?;
    let (socket, mut client) = pair()?;
    others.open(socket, Unlucky)?;
    client.send(b"x")?;
    others.poll(Some(LIMIT))?;
    assert!(others.is_empty() && !map.is_empty());
    Ok(())
}

#[test]
fn readable_of_a_listener_is_called_on_every_iteration() -> io::Result<()> {
    let log = CallLog::default();
    let acceptor = Probe::new("listener", &log);
    let interest = acceptor.interest();
    interest.readable.set(false);
    let (mut map, address) = map_with_listener(acceptor)?;
    let _waits = EchoClient::connect(address)?;
    assert_quiet(&mut map)?;
    assert_eq!(log.all(), []);
    interest.readable.set(true); // Without `reconsider`.
    poll_until(&mut map, || log.of("listener") == [Call::Accepted])
}

#[test]
fn a_listener_that_has_had_enough_stops_in_the_middle_of_a_rush() -> io::Result<()> {
    let log = CallLog::default();
    let acceptor = Probe::new("listener", &log);
    let interest = acceptor.interest();
    let enough = Rc::clone(&interest);
    let acceptor = acceptor.doing(move |_, _| {
        enough.readable.set(false);
        Ok(())
    });
    let (mut map, address) = map_with_listener(acceptor)?;
    let clients = [EchoClient::connect(address)?, EchoClient::connect(address)?];
    map.poll(Some(LIMIT))?;
    assert_eq!(log.of("listener"), [Call::Accepted]);
    assert_quiet(&mut map)?;
    interest.readable.set(true);
    poll_until(&mut map, || log.of("listener").len() == clients.len())
}

#[test]
fn a_channel_opened_in_handle_accepted_is_served() -> io::Result<()> {
    /// Opens a probe for each client, and checks the kind of its own socket.
    struct Acceptor {
        log: CallLog,
        greeted: Rc<Cell<usize>>,
    }
    impl Dispatcher for Acceptor {
        fn handle_accepted(
            &mut self,
            channel: &mut Channel,
            socket: Stream,
            peer: SocketAddr,
        ) -> io::Result<()> {
            assert_eq!(socket.peer_addr()?, peer);
            assert!(SockRef::from(&socket.descriptor().to_os()?).tcp_nodelay()?);
            let own = channel.key();
            let key = channel.open(socket, Probe::new("accepted", &self.log))?;
            assert_ne!(key, own);
            self.greeted.set(self.greeted.get() + 1);
            Ok(())
        }
    }
    let (log, greeted) = (CallLog::default(), Rc::new(Cell::new(0)));
    let acceptor = Acceptor {
        log: log.clone(),
        greeted: Rc::clone(&greeted),
    };
    let (mut map, address) = map_with_listener(acceptor)?;
    let mut client = EchoClient::connect(address)?;
    client.send(b"x")?;
    poll_until(&mut map, || log.of("accepted") == [Call::Read])?;
    assert_eq!(greeted.get(), 1);
    Ok(())
}

#[test]
fn a_listener_without_descriptors_tries_again_when_a_channel_closes() -> io::Result<()> {
    let log = CallLog::default();
    let acceptor = Probe::new("listener", &log).doing(|_, _| Ok(())); // It stays open.
    let (mut map, address) = map_with_listener(acceptor)?;
    let (socket, _peer) = pair()?;
    let other = map.open(socket, Probe::new("other", &log))?;

    sys::inject("1:emfile=99".parse().map_err(io::Error::other)?);
    let _waiting = EchoClient::connect(address)?;
    map.poll(Some(LIMIT))?;
    assert_eq!(log.count("listener", Call::Accepted), 0);
    assert_quiet(&mut map)?; // It does not try again.

    sys::inject("1:emfile=0".parse().map_err(io::Error::other)?);
    map.close(other);
    poll_until(&mut map, || log.count("listener", Call::Accepted) == 1)
}

#[test]
fn an_error_of_one_client_costs_no_other() -> io::Result<()> {
    let log = CallLog::default();
    let (mut map, address) = map_with_listener(Probe::new("listener", &log).doing(|_, _| Ok(())))?;
    let _clients = [EchoClient::connect(address)?, EchoClient::connect(address)?];
    sys::inject("1:aborted=50".parse().map_err(io::Error::other)?);
    map.poll(Some(LIMIT))?;
    assert_eq!(log.count("listener", Call::Accepted), 2, "{:?}", log.all());
    let aborted = Call::Error(ErrorKind::ConnectionAborted);
    assert!(
        log.count("listener", aborted) > 0,
        "the seed makes no fault"
    );
    Ok(())
}

#[test]
fn a_listener_whose_accepts_all_fail_waits_for_the_next_client() -> io::Result<()> {
    let log = CallLog::default();
    let (mut map, address) = map_with_listener(Probe::new("listener", &log).doing(|_, _| Ok(())))?;
    let mut clients = vec![EchoClient::connect(address)?];
    sys::inject("3:aborted=99".parse().map_err(io::Error::other)?);
    map.poll(Some(LIMIT))?;
    let aborted = Call::Error(ErrorKind::ConnectionAborted);
    assert_eq!(log.count("listener", aborted), net::ACCEPTS_PER_ITERATION);
    assert_quiet(&mut map)?; // It does not try again.

    sys::inject("1:aborted=0".parse().map_err(io::Error::other)?);
    clients.push(EchoClient::connect(address)?);
    poll_until(&mut map, || log.count("listener", Call::Accepted) == 2)
}

/// A map with a listener that this object handles, and the listener's address.
fn map_with_listener(acceptor: impl Dispatcher + 'static) -> io::Result<(SocketMap, SocketAddr)> {
    let listener = net::listen("127.0.0.1", 0, 128)?;
    let address = listener.local_addr()?;
    let mut map = new_map()?;
    map.open_listener(listener, acceptor)?;
    Ok((map, address))
}
