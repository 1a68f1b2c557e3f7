//! `stop_all` and `handle_stop`.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use common::client::EchoClient;
use common::net;
use common::sys::Stream;
use dispatcher_echo::{Channel, Dispatcher};

use crate::probe::{Call, Diary, LIMIT, Probe, behave, new_map, pair, poll_to_end};

#[test]
fn all_are_told_to_stop_and_may_finish_first() -> io::Result<()> {
    let (mut map, diary) = (new_map()?, Diary::default());
    let (socket, mut at_once) = pair()?;
    map.open(socket, Probe::new("at once", &diary))?;
    let (socket, mut later) = pair()?;
    let probe = Probe::new("later", &diary).doing(|call, channel| match call {
        Call::Stop => channel.send(b"one moment").map(drop),
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    map.stop_all();
    map.poll(Some(Duration::ZERO))?;
    assert_eq!(at_once.receive_to_end()?, b"");
    assert_eq!(later.receive(10)?, b"one moment");
    assert!(!map.is_empty());
    later.finish()?;
    poll_to_end(&mut map)?;
    assert_eq!(diary.count("later", Call::Stop), 1);
    assert_eq!(diary.of("at once"), [Call::Stop]);
    Ok(())
}

#[test]
fn a_handler_stops_all_once_it_has_returned() -> io::Result<()> {
    let (mut map, diary) = (new_map()?, Diary::default());
    let (socket, mut client) = pair()?;
    let noted = diary.clone();
    let probe = Probe::new("a", &diary).doing(move |call, channel| match call {
        Call::Read => {
            channel.stop_all();
            assert_eq!(noted.count("a", Call::Stop), 0);
            Ok(())
        }
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    client.send(b"x")?;
    map.poll(Some(LIMIT))?;
    assert_eq!(diary.of("a"), [Call::Read, Call::Stop]);
    assert!(map.is_empty());
    Ok(())
}

#[test]
fn who_is_closed_is_not_told_to_stop() -> io::Result<()> {
    let (mut map, diary) = (new_map()?, Diary::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &diary).doing(|_, channel| {
        channel.close();
        channel.stop_all();
        Ok(())
    });
    map.open(socket, probe)?;
    client.send(b"x")?;
    map.poll(Some(LIMIT))?;
    assert_eq!(diary.of("a"), [Call::Read]);
    Ok(())
}

#[test]
fn who_fails_to_stop_is_closed() -> io::Result<()> {
    let (mut map, diary) = (new_map()?, Diary::default());
    let (socket, _client) = pair()?;
    let probe = Probe::new("a", &diary).doing(|call, channel| match call {
        Call::Stop => Err(io::ErrorKind::Other.into()),
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    map.stop_all();
    map.poll(Some(LIMIT))?;
    let expected = [Call::Stop, Call::Error(io::ErrorKind::Other)];
    assert_eq!(diary.of("a"), expected);
    assert!(map.is_empty());
    Ok(())
}

/// Closing the listener resets the clients that wait in its queue, so they are accepted first.
#[test]
fn clients_that_wait_are_accepted_before_their_listener_closes() -> io::Result<()> {
    /// Has a place for one client at a time.
    struct Door {
        diary: Diary,
        place: Rc<()>,
    }
    impl Dispatcher for Door {
        fn readable(&self) -> bool {
            Rc::strong_count(&self.place) == 1
        }
        fn handle_accepted(
            &mut self,
            channel: &mut Channel,
            socket: Stream,
            _: SocketAddr,
        ) -> io::Result<()> {
            let place = Rc::clone(&self.place);
            let probe = Probe::new("guest", &self.diary).doing(move |call, channel| {
                let _ = &place;
                behave(call, channel)
            });
            channel.open(socket, probe).map(drop)
        }
    }
    let (mut map, diary) = (new_map()?, Diary::default());
    let listener = net::listen("127.0.0.1", 0, 16)?;
    let address = listener.local_addr()?;
    let door = Door {
        diary: diary.clone(),
        place: Rc::default(),
    };
    map.open_listener(listener, door)?;
    let mut guest = EchoClient::connect(address)?;
    map.poll(Some(LIMIT))?;
    let mut waits = EchoClient::connect(address)?;
    map.poll(Some(Duration::ZERO))?;
    map.stop_all();
    poll_to_end(&mut map)?;
    assert_eq!(diary.of("guest"), [Call::Stop; 2], "each is told once");
    assert_eq!(guest.receive_to_end()?, b"");
    assert_eq!(waits.receive_to_end()?, b"");
    Ok(())
}
