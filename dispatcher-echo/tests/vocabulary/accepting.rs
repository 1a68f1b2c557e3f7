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

use crate::probe::{Call, Diary, LIMIT, Probe, assert_quiet, new_map, pair, poll_until};

/// An object that overrides nothing.
struct Bare;

impl Dispatcher for Bare {}

#[test]
fn by_default_who_is_accepted_is_closed() -> io::Result<()> {
    let (mut map, address) = map_with_listener(Bare)?;
    for _ in 0..2 {
        let mut client = EchoClient::connect(address)?;
        map.poll(Some(LIMIT))?;
        assert_eq!(client.receive_to_end()?, b"");
    }
    assert_quiet(&mut map)
}

#[test]
fn as_many_as_wait_are_accepted_but_others_have_their_turn_too() -> io::Result<()> {
    let diary = Diary::default();
    let (mut map, address) = map_with_listener(Probe::new("door", &diary))?;
    let clients: Vec<_> = (0..net::ACCEPTS_PER_TURN + 5)
        .map(|_| EchoClient::connect(address))
        .collect::<io::Result<_>>()?;
    map.poll(Some(LIMIT))?;
    assert_eq!(diary.count("door", Call::Accepted), net::ACCEPTS_PER_TURN);
    map.poll(Some(LIMIT))?;
    assert_eq!(diary.count("door", Call::Accepted), clients.len());
    assert_quiet(&mut map)
}

#[test]
fn who_fails_while_being_accepted_is_alone_in_that() -> io::Result<()> {
    let diary = Diary::default();
    let mut first = true;
    let door = Probe::new("door", &diary).doing(move |call, _| match call {
        Call::Accepted if mem::take(&mut first) => Err(ErrorKind::Other.into()),
        _ => Ok(()),
    });
    let (mut map, address) = map_with_listener(door)?;
    let _clients = [EchoClient::connect(address)?, EchoClient::connect(address)?];
    poll_until(&mut map, || diary.count("door", Call::Accepted) == 2)?;
    let expected = [
        Call::Accepted,
        Call::Error(ErrorKind::Other),
        Call::Accepted,
    ];
    assert_eq!(diary.of("door"), expected);
    Ok(())
}

