//! How connections end, and the reason that is reported.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::Settings;
use reactor_echo::{EngineKind, Reactor, Reason, Transport};
use socket2::SockRef;

use crate::hooks::{Fixture, Hooks, Log, TIME_LIMIT, connect, result_of};

const MUCH: usize = 4_000_000;

fn note_and_stop(log: &Log) -> impl FnMut(&mut Reactor, &Reason) + use<> {
    let log = log.clone();
    move |reactor, reason| {
        log.note(format_args!("{reason:?}"));
        reactor.stop();
    }
}

pub fn everything_written_is_sent_before_the_connection_is_lost(
    engine: EngineKind,
) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    // A client that reads meanwhile can make the kernel take all of it with one call.
    let (written, is_written) = mpsc::channel();
    let (_, address) = fixture.listen(move |_| {
        let written = written.clone();
        let made = move |transport: &mut Transport<'_>| {
            transport.write(&vec![b'x'; MUCH]);
            assert!((1..=MUCH).contains(&transport.pending_output()));
            transport.lose_connection();
            transport.write(b"and this");
            let _ = written.send(());
        };
        Hooks::default().made(made).lost(note_and_stop(&server_log))
    })?;
    let client = thread::spawn(move || {
        let (mut client, mut received) = (connect(address)?, Vec::new());
        is_written
            .recv_timeout(TIME_LIMIT)
            .map_err(io::Error::other)?;
        client.read_to_end(&mut received)?;
        Ok(received.len())
    });
    fixture.run()?;
    assert_eq!(result_of(client)?, MUCH + "and this".len());
    assert_eq!(log.lines(), ["ConnectionDone"]);
    Ok(())
}

/// The answer is still in the kernel when all of it is written, since the client reads it slowly,
/// bit by bit.
pub fn unread_input_does_not_destroy_the_last_answer(engine: EngineKind) -> io::Result<()> {
    const ANSWER: usize = 200_000;
    let mut fixture = Fixture::new(engine)?;
    let (_, address) = fixture.listen(|_| {
        let answer = |transport: &mut Transport<'_>, _: &[u8]| {
            transport.write(&[b'x'; ANSWER]);
            transport.lose_connection();
        };
        Hooks::default()
            .data(answer)
            .lost(|reactor, _| reactor.stop())
    })?;
    let client = thread::spawn(move || {
        let (mut client, mut received) = (connect(address)?, Vec::new());
        SockRef::from(&client).set_recv_buffer_size(10_000)?;
        client.write_all(&[0; 500_000])?;
        client.read_to_end(&mut received)?;
        Ok(received.len())
    });
    fixture.run()?;
    assert_eq!(result_of(client)?, ANSWER);
    Ok(())
}

/// A completion engine needs several sends for it.
pub fn what_the_kernel_takes_is_sent_after_the_shutdown_timeout(
    engine: EngineKind,
) -> io::Result<()> {
    const ANSWER: usize = 140_000;
    let settings = Settings {
        shutdown_timeout: Duration::ZERO,
        ..Settings::default()
    };
    let mut fixture = Fixture::with(engine, settings)?;
    let (_, address) = fixture.listen(|_| {
        let answer = |transport: &mut Transport<'_>, _: &[u8]| {
            transport.write(&[b'x'; ANSWER]);
            transport.reactor().stop();
        };
        Hooks::default().data(answer)
    })?;
    let client = thread::spawn(move || {
        let (mut client, mut received) = (connect(address)?, Vec::new());
        client.write_all(b"x")?;
        client.read_to_end(&mut received)?;
        Ok(received.len())
    });
    fixture.run()?;
    assert_eq!(result_of(client)?, ANSWER);
    Ok(())
}

pub fn an_idle_connection_does_not_delay_a_stop(engine: EngineKind) -> io::Result<()> {
    let settings = Settings {
        shutdown_timeout: TIME_LIMIT / 2,
        ..Settings::default()
    };
    let mut fixture = Fixture::with(engine, settings)?;
    let (_, address) =
        fixture.listen(|_| Hooks::default().made(|transport| transport.reactor().stop()))?;
    let (client, begun) = (connect(address)?, Instant::now());
    fixture.run()?;
    assert!(begun.elapsed() < TIME_LIMIT / 4);
    drop(client);
    Ok(())
}

pub fn an_abort_is_a_reset(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let abort = |transport: &mut Transport<'_>, _: &[u8]| {
            transport.write(&vec![b'x'; MUCH]);
            transport.abort_connection();
        };
        Hooks::default()
            .data(abort)
            .lost(note_and_stop(&server_log))
    })?;
    let client = thread::spawn(move || {
        let mut client = connect(address)?;
        client.write_all(b"x")?;
        client.read_to_end(&mut Vec::new())
    });
    fixture.run()?;
    let error = result_of(client).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(log.lines(), ["ConnectionAborted"]);
    Ok(())
}

pub fn an_abort_overrides_a_close_in_good_order(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let abort = |transport: &mut Transport<'_>, _: &[u8]| {
            transport.lose_connection();
            transport.abort_connection();
        };
        Hooks::default()
            .data(abort)
            .lost(note_and_stop(&server_log))
    })?;
    let client = thread::spawn(move || {
        let mut client = connect(address)?;
        client.write_all(b"x")?;
        client.read(&mut [0; 99])
    });
    fixture.run()?;
    let error = result_of(client).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(log.lines(), ["ConnectionAborted"]);
    Ok(())
}

