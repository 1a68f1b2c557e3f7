//! What a protocol can request of its own connection, and of others.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::Settings;
use reactor_echo::{EngineKind, Factory, Key, Protocol, Reactor, Transport};

use crate::hooks::{Fixture, Hooks, Log, connect, fill, result_of};

pub fn a_paused_connection_gets_nothing(engine: EngineKind) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(50);
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let (log, begun) = (server_log.clone(), Instant::now());
        let made = |transport: &mut Transport<'_>| {
            transport.pause_producing();
            let key = transport.key();
            let _ = transport.reactor().call_later(PAUSE, move |reactor| {
                let mut transport = reactor.transport(key).expect("the connection is open");
                transport.resume_producing();
            });
        };
        Hooks::default().made(made).data(move |transport, data| {
            assert!(begun.elapsed() >= PAUSE);
            log.note(String::from_utf8_lossy(data));
            transport.reactor().stop();
        })
    })?;
    let mut client = connect(address)?;
    client.write_all(b"hello")?;
    fixture.run()?;
    assert_eq!(log.lines(), ["hello"]);
    Ok(())
}

/// Two connections are readable in the same iteration. The first one that is called pauses the
/// other.
pub fn a_pause_holds_within_the_iteration(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let keys = Rc::new(RefCell::new(Vec::<Key>::new()));
    let (server_log, server_keys) = (log.clone(), Rc::clone(&keys));
    let (_, address) = fixture.listen(move |_| {
        let (log, keys, all) = (
            server_log.clone(),
            Rc::clone(&server_keys),
            Rc::clone(&server_keys),
        );
        let made = move |transport: &mut Transport<'_>| keys.borrow_mut().push(transport.key());
        Hooks::default().made(made).data(move |transport, _| {
            let own = transport.key();
            log.note("data");
            for &other in all.borrow().iter().filter(|key| **key != own) {
                let mut other = transport
                    .reactor()
                    .transport(other)
                    .expect("the connection is open");
                other.pause_producing();
            }
            let stop = |reactor: &mut Reactor| reactor.stop();
            let _ = transport
                .reactor()
                .call_later(Duration::from_millis(50), stop);
        })
    })?;
    let mut clients = [connect(address)?, connect(address)?];
    for client in &mut clients {
        client.write_all(b"x")?;
    }
    fixture.run()?;
    assert_eq!(log.lines(), ["data"]);
    Ok(())
}

/// The loop pauses a connection by itself while more than the high-water mark is pending.
pub fn a_client_that_does_not_read_is_not_read(engine: EngineKind) -> io::Result<()> {
    let settings = Settings {
        recv_size: 10_000,
        high_water: 50_000,
        ..Settings::default()
    };
    let mut fixture = Fixture::with(engine, settings)?;
    let most = Arc::<AtomicUsize>::default();
    let (server_most, client_most) = (Arc::clone(&most), Arc::clone(&most));
    let (_, address) = fixture.listen(move |_| {
        let most = Arc::clone(&server_most);
        let echo = move |transport: &mut Transport<'_>, data: &[u8]| {
            transport.write(data);
            most.fetch_max(transport.pending_output(), Ordering::Relaxed);
        };
        Hooks::default()
            .data(echo)
            .lost(|reactor, _| reactor.stop())
    })?;
    let client = thread::spawn(move || {
        let mut client = connect(address)?;
        let sent = fill(&mut client, &client_most, 50_000)?;
        // Reading resumes as the client reads, and everything arrives.
        client.shutdown(Shutdown::Write)?;
        assert_eq!(io::copy(&mut client, &mut io::sink())?, sent as u64);
        Ok(())
    });
    fixture.run()?;
    result_of(client)?;
    let most = most.load(Ordering::Relaxed);
    assert!((50_001..=60_000).contains(&most), "{most} pending");
    Ok(())
}

pub fn others_are_reached_by_their_keys(engine: EngineKind) -> io::Result<()> {
    let mut fixture = Fixture::new(engine)?;
    let everyone = Rc::new(RefCell::new(Vec::<Key>::new()));
    let (_, address) = fixture.listen(move |_| {
        let (joining, everyone) = (Rc::clone(&everyone), Rc::clone(&everyone));
        let made = move |transport: &mut Transport<'_>| {
            joining.borrow_mut().push(transport.key());
            transport.write(b".");
        };
        Hooks::default().made(made).data(move |transport, data| {
            for &other in everyone.borrow().iter() {
                let mut other = transport
                    .reactor()
                    .transport(other)
                    .expect("the connection is open");
                other.write_sequence([b"<".as_slice(), data, b">"]);
                other.lose_connection();
            }
            transport.reactor().stop();
        })
    })?;
    let clients = thread::spawn(move || {
        let mut clients = [connect(address)?, connect(address)?, connect(address)?];
        for client in &mut clients {
            client.read_exact(&mut [0])?;
        }
        clients[1].write_all(b"hello")?;
        for client in &mut clients {
            let mut heard = String::new();
            client.read_to_string(&mut heard)?;
            assert_eq!(heard, "<hello>");
        }
        Ok(())
    });
    fixture.run()?;
    result_of(clients)
}

