//! The load generator as a library.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::client::load::{self, Length, LoadSettings};

use crate::TIME_LIMIT;
use crate::servers::{close_early, corrupt, echo, echo_lines, keep_silent, serve, stutter, swap};

pub fn few(count: u64) -> LoadSettings {
    LoadSettings {
        connections: 5,
        length: Length::Count(count),
        ..LoadSettings::default()
    }
}

#[test]
fn load_counts_and_times_every_message() -> io::Result<()> {
    let settings = LoadSettings {
        warm_up: Duration::from_millis(20),
        ..few(2_000)
    };
    let summary = load::run(serve(echo)?, &settings)?.verified()?;
    assert_eq!(summary.messages, 2_000);
    assert_eq!(summary.histogram().len(), 2_000);
    let (half, most) = (summary.percentile(50.0), summary.percentile(100.0));
    assert!(
        Some(Duration::ZERO) < half && half <= most && most < Some(TIME_LIMIT),
        "{half:?} {most:?}"
    );
    let rate = summary.messages as f64 / summary.seconds;
    assert!((rate / summary.messages_per_second - 1.0).abs() < 1e-6);
    Ok(())
}

#[test]
fn load_lasts_as_long_as_asked() -> io::Result<()> {
    let duration = Duration::from_millis(200);
    let settings = LoadSettings {
        length: Length::Duration(duration),
        ..few(1)
    };
    let summary = load::run(serve(echo_lines)?, &settings)?.verified()?;
    // The last answers are to messages that were sent within that time. They come after it, since
    // a message followed each earlier answer.
    let (shortest, longest) = (duration.as_secs_f64(), TIME_LIMIT.as_secs_f64());
    assert!((shortest..longest).contains(&summary.seconds), "{summary}");
    Ok(())
}

#[test]
fn load_of_many_mebibytes_under_way_does_not_deadlock() -> io::Result<()> {
    let settings = LoadSettings {
        connections: 2,
        size: 1_500_000,
        depth: 8,
        ..few(40)
    };
    let summary = load::run(serve(echo)?, &settings)?.verified()?;
    assert_eq!(summary.messages, 40);
    Ok(())
}

#[test]
fn load_passes_many_small_messages_at_once() -> io::Result<()> {
    for size in [1, 2, 7, 64] {
        let settings = LoadSettings {
            size,
            depth: 100,
            ..few(50_000)
        };
        assert_eq!(
            load::run(serve(echo_lines)?, &settings)?
                .verified()?
                .messages,
            50_000
        );
    }
    Ok(())
}

#[test]
fn load_notices_wrong_swapped_repeated_and_missing_answers() -> io::Result<()> {
    type Server = fn(TcpStream) -> io::Result<()>;
    let cases: [(Server, &str); 4] = [
        (corrupt, "message 16 came back wrong: byte 40 is"),
        (swap, "message 1 came back wrong"),
        (stutter, "bytes came back that were not sent"),
        (close_early, "closed by the server after 7 answers"),
    ];
    for (server, expected) in cases {
        // Two messages at once: otherwise none can be swapped.
        let depth = if server as usize == swap as Server as usize {
            2
        } else {
            1
        };
        let summary = load::run(
            serve(server)?,
            &LoadSettings {
                depth,
                ..few(1_000)
            },
        )?;
        assert_eq!(summary.errors, 5, "{summary}");
        let error = summary
            .verified()
            .expect_err("the answers were wrong")
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
    Ok(())
}

#[test]
fn load_notices_answers_to_somebody_else() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || {
        let ((mut one, _), (mut other, _)) = (listener.accept()?, listener.accept()?);
        let (mut from_one, mut from_other) = ([0; 64], [0; 64]);
        one.read_exact(&mut from_one)?;
        other.read_exact(&mut from_other)?;
        one.write_all(&from_other)?;
        other.write_all(&from_one)
    });
    let summary = load::run(
        address,
        &LoadSettings {
            connections: 2,
            ..few(100)
        },
    )?;
    assert_eq!((summary.messages, summary.errors), (0, 2), "{summary}");
    server.join().expect("the server does not panic")
}

