//! The whole echo server, on a thread of its own.

use std::io::{self, ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

use common::client::EchoClient;
use common::client::program::Serving;
use common::{SendPolicy, Settings, sys};
use reactor_echo::{EngineKind, serve};
use socket2::SockRef;

use crate::hooks::{connect, result_of};
use crate::shared::{only_idle_clients_are_closed, stop_tries_to_accept_again};
use crate::stream::{self, converse};

fn start(engine: EngineKind, settings: Settings, policy: SendPolicy) -> io::Result<Serving> {
    Serving::start(settings, move |listener, settings, stop| {
        serve(listener, settings, engine, policy, stop)
    })
}

pub fn every_byte_comes_back(engine: EngineKind) -> io::Result<()> {
    let server = start(engine, Settings::default(), SendPolicy::AtOnce)?;
    let mut client = server.connect()?;
    assert_eq!(client.echo(b"hello\n")?, b"hello\n");
    converse(server.connect()?, 5_000_000)?;
    assert_eq!(client.echo(b"still here\n")?, b"still here\n");
    server.stop().map(drop)
}

pub fn queued_writes_come_back_too(engine: EngineKind) -> io::Result<()> {
    let server = start(engine, Settings::default(), SendPolicy::Queued)?;
    converse(server.connect()?, 1_000_000)?;
    server.stop().map(drop)
}

pub fn faults_change_nothing(engine: EngineKind) -> io::Result<()> {
    for faults in [
        "1:short=80,eintr=30,spurious=30,aborted=20",
        "2",
        "3:spurious=99",
        "4:short=99",
    ] {
        let settings = Settings {
            recv_size: 1000,
            high_water: 2000,
            ..Settings::default()
        };
        let faults = faults.parse().map_err(io::Error::other)?;
        let server = Serving::start(settings, move |listener, settings, stop| {
            sys::inject(faults);
            serve(listener, settings, engine, SendPolicy::AtOnce, stop)
        })?;
        let address = server.address();
        let clients: Vec<_> = (1..=4)
            .map(|number| {
                thread::spawn(move || converse(EchoClient::connect(address)?, number * 10_000))
            })
            .collect();
        for client in clients {
            result_of(client)?;
        }
        server.stop()?;
    }
    Ok(())
}

pub fn data_behind_an_urgent_mark_is_read(engine: EngineKind) -> io::Result<()> {
    let server = start(engine, Settings::default(), SendPolicy::AtOnce)?;
    let mut client = connect(server.address())?;
    client.write_all(b"before")?;
    SockRef::from(&client).send_out_of_band(b"!")?;
    client.write_all(b"behind")?;
    let mut answer = [0; 12];
    client.read_exact(&mut answer)?;
    assert_eq!(&answer, b"beforebehind");
    server.stop().map(drop)
}

pub fn no_more_than_the_limit_are_accepted(engine: EngineKind) -> io::Result<()> {
    let settings = Settings {
        max_connections: 2,
        ..Settings::default()
    };
    let server = start(engine, settings, SendPolicy::AtOnce)?;
    let mut first = server.connect()?;
    let mut second = server.connect()?;
    first.echo(b"1\n")?;
    second.echo(b"2\n")?;
    let mut third = server.connect()?;
    third.send(b"3\n")?;
    third.set_time_limit(Duration::from_millis(50))?;
    let error = third.receive(2).expect_err("the third has to wait");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(first);
    third.set_time_limit(Duration::from_secs(5))?;
    assert_eq!(third.receive(2)?, b"3\n");
    server.stop().map(drop)
}

pub fn a_client_that_does_not_read_delays_nobody(engine: EngineKind) -> io::Result<()> {
    stream::deaf_client_delays_nobody(start(engine, Settings::default(), SendPolicy::AtOnce)?)
}

pub fn stop_flushes_pending_output(engine: EngineKind) -> io::Result<()> {
    let settings = Settings::default();
    let shutdown_timeout = settings.shutdown_timeout;
    let server = start(engine, settings, SendPolicy::AtOnce)?;
    stream::stop_flushes_pending_output(server, shutdown_timeout)
}

pub fn only_silent_connections_are_closed(engine: EngineKind) -> io::Result<()> {
    only_idle_clients_are_closed(b"busy\n", |settings| {
        start(engine, settings, SendPolicy::AtOnce)
    })
}

pub fn a_stop_tries_to_accept_again(engine: EngineKind) -> io::Result<()> {
    stop_tries_to_accept_again(move |listener, settings, stop| {
        serve(listener, settings, engine, SendPolicy::AtOnce, stop)
    })
}