pub fn the_key_of_a_closed_connection_returns_none(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let former = Rc::new(Cell::new(None::<Key>));
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let (former, gone, log) = (Rc::clone(&former), Rc::clone(&former), server_log.clone());
        let made = move |transport: &mut Transport<'_>| {
            if let Some(former) = former.replace(Some(transport.key())) {
                assert_ne!(former, transport.key());
                assert!(transport.reactor().transport(former).is_none());
                transport.reactor().stop_listening(former); // It isn't another object's key either.
                log.note("found nothing");
                transport.reactor().stop();
            }
        };
        Hooks::default().made(made).lost(move |reactor, _| {
            let own = gone.get().expect("it was made");
            assert!(reactor.transport(own).is_none());
        })
    })?;
    let clients = thread::spawn(move || {
        let mut first = connect(address)?;
        first.shutdown(Shutdown::Write)?;
        first.read_to_end(&mut Vec::new())?;
        connect(address)?.read_to_end(&mut Vec::new())
    });
    fixture.run()?;
    result_of(clients)?;
    assert_eq!(log.lines(), ["found nothing"]);
    Ok(())
}

pub fn a_factory_may_refuse(engine: EngineKind) -> io::Result<()> {
    struct EverySecond(usize, Log);

    impl Factory for EverySecond {
        fn start_factory(&mut self, _: &mut Reactor) {
            self.1.note("start");
        }

        fn build_protocol(&mut self, _: SocketAddr) -> Option<Box<dyn Protocol>> {
            self.0 += 1;
            let greeter = Hooks::default().made(|transport| {
                transport.write(b"welcome");
                transport.reactor().stop();
            });
            self.0.is_multiple_of(2).then(|| Box::new(greeter) as _)
        }

        fn stop_factory(&mut self, _: &mut Reactor) {
            self.1.note("stop");
        }
    }

    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let (_, address) = fixture.listen(EverySecond(0, log.clone()))?;
    let clients = thread::spawn(move || {
        let mut heard = String::new();
        connect(address)?.read_to_string(&mut heard)?;
        heard.push('|');
        connect(address)?.read_to_string(&mut heard)?;
        Ok(heard)
    });
    fixture.run()?;
    assert_eq!(result_of(clients)?, "|welcome");
    assert_eq!(log.lines(), ["start", "stop"]);
    Ok(())
}

pub fn a_closed_port_leaves_its_connections(engine: EngineKind) -> io::Result<()> {
    let mut fixture = Fixture::new(engine)?;
    let closing = Rc::new(Cell::new(None::<Key>));
    let own_port = Rc::clone(&closing);
    let (port, address) = fixture.listen(move |_| {
        let port = Rc::clone(&own_port);
        Hooks::default().data(move |transport, data| {
            let port = port.get().expect("the port is open");
            transport.reactor().stop_listening(port);
            transport.write(data);
            if data == b"stop" {
                assert_eq!(transport.reactor().host_of(port), None);
                transport.reactor().stop();
            }
        })
    })?;
    closing.set(Some(port));
    let client = thread::spawn(move || {
        let (mut client, mut answer) = (connect(address)?, [0; 4]);
        client.write_all(b"shut")?;
        client.read_exact(&mut answer)?;
        // The port is closed when the callback has returned, and so before the next callback.
        client.write_all(b"stop")?;
        client.read_exact(&mut answer)?;
        assert!(connect(address).is_err(), "the port is still open");
        Ok(())
    });
    fixture.run()?;
    result_of(client)
}

pub fn add_reader_watches_a_descriptor(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let (mut here, there) = UnixStream::pair()?;
    there.set_nonblocking(true)?;
    let there = Rc::new(there);
    let (reading, noted) = (Rc::clone(&there), log.clone());
    let reader = fixture.reactor.add_reader(there, move |reactor| {
        let mut text = [0; 9];
        while let Ok(count @ 1..) = (&*reading).read(&mut text) {
            noted.note(String::from_utf8_lossy(&text[..count]));
        }
        if noted.lines().len() == 2 {
            reactor.stop();
        }
    })?;
    here.write_all(b"one")?;
    let second = here.try_clone()?;
    let _ = fixture
        .reactor
        .call_later(Duration::from_millis(20), move |reactor| {
            (&second).write_all(b"two").expect("there is room");
            reactor.remove_reader(reader);
            // Removed when this callback has returned, so the byte is never read.
            let _ = reactor.call_later(Duration::from_millis(20), |reactor| reactor.stop());
        });
    fixture.run()?;
    assert_eq!(log.lines(), ["one"]);
    Ok(())
}