#[test]
fn load_gives_up_when_nothing_moves() -> io::Result<()> {
    let settings = LoadSettings {
        stall_limit: Duration::from_millis(200),
        ..few(100)
    };
    let summary = load::run(serve(keep_silent)?, &settings)?;
    assert_eq!((summary.messages, summary.errors), (0, 5));
    let error = summary.verified().expect_err("nobody answered").to_string();
    assert!(
        error.contains("no progress for 0.2 s, with 1 unanswered messages"),
        "{error}"
    );
    Ok(())
}

#[test]
fn idle_connections_are_held_beside_the_busy_ones() -> io::Result<()> {
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    let address = serve(|socket| {
        OPEN.fetch_add(1, Ordering::SeqCst);
        echo(socket)
    })?;
    let load = load::Load::open(
        address,
        &LoadSettings {
            idle: 10,
            ..few(100)
        },
    )?;
    let started = Instant::now();
    while OPEN.load(Ordering::SeqCst) < 15 && started.elapsed() < TIME_LIMIT {
        thread::yield_now();
    }
    assert_eq!(OPEN.load(Ordering::SeqCst), 15);
    assert_eq!(load.run()?.verified()?.idle, 10);
    Ok(())
}

#[test]
fn the_loss_of_an_idle_connection_is_an_error() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || {
        (0..3).try_for_each(|_| listener.accept().map(drop))?;
        echo(listener.accept()?.0)
    });
    let summary = load::run(
        address,
        &LoadSettings {
            idle: 3,
            connections: 1,
            ..few(10)
        },
    )?;
    assert_eq!((summary.messages, summary.errors), (10, 3));
    let error = summary.verified().expect_err("three are lost").to_string();
    assert_eq!(error, "idle connection 1 was closed by the server");
    server.join().expect("the server does not panic")
}

#[test]
fn settings_that_make_no_sense_are_refused() -> io::Result<()> {
    let address = serve(echo)?;
    for settings in [
        LoadSettings {
            connections: 0,
            ..few(1)
        },
        LoadSettings { size: 0, ..few(1) },
        LoadSettings {
            threads: 0,
            ..few(1)
        },
        LoadSettings {
            size: usize::MAX,
            depth: usize::MAX,
            ..few(1)
        },
        LoadSettings {
            rate: Some(f64::NAN),
            ..few(1)
        },
        few(0),
    ] {
        let error = load::run(address, &settings).expect_err("nonsense");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{settings:?}");
    }
    Ok(())
}

#[test]
fn threads_share_connections_and_count_every_message_once() -> io::Result<()> {
    // 7 connections and 1,001 messages aren't multiples of 3; 9 threads are too many for either.
    for (threads, used, rate) in [(3, 3, None), (9, 7, None), (3, 3, Some(5_000.0))] {
        let settings = LoadSettings {
            threads,
            connections: 7,
            rate,
            warm_up: Duration::from_millis(20),
            ..few(1_001)
        };
        let summary = load::run(serve(echo)?, &settings)?.verified()?;
        assert_eq!((summary.threads, summary.connections), (used, 7));
        assert_eq!((summary.messages, summary.never_sent), (1_001, 0));
        assert_eq!(summary.histogram().len(), 1_001);
        assert!(summary.answers_waiting >= Some(1.0), "{summary}");
    }
    Ok(())
}

#[test]
fn the_errors_of_every_thread_are_told() -> io::Result<()> {
    let settings = LoadSettings {
        threads: 3,
        ..few(1_000)
    };
    let summary = load::run(serve(close_early)?, &settings)?;
    assert_eq!(summary.errors, 5, "{summary}");
    let error = summary.verified().expect_err("all were closed");
    assert!(
        error.to_string().contains("closed by the server"),
        "{error}"
    );
    Ok(())
}
