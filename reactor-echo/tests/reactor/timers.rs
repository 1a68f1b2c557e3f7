//! Calls that are made later.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::Settings;
use reactor_echo::{Agenda, EngineKind, Transport};

use crate::hooks::{Hooks, Log, TIME_LIMIT, Trial, connect, result_of};

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub fn calls_come_in_the_order_of_their_times(engine: EngineKind) -> io::Result<()> {
    let (mut trial, log, begun) = (Trial::new(engine)?, Log::default(), Instant::now());
    for (delay, name) in [(30, "last"), (10, "first"), (20, "second"), (20, "third")] {
        let log = log.clone();
        let _ = trial
            .reactor
            .call_later(milliseconds(delay), move |agenda| {
                log.note(name);
                if name == "last" {
                    agenda.stop();
                }
            });
    }
    trial.run()?;
    assert_eq!(log.lines(), ["first", "second", "third", "last"]);
    assert!(begun.elapsed() >= milliseconds(30));
    Ok(())
}

pub fn a_call_from_a_callback_waits_for_the_callback_or_an_iteration(
    engine: EngineKind,
) -> io::Result<()> {
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    let note = |name: &'static str| {
        let log = log.clone();
        move |_: &mut Agenda| log.note(name)
    };
    let (now, then, first) = (note("when running"), note("no delay"), note("first"));
    let agenda = trial.reactor.agenda();
    let _ = agenda.call_later(Duration::ZERO, move |agenda| {
        agenda.call_when_running(now);
        let _ = agenda.call_later(Duration::ZERO, then);
        let _ = agenda.call_later(Duration::ZERO, Agenda::stop);
        first(agenda);
    });
    let _ = agenda.call_later(Duration::ZERO, note("second"));
    agenda.call_when_running(note("at the start"));
    agenda.call_when_running(note("behind it"));
    trial.run()?;
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
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    let note = |name: &'static str| {
        let log = log.clone();
        move |_: &mut Agenda| log.note(name)
    };
    let agenda = trial.reactor.agenda();
    let cancelled = agenda.call_later(milliseconds(10), note("cancelled"));
    let mut moved = agenda.call_later(milliseconds(1), note("moved"));
    let mut sooner = agenda.call_later(Duration::from_secs(60), note("sooner"));
    assert!(agenda.reset(&mut moved, milliseconds(20)));
    assert!(agenda.reset(&mut sooner, Duration::ZERO));
    assert!(agenda.delay(&mut sooner, milliseconds(5)));
    assert!(moved.time() > sooner.time());
    assert!(agenda.is_active(&cancelled));
    assert!(agenda.cancel(&cancelled) && !agenda.cancel(&cancelled));
    assert!(!agenda.is_active(&cancelled));

    // Cancelled in the turn in which it would have been made.
    let same_turn = Rc::new(RefCell::new(None));
    let victim = Rc::clone(&same_turn);
    agenda.call_when_running(move |agenda| {
        let call = victim.take().expect("the call is known");
        assert!(agenda.cancel(&call));
    });
    same_turn.replace(Some(agenda.call_later(Duration::ZERO, note("too late"))));
    let _ = agenda.call_later(milliseconds(40), move |agenda| {
        assert!(!agenda.reset(&mut moved, Duration::ZERO), "it was made");
        agenda.stop();
    });
    trial.run()?;
    assert_eq!(log.lines(), ["sooner", "moved"]);
    Ok(())
}

/// The loop wakes up late, as after a SIGSTOP: a callback takes longer than the timeout of another
/// connection, whose bytes come in time.
pub fn bytes_that_came_in_time_keep_a_connection(engine: EngineKind) -> io::Result<()> {
    const TIMEOUT: Duration = milliseconds(400);
    let mut trial = Trial::new(engine)?;
    let (blocks, blocked) = mpsc::channel();
    let (_, address) = trial.listen(move |_| {
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
    trial.run()?;
    result_of(clients)
}

/// The client reads nothing until the server has lost its patience, and then all.
pub fn a_timeout_lets_what_is_pending_be_sent(engine: EngineKind) -> io::Result<()> {
    const TIMEOUT: Duration = milliseconds(1000);
    const MUCH: usize = 8_000_000;
    let mut trial = Trial::new(engine)?;
    let (timed_out, has_timed_out) = mpsc::channel();
    let (_, address) = trial.listen(move |_| {
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
        Hooks::default().made(made).lost(|agenda, _| agenda.stop())
    })?;
    let client = thread::spawn(move || {
        let (mut client, mut received) = (connect(address)?, Vec::new());
        let wait = has_timed_out.recv_timeout(TIME_LIMIT);
        wait.map_err(io::Error::other)?;
        client.read_to_end(&mut received)?;
        Ok(received.len())
    });
    trial.run()?;
    assert_eq!(result_of(client)?, MUCH);
    Ok(())
}

/// A connection that waits for its peer to close waits for the grace, whatever timeout it is given.
pub fn a_timeout_does_not_delay_a_close(engine: EngineKind) -> io::Result<()> {
    let settings = Settings {
        grace: milliseconds(100),
        ..Settings::default()
    };
    let mut trial = Trial::with(engine, settings)?;
    let (_, address) = trial.listen(|_| {
        let made = |transport: &mut Transport<'_>| {
            let key = transport.key();
            transport.lose_connection();
            let _ = transport
                .reactor()
                .call_later(milliseconds(20), move |agenda| {
                    let mut transport = agenda.transport(key).expect("it is there");
                    transport.set_timeout(None);
                });
        };
        Hooks::default().made(made).lost(|agenda, _| agenda.stop())
    })?;
    let client = connect(address)?;
    trial.run()?;
    drop(client);
    Ok(())
}
