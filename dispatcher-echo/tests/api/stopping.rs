//! `stop_all` and `handle_stop`.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use common::client::EchoClient;
use common::net;
use common::sys::Stream;
use dispatcher_echo::{Channel, Dispatcher};

use crate::probe::{Call, CallLog, LIMIT, Probe, behave, new_map, pair, poll_to_end};

#[test]
fn stop_all_calls_handle_stop_and_waits_for_close() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut at_once) = pair()?;
    map.open(socket, Probe::new("at once", &log))?;
    let (socket, mut later) = pair()?;
    let probe = Probe::new("later", &log).doing(|call, channel| match call {
        Call::Stop => channel.send(b"one moment").map(drop),
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    map.stop_all(LIMIT);
    map.poll(Some(Duration::ZERO))?;
    assert_eq!(at_once.receive_to_end()?, b"");
    assert_eq!(later.receive(10)?, b"one moment");
    assert!(!map.is_empty());
    later.finish()?;
    poll_to_end(&mut map)?;
    assert_eq!(log.count("later", Call::Stop), 1);
    assert_eq!(log.of("at once"), [Call::Stop]);
    Ok(())
}

#[test]
fn a_handler_stops_all_once_it_has_returned() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let noted = log.clone();
    let probe = Probe::new("a", &log).doing(move |call, channel| match call {
        Call::Read => {
            channel.stop_all(LIMIT);
            assert_eq!(noted.count("a", Call::Stop), 0);
            Ok(())
        }
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    client.send(b"x")?;
    map.poll(Some(LIMIT))?;
    assert_eq!(log.of("a"), [Call::Read, Call::Stop]);
    assert!(map.is_empty());
    Ok(())
}

#[test]
fn handle_stop_is_not_called_after_close() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log).doing(|_, channel| {
        channel.close();
        channel.stop_all(LIMIT);
        Ok(())
    });
    map.open(socket, probe)?;
    client.send(b"x")?;
    map.poll(Some(LIMIT))?;
    assert_eq!(log.of("a"), [Call::Read]);
    Ok(())
}

#[test]
fn an_error_of_handle_stop_closes_the_channel() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, _client) = pair()?;
    let probe = Probe::new("a", &log).doing(|call, channel| match call {
        Call::Stop => Err(io::ErrorKind::Other.into()),
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    map.stop_all(LIMIT);
    map.poll(Some(LIMIT))?;
    let expected = [Call::Stop, Call::Error(io::ErrorKind::Other)];
    assert_eq!(log.of("a"), expected);
    assert!(map.is_empty());
    Ok(())
}

/// Closing the listener would reset the clients in its queue, so they are accepted first.
#[test]
fn clients_that_wait_are_accepted_before_their_listener_closes() -> io::Result<()> {
    /// Accepts one client at a time.
    struct Acceptor {
        log: CallLog,
        place: Rc<()>,
    }
    impl Dispatcher for Acceptor {
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
            let probe = Probe::new("accepted", &self.log).doing(move |call, channel| {
                let _ = &place;
                behave(call, channel)
            });
            channel.open(socket, probe).map(drop)
        }
    }
    let (mut map, log) = (new_map()?, CallLog::default());
    let listener = net::listen("127.0.0.1", 0, 16)?;
    let address = listener.local_addr()?;
    let acceptor = Acceptor {
        log: log.clone(),
        place: Rc::default(),
    };
    map.open_listener(listener, acceptor)?;
    let mut client = EchoClient::connect(address)?;
    map.poll(Some(LIMIT))?;
    let mut waits = EchoClient::connect(address)?;
    map.poll(Some(Duration::ZERO))?;
    map.stop_all(LIMIT);
    poll_to_end(&mut map)?;
    assert_eq!(log.of("accepted"), [Call::Stop; 2], "each is called once");
    assert_eq!(client.receive_to_end()?, b"");
    assert_eq!(waits.receive_to_end()?, b"");
    Ok(())
}