pub fn pending_output_is_sent_after_the_peers_end(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let echo = |transport: &mut Transport<'_>, data: &[u8]| transport.write(data);
        Hooks::default().data(echo).lost(note_and_stop(&server_log))
    })?;
    let client = thread::spawn(move || {
        let mut client = connect(address)?;
        let mut sending = client.try_clone()?;
        let sender = thread::spawn(move || {
            sending.write_all(&vec![b'x'; MUCH])?;
            sending.shutdown(Shutdown::Write)
        });
        let mut received = Vec::new();
        client.read_to_end(&mut received)?;
        result_of(sender)?;
        Ok(received.len())
    });
    fixture.run()?;
    assert_eq!(result_of(client)?, MUCH);
    assert_eq!(log.lines(), ["ConnectionDone"]);
    Ok(())
}

pub fn a_protocol_may_go_on_after_the_peers_end(engine: EngineKind) -> io::Result<()> {
    let mut fixture = Fixture::new(engine)?;
    let (_, address) = fixture.listen(|_| {
        let answer_later = |transport: &mut Transport<'_>| {
            let key = transport.key();
            let _ = transport
                .reactor()
                .call_later(Duration::from_millis(20), move |reactor| {
                    let mut transport = reactor.transport(key).expect("the connection is open");
                    transport.write(b"the answer");
                    transport.lose_connection();
                });
        };
        Hooks::default()
            .read_lost(answer_later)
            .lost(|reactor, _| reactor.stop())
    })?;
    let client = thread::spawn(move || {
        let (mut client, mut received) = (connect(address)?, String::new());
        client.shutdown(Shutdown::Write)?;
        client.read_to_string(&mut received)?;
        Ok(received)
    });
    fixture.run()?;
    assert_eq!(result_of(client)?, "the answer");
    Ok(())
}

pub fn lose_write_connection_keeps_reading(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let made = |transport: &mut Transport<'_>| {
            transport.write(b"all I have to say");
            transport.lose_write_connection();
            transport.write(b", and this");
        };
        let heard = server_log.clone();
        let data = move |transport: &mut Transport<'_>, data: &[u8]| {
            heard.note(String::from_utf8_lossy(data));
            transport.write(b"too late");
        };
        Hooks::default()
            .made(made)
            .data(data)
            .lost(note_and_stop(&server_log))
    })?;
    let client = thread::spawn(move || {
        let (mut client, mut received) = (connect(address)?, String::new());
        client.read_to_string(&mut received)?;
        client.write_all(b"understood")?;
        Ok(received)
    });
    fixture.run()?;
    assert_eq!(result_of(client)?, "all I have to say, and this");
    assert_eq!(log.lines(), ["understood", "ConnectionDone"]);
    Ok(())
}

pub fn a_reset_is_the_reason(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let log = server_log.clone();
        Hooks::default()
            .made(|transport| transport.write(b"."))
            .lost(move |reactor, reason| {
                let Reason::ConnectionLost(error) = reason else {
                    panic!("{reason:?}");
                };
                log.note(format_args!("{:?}", error.kind()));
                reactor.stop();
            })
    })?;
    let client = thread::spawn(move || {
        let mut client = connect(address)?;
        client.read_exact(&mut [0])?;
        SockRef::from(&client).set_linger(Some(Duration::ZERO))
    });
    fixture.run()?;
    result_of(client)?;
    assert_eq!(log.lines(), ["ConnectionReset"]);
    Ok(())
}

pub fn a_stop_calls_connection_lost_of_all_protocols(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let server_log = log.clone();
    let (_, address) = fixture.listen(move |_| {
        let log = server_log.clone();
        let stop = |transport: &mut Transport<'_>, data: &[u8]| {
            transport.write(data);
            transport.reactor().stop();
        };
        Hooks::default()
            .data(stop)
            .lost(move |_, reason| log.note(format_args!("{reason:?}")))
    })?;
    let client = thread::spawn(move || {
        let (mut idle, mut received) = (connect(address)?, Vec::new());
        let mut client = connect(address)?;
        client.write_all(b"stop")?;
        client.read_to_end(&mut received)?;
        idle.read_to_end(&mut received)?;
        Ok(received)
    });
    fixture.run()?;
    assert_eq!(result_of(client)?, b"stop");
    assert_eq!(log.lines(), ["ConnectionDone", "ConnectionDone"]);
    Ok(())
}

pub fn clients_in_the_backlog_are_not_reset_by_a_stop(engine: EngineKind) -> io::Result<()> {
    let (mut fixture, log) = (Fixture::new(engine)?, Log::default());
    let (busy, is_busy) = mpsc::channel();
    let (connected, are_connected) = mpsc::channel::<()>();
    let (server_log, are_connected) = (log.clone(), Rc::new(are_connected));
    let (_, address) = fixture.listen(move |_| {
        let (log, busy, are_connected) = (server_log.clone(), busy.clone(), are_connected.clone());
        let stop = move |transport: &mut Transport<'_>, _: &[u8]| {
            busy.send(()).expect("the client waits for it");
            let late = are_connected.recv_timeout(TIME_LIMIT);
            late.expect("the clients connect in time");
            transport.reactor().stop();
        };
        let lost = move |_: &mut Reactor, reason: &Reason| log.note(format_args!("{reason:?}"));
        Hooks::default().data(stop).lost(lost)
    })?;
    let clients = thread::spawn(move || {
        let mut first = connect(address)?;
        first.write_all(b"stop")?;
        is_busy.recv_timeout(TIME_LIMIT).map_err(io::Error::other)?;
        let mut waiting = [connect(address)?, connect(address)?, connect(address)?];
        for client in &mut waiting {
            client.write_all(b"request")?;
        }
        connected.send(()).map_err(io::Error::other)?;
        for client in &mut waiting {
            assert_eq!(
                client.read_to_end(&mut Vec::new())?,
                0,
                "a FIN and no reset"
            );
        }
        Ok(())
    });
    fixture.run()?;
    result_of(clients)?;
    assert_eq!(log.lines(), ["ConnectionDone"; 4]);
    Ok(())
}
