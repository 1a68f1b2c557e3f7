//! Calls that are made later.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::Settings;
use reactor_echo::{EngineKind, Reactor, Transport};

use crate::hooks::{Fixture, Hooks, Log, TIME_LIMIT, connect, result_of};

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub fn calls_come_in_the_order_of_their_times(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log, begun) = (Fixture::new(engine)?, Log::default(), Instant::now());
    for (delay, name) in [(30, "last"), (10, "first"), (20, "second"), (20, "third")] {
        let log = log.clone();
        let _ = fixture
            .reactor
            .call_later(milliseconds(delay), move |reactor| {
                log.note(name);
                if name == "last" {
                    reactor.stop();
                }
            });
    }
    fixture.run()?;
    assert_eq!(log.lines(), ["first", "second", "third", "last"]);
    assert!(begun.elapsed() >= milliseconds(30));
    Ok(())
}

pub fn a_call_from_a_callback_waits_for_the_callback_or_an_iteration(
    engine: EngineKind,
) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let note = |name: &'static str| {
        let log = log.clone();
        move |_: &mut Reactor| log.note(name)
    };
    let (now, then, first) = (note("when running"), note("no delay"), note("first"));
    let reactor = &mut fixture.reactor;
    let _ = reactor.call_later(Duration::ZERO, move |reactor| {
        reactor.call_when_running(now);
        let _ = reactor.call_later(Duration::ZERO, then);
        let _ = reactor.call_later(Duration::ZERO, Reactor::stop);
        first(reactor);
    });
    let _ = reactor.call_later(Duration::ZERO, note("second"));
    reactor.call_when_running(note("at the start"));
    reactor.call_when_running(note("behind it"));
    fixture.run()?;
    let expected = [
        "at the start",
        "behind it",
        "first",
        "when running",
        "second",
        "no delay",
    ];
    assert_eq!(log.lines(), expected);
    Ok(())
}

pub fn calls_are_cancelled_and_moved(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let note = |name: &'static str| {
        let log = log.clone();
        move |_: &mut Reactor| log.note(name)
    };
    let reactor = &mut fixture.reactor;
    let cancelled = reactor.call_later(milliseconds(10), note("cancelled"));
    let mut moved = reactor.call_later(milliseconds(1), note("moved"));
    let mut sooner = reactor.call_later(Duration::from_secs(60), note("sooner"));
    assert!(reactor.reset(&mut moved, milliseconds(20)));
    assert!(reactor.reset(&mut sooner, Duration::ZERO));
    assert!(reactor.delay(&mut sooner, milliseconds(5)));
    assert!(moved.time() > sooner.time());
    assert!(reactor.is_active(&cancelled));
    assert!(reactor.cancel(&cancelled) && !reactor.cancel(&cancelled));
    assert!(!reactor.is_active(&cancelled));

    // Cancelled in the iteration in which it would have been made.
    let same_iteration = Rc::new(RefCell::new(None));
    let victim = Rc::clone(&same_iteration);
    reactor.call_when_running(move |reactor| {
        let call = victim.take().expect("the call is known");
        assert!(reactor.cancel(&call));
    });
    same_iteration.replace(Some(reactor.call_later(Duration::ZERO, note("too late"))));
    let _ = reactor.call_later(milliseconds(40), move |reactor| {
        assert!(
            !reactor.reset(&mut moved, Duration::ZERO),
            "the call was already made"
        );
        reactor.stop();
    });
    fixture.run()?;
    assert_eq!(log.lines(), ["sooner", "moved"]);
    Ok(())
}

/// The loop wakes up late, as after a SIGSTOP: a callback takes longer than the timeout of another
/// connection, whose bytes arrive in time.
pub fn bytes_that_came_in_time_keep_a_connection(engine: EngineKind) -> io::Result<()> {
    const TIMEOUT: Duration = milliseconds(400);
    let mut fixture = Fixture::new(engine)?;
    let (blocks, blocked) = mpsc::channel();
    let (_, address) = fixture.listen(move |_| {
        let made = |transport: &mut Transport<'_>| {
            transport.set_timeout(Some(TIMEOUT));
            transport.write(b".");
        };
        let blocks = blocks.clone();
        Hooks::default().made(made).data(move |transport, data| {
            match data {
                b"block" => {
                    blocks.send(()).expect("the client waits for it");
                    thread::sleep(2 * TIMEOUT);
                }
                b"stop" => transport.reactor().stop(),
                _ => {}
            }
            transport.write(data);
        })
    })?;
    let clients = thread::spawn(move || {
        let (mut busy, mut patient) = (connect(address)?, connect(address)?);
        busy.read_exact(&mut [0])?;
        patient.read_exact(&mut [0])?;
        busy.write_all(b"block")?;
        blocked.recv_timeout(TIME_LIMIT).map_err(io::Error::other)?;
        for message in [b"in time".as_slice(), b"go on"] {
            let mut answer = vec![0; message.len()];
            patient.write_all(message)?;
            patient.read_exact(&mut answer)?;
            assert_eq!(answer, message);
        }
        patient.write_all(b"stop")
    });
    fixture.run()?;
    result_of(clients)
}

/// The client reads nothing until the timeout is over, and then everything.
pub fn a_timeout_lets_pending_output_be_sent(engine: EngineKind) -> io::Result<()> {
    const TIMEOUT: Duration = milliseconds(1000);
    const MUCH: usize = 8_000_000;
    let mut fixture = Fixture::new(engine)?;
    let (timed_out, has_timed_out) = mpsc::channel();
    let (_, address) = fixture.listen(move |_| {
        let timed_out = timed_out.clone();
        let made = move |transport: &mut Transport<'_>| {
            transport.set_timeout(Some(TIMEOUT));
            transport.write(&vec![b'x'; MUCH]);
            let timed_out = timed_out.clone();
            let _ = transport
                .reactor()
                .call_later(TIMEOUT + TIMEOUT / 4, move |_| {
                    timed_out.send(()).expect("the client waits for it");
                });
        };
        Hooks::default()
            .made(made)
            .lost(|reactor, _| reactor.stop())
    })?;
    let client = thread::spawn(move || {
        let (mut client, mut received) = (connect(address)?, Vec::new());
        let wait = has_timed_out.recv_timeout(TIME_LIMIT);
        wait.map_err(io::Error::other)?;
        client.read_to_end(&mut received)?;
        Ok(received.len())
    });
    fixture.run()?;
    assert_eq!(result_of(client)?, MUCH);
    Ok(())
}

/// A draining connection waits for the shutdown timeout, whatever its own timeout
/// is.
pub fn a_timeout_does_not_delay_a_close(engine: EngineKind) -> io::Result<()> {
    let settings = Settings {
        shutdown_timeout: milliseconds(100),
        ..Settings::default()
    };
    let mut fixture = Fixture::with(engine, settings)?;
    let (_, address) = fixture.listen(|_| {
        let made = |transport: &mut Transport<'_>| {
            let key = transport.key();
            transport.lose_connection();
            let _ = transport
                .reactor()
                .call_later(milliseconds(20), move |reactor| {
                    let mut transport = reactor.transport(key).expect("the connection is open");
                    transport.set_timeout(None);
                });
        };
        Hooks::default()
            .made(made)
            .lost(|reactor, _| reactor.stop())
    })?;
    let client = connect(address)?;
    fixture.run()?;
    drop(client);
    Ok(())
}
