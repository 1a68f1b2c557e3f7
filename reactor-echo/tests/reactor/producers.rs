//! Producers, which the loop pauses and resumes depending on pending output.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{Settings, sys};
use reactor_echo::{EngineKind, Key, Producer, Reactor, Transport};
use socket2::SockRef;

use crate::hooks::{Fixture, Hooks, Log, TIME_LIMIT, connect, fill, result_of};

/// Writes `left` pieces, one for each call.
struct Pieces {
    left: usize,
    log: Log,
}

const PIECE: usize = 300_000;

impl Producer for Pieces {
    fn resume_producing(&mut self, consumer: &mut Transport<'_>) {
        assert_eq!(consumer.pending_output(), 0);
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                consumer.write(&[b'x'; PIECE]);
            }
            None => self.log.note("nothing left"),
        }
        if self.left == 0 {
            consumer.unregister_producer();
        }
    }

    fn pause_producing(&mut self, _: &mut Transport<'_>) {
        self.log.note("paused"); // Never called for a pull producer.
    }

    fn stop_producing(&mut self, _: &mut Reactor) {
        self.log.note("stopped");
    }
}

pub fn a_pull_producer_is_asked_once_for_each_piece(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let log = server_log.clone();
        let made = move |transport: &mut Transport<'_>| {
            let log = log.clone();
            transport.register_producer(Pieces { left: 20, log }, false);
            transport.lose_connection(); // Once all pieces are sent.
        };
        Hooks::default()
            .made(made)
            .lost(|reactor, _| reactor.stop())
    })?;
    let client = thread::spawn(move || {
        let mut received = Vec::new();
        connect(address)?.read_to_end(&mut received)?;
        Ok(received.len())
    });
    fixture.run()?;
    assert_eq!(result_of(client)?, 20 * PIECE);
    assert!(log.lines().is_empty(), "{:?}", log.lines());
    Ok(())
}

pub fn a_pull_producer_that_writes_nothing_is_left_alone(engine: EngineKind) -> io::Result<()> {
    struct Empty(Log);

    impl Producer for Empty {
        fn resume_producing(&mut self, _: &mut Transport<'_>) {
            self.0.note("asked");
        }

        fn stop_producing(&mut self, _: &mut Reactor) {}
    }

    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let log = server_log.clone();
        Hooks::default().made(move |transport| {
            transport.register_producer(Empty(log.clone()), false);
            let reactor = transport.reactor();
            let _ = reactor.call_later(Duration::from_millis(50), Reactor::stop);
        })
    })?;
    let client = connect(address)?;
    fixture.run()?;
    drop(client);
    assert_eq!(log.lines(), ["asked"]);
    let waits = sys::counters().waits;
    assert!(waits < 20, "the loop was spinning: {waits} waits");
    Ok(())
}

/// The state that a server's two connections share. The first receives what the second sends.
#[derive(Clone, Default)]
struct Relay {
    sink: Rc<Cell<Option<Key>>>,
    most_pending: Arc<AtomicUsize>,
    log: Log,
}

impl Relay {
    fn protocol(&self) -> Hooks {
        let (joining, relay, ended) = (self.clone(), self.clone(), self.clone());
        let made = move |transport: &mut Transport<'_>| {
            let key = transport.key();
            match joining.sink.get() {
                None => joining.sink.set(Some(key)),
                Some(sink) => {
                    let sink = transport.reactor().transport(sink);
                    sink.expect("the connection is open")
                        .register_producer(key, true);
                }
            }
            transport.write(b".");
        };
        let data = move |transport: &mut Transport<'_>, data: &[u8]| {
            let sink = relay.sink.get().expect("the sink has connected first");
            if let Some(mut sink) = transport.reactor().transport(sink) {
                sink.write(data);
                let pending = sink.pending_output();
                relay.most_pending.fetch_max(pending, Ordering::Relaxed);
            }
        };
        let lost = move |reactor: &mut Reactor, _: &reactor_echo::Reason| {
            ended.log.note("lost");
            if ended.log.lines().len() == 2 {
                reactor.stop();
            }
        };
        Hooks::default().made(made).data(data).lost(lost)
    }
}

/// The bytes that are held for a client that doesn't read are bounded. When it reads, all arrive.
pub fn a_push_producer_is_paused_above_the_high_water_mark(engine: EngineKind) -> io::Result<()> {
    const MUCH: usize = 20_000_000;
    let settings = Settings {
        recv_size: 10_000,
        high_water: 50_000,
        ..Settings::default()
    };
    let mut fixture = Fixture::with(engine, settings)?;
    let relay = Relay::default();
    let (most, client_most) = (relay.most_pending.clone(), relay.most_pending.clone());
    let (_, address) = fixture.listen(move |_| relay.protocol())?;
    let clients = thread::spawn(move || {
        let mut sink = connect(address)?;
        sink.read_exact(&mut [0])?;
        let mut source = connect(address)?;
        source.read_exact(&mut [0])?;
        let (stuck, is_stuck) = mpsc::channel();
        let sender = thread::spawn(move || {
            let sent = fill(&mut source, &client_most, 50_000)?;
            stuck.send(()).map_err(io::Error::other)?;
            source.write_all(&vec![b'x'; MUCH - sent])
        });
        is_stuck
            .recv_timeout(TIME_LIMIT)
            .map_err(io::Error::other)?;
        sink.read_exact(&mut vec![0; MUCH])?;
        result_of(sender)
    });
    fixture.run()?;
    result_of(clients)?;
    let most = most.load(Ordering::Relaxed);
    assert!((50_001..=60_000).contains(&most), "{most} pending");
    Ok(())
}

pub fn a_producer_is_stopped_with_its_consumer(engine: EngineKind) -> io::Result<()> {
    let mut fixture = Fixture::new(engine)?;
    let relay = Relay::default();
    let (_, address) = fixture.listen(move |_| relay.protocol())?;
    let clients = thread::spawn(move || {
        let mut sink = connect(address)?;
        sink.read_exact(&mut [0])?;
        let mut source = connect(address)?;
        source.read_exact(&mut [0])?;
        SockRef::from(&sink).set_linger(Some(Duration::ZERO))?;
        drop(sink);
        let mut rest = Vec::new();
        source.read_to_end(&mut rest)?;
        Ok(rest)
    });
    fixture.run()?;
    assert_eq!(result_of(clients)?, b"");
    Ok(())
}

pub fn a_producer_is_stopped_with_the_reactor(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let log = server_log.clone();
        let lost = log.clone();
        Hooks::default()
            .made(move |transport| {
                let log = log.clone();
                transport.register_producer(Pieces { left: 9, log }, false);
                transport.reactor().stop();
            })
            .lost(move |_, reason| lost.note(format_args!("{reason:?}")))
    })?;
    let client = connect(address)?;
    fixture.run()?;
    drop(client);
    assert_eq!(log.lines(), ["stopped", "ConnectionDone"]);
    Ok(())
}