#[test]
fn by_default_an_error_closes_a_connection_but_no_listener() -> io::Result<()> {
    /// Fails whatever it is called for.
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
fn a_listener_is_asked_on_every_turn_whether_it_accepts() -> io::Result<()> {
    let diary = Diary::default();
    let door = Probe::new("door", &diary);
    let wishes = door.wishes();
    wishes.readable.set(false);
    let (mut map, address) = map_with_listener(door)?;
    let _waits = EchoClient::connect(address)?;
    assert_quiet(&mut map)?;
    assert_eq!(diary.all(), []);
    wishes.readable.set(true); // And nobody says `reconsider`.
    poll_until(&mut map, || diary.of("door") == [Call::Accepted])
}

#[test]
fn a_listener_that_has_had_enough_stops_in_the_middle_of_a_rush() -> io::Result<()> {
    let diary = Diary::default();
    let door = Probe::new("door", &diary);
    let wishes = door.wishes();
    let enough = Rc::clone(&wishes);
    let door = door.doing(move |_, _| {
        enough.readable.set(false);
        Ok(())
    });
    let (mut map, address) = map_with_listener(door)?;
    let clients = [EchoClient::connect(address)?, EchoClient::connect(address)?];
    map.poll(Some(LIMIT))?;
    assert_eq!(diary.of("door"), [Call::Accepted]);
    assert_quiet(&mut map)?;
    wishes.readable.set(true);
    poll_until(&mut map, || diary.of("door").len() == clients.len())
}

#[test]
fn who_is_opened_while_being_accepted_is_served() -> io::Result<()> {
    /// Opens a probe for each client, and says which kind of socket it has itself.
    struct Door {
        diary: Diary,
        greeted: Rc<Cell<usize>>,
    }
    impl Dispatcher for Door {
        fn handle_accepted(
            &mut self,
            channel: &mut Channel,
            socket: Stream,
            peer: SocketAddr,
        ) -> io::Result<()> {
            assert_eq!(socket.peer_addr()?, peer);
            assert!(SockRef::from(&socket.descriptor().to_os()?).tcp_nodelay()?);
            let own = channel.key();
            let key = channel.open(socket, Probe::new("guest", &self.diary))?;
            assert_ne!(key, own);
            self.greeted.set(self.greeted.get() + 1);
            Ok(())
        }
    }
    let (diary, greeted) = (Diary::default(), Rc::new(Cell::new(0)));
    let door = Door {
        diary: diary.clone(),
        greeted: Rc::clone(&greeted),
    };
    let (mut map, address) = map_with_listener(door)?;
    let mut client = EchoClient::connect(address)?;
    client.send(b"x")?;
    poll_until(&mut map, || diary.of("guest") == [Call::Read])?;
    assert_eq!(greeted.get(), 1);
    Ok(())
}

#[test]
fn a_listener_without_descriptors_tries_again_when_a_channel_closes() -> io::Result<()> {
    let diary = Diary::default();
    let door = Probe::new("door", &diary).doing(|_, _| Ok(())); // It stays open.
    let (mut map, address) = map_with_listener(door)?;
    let (socket, _peer) = pair()?;
    let other = map.open(socket, Probe::new("other", &diary))?;

    sys::inject("1:emfile=99".parse().map_err(io::Error::other)?);
    let _waiting = EchoClient::connect(address)?;
    map.poll(Some(LIMIT))?;
    assert_eq!(diary.count("door", Call::Accepted), 0);
    assert_quiet(&mut map)?; // It does not try in vain.

    sys::inject("1:emfile=0".parse().map_err(io::Error::other)?);
    map.close(other);
    poll_until(&mut map, || diary.count("door", Call::Accepted) == 1)
}

#[test]
fn an_error_of_one_client_costs_no_other() -> io::Result<()> {
    let diary = Diary::default();
    let (mut map, address) = map_with_listener(Probe::new("door", &diary).doing(|_, _| Ok(())))?;
    let _clients = [EchoClient::connect(address)?, EchoClient::connect(address)?];
    sys::inject("1:aborted=50".parse().map_err(io::Error::other)?);
    map.poll(Some(LIMIT))?;
    assert_eq!(diary.count("door", Call::Accepted), 2, "{:?}", diary.all());
    let aborted = Call::Error(ErrorKind::ConnectionAborted);
    assert!(diary.count("door", aborted) > 0, "the seed makes no fault");
    Ok(())
}

#[test]
fn a_listener_whose_accepts_all_fail_waits_for_the_next_client() -> io::Result<()> {
    let diary = Diary::default();
    let (mut map, address) = map_with_listener(Probe::new("door", &diary).doing(|_, _| Ok(())))?;
    let mut clients = vec![EchoClient::connect(address)?];
    sys::inject("3:aborted=99".parse().map_err(io::Error::other)?);
    map.poll(Some(LIMIT))?;
    let aborted = Call::Error(ErrorKind::ConnectionAborted);
    assert_eq!(diary.count("door", aborted), net::ACCEPTS_PER_TURN);
    assert_quiet(&mut map)?; // It does not try in vain.

    sys::inject("1:aborted=0".parse().map_err(io::Error::other)?);
    clients.push(EchoClient::connect(address)?);
    poll_until(&mut map, || diary.count("door", Call::Accepted) == 2)
}

/// A map with a listener of this object, and where it listens.
fn map_with_listener(door: impl Dispatcher + 'static) -> io::Result<(SocketMap, SocketAddr)> {
    let listener = net::listen("127.0.0.1", 0, 128)?;
    let address = listener.local_addr()?;
    let mut map = new_map()?;
    map.open_listener(listener, door)?;
    Ok((map, address))
}
