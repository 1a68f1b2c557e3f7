//! The book's steps over the simulated kernel: the contract, and what each step is the first to do
//! right.

use std::error::Error;
use std::time::Duration;

use common::Settings;
use common::sys::sim::{ClientEnd, Ending, Options, Record, Script, Trace, TraceEvent};
use lab::server::{ServerConfig, Style};
use lab::simulate::simulate;
use steps::Server;

const RUNS: u64 = 500;

fn check(server: Server) {
    if let Some(failure) = simulate(Style::Small(server), 0..RUNS) {
        panic!("{failure}");
    }
}

#[test]
fn step_7_keeps_the_contract() {
    check(Server::Step7);
}

#[test]
fn step_8_keeps_the_contract_of_lines() {
    check(Server::Step8);
}

#[test]
fn step_6_does_not_keep_the_contract() {
    assert!(simulate(Style::Small(Server::Step6), 0..RUNS).is_some());
}

/// Small buffers, so that a script of some lines fills them.
fn narrow() -> Options {
    Options {
        client_send_buffer: 16,
        server_receive_buffer: 16,
        server_send_buffer: 16,
        client_receive_buffer: 24,
        ..Options::default()
    }
}

fn run(
    server: Server,
    script: &str,
    settings: &Settings,
    options: &Options,
) -> Result<Trace, Box<dyn Error>> {
    let config = ServerConfig {
        style: Style::Small(server),
        settings: settings.clone(),
        is_queued: false,
        max_line: 1000,
    };
    let script: Script = script.parse()?;
    Ok(config.run(&script, options, 0))
}

/// Checks that the steps before `first` don't do this, and that all from `first` on do.
fn first_right(
    first: usize,
    script: &str,
    settings: &Settings,
    options: &Options,
    is_right: impl Fn(&Trace) -> bool,
) -> Result<(), Box<dyn Error>> {
    let steps = Server::ALL
        .into_iter()
        .filter_map(|server| Some((server, server.step()?)));
    for (server, step) in steps {
        let trace = run(server, script, settings, options)?;
        assert_eq!(
            is_right(&trace),
            step >= first,
            "step {step}: {:?}",
            trace.clients
        );
    }
    Ok(())
}

/// Eight lines of 16 bytes to a client that doesn't read for a while.
const SLOW: &str = "together { connect 1; stop-reading 1 }; \
    send 1 \"line 1 of eight\\nline 2 of eight\\nline 3 of eight\\nline 4 of eight\\n\
    line 5 of eight\\nline 6 of eight\\nline 7 of eight\\nline 8 of eight\\n\"; ";

#[test]
fn step_2_loses_no_byte() -> Result<(), Box<dyn Error>> {
    let script = format!("{SLOW} resume-reading 1; wait 1s; close 1; stop");
    let has_all = |trace: &Trace| trace.clients[0].received.len() == 128;
    first_right(2, &script, &Settings::default(), &narrow(), has_all)
}

#[test]
fn step_3_answers_to_the_end_of_the_stream() -> Result<(), Box<dyn Error>> {
    let script = format!("{SLOW} half-close 1; wait 1s; resume-reading 1; wait 1s; stop");
    let has_all = |trace: &Trace| {
        let client = &trace.clients[0];
        client.received.len() == 128 && client.ended == Some(ClientEnd::EndOfStream)
    };
    first_right(3, &script, &Settings::default(), &narrow(), has_all)
}

#[test]
fn step_4_holds_a_bounded_number_of_bytes() -> Result<(), Box<dyn Error>> {
    let script = format!("{SLOW} wait 1s; resume-reading 1; wait 1s; close 1; stop");
    let settings = Settings {
        recv_size: 16,
        high_water: 32,
        ..Settings::default()
    };
    // Step 1 holds nothing, since it loses what isn't sent.
    let is_bounded = |trace: &Trace| {
        let connections = trace.records.iter().flat_map(|record| &record.connections);
        let most = connections.map(|connection| connection.server_holds).max();
        most <= Some(48) && trace.clients[0].received.len() == 128
    };
    first_right(4, &script, &settings, &narrow(), is_bounded)
}

#[test]
fn step_4_accepts_no_more_than_its_limit() -> Result<(), Box<dyn Error>> {
    let script = "connect 1; connect 2; send 2 \"two\\n\"; wait 1s; close 1; wait 1s; stop";
    let settings = Settings {
        max_connections: 1,
        ..Settings::default()
    };
    let is_served_late = |trace: &Trace| {
        let answered = |record: &&Record| {
            let connections = record.connections.iter();
            connections
                .clone()
                .any(|one| one.name == "client 2" && one.client_received == 4)
        };
        let at = trace
            .records
            .iter()
            .find(answered)
            .map(|record| record.microseconds);
        at > Some(1_000_000)
    };
    first_right(4, script, &settings, &Options::default(), is_served_late)
}

#[test]
fn step_5_closes_a_silent_client() -> Result<(), Box<dyn Error>> {
    let script = "connect 1; send 1 \"one\\n\"; wait 3s; connect 2; stop";
    let settings = Settings {
        idle_timeout: Some(Duration::from_secs(2)),
        ..Settings::default()
    };
    let is_closed = |trace: &Trace| {
        let drops =
            |event: &TraceEvent| matches!(event, TraceEvent::Call(call) if call.call == "dropped");
        let dropped = trace.records.iter().find(|record| drops(&record.event));
        let at = dropped.map(|record| record.microseconds);
        at.is_some_and(|at| (2_000_000..2_900_000).contains(&at))
    };
    first_right(5, script, &settings, &Options::default(), is_closed)
}

#[test]
fn step_6_goes_on_without_descriptors() -> Result<(), Box<dyn Error>> {
    let script = "connect 1; connect 2; send 2 \"two\\n\"; wait 600ms; close 1; wait 1s; stop";
    let options = Options {
        descriptors: 6,
        ..Options::default()
    };
    let goes_on =
        |trace: &Trace| trace.ending == Ending::Returned && trace.clients[1].received == b"two\n";
    first_right(6, script, &Settings::default(), &options, goes_on)
}

#[test]
fn step_7_flushes_at_a_stop() -> Result<(), Box<dyn Error>> {
    let script = format!("{SLOW} stop; resume-reading 1; close 1");
    let has_all = |trace: &Trace| trace.clients[0].received.len() == 128;
    let settings = Settings {
        recv_size: 256,
        ..Settings::default()
    };
    let options = Options {
        server_receive_buffer: 256,
        client_send_buffer: 256,
        ..narrow()
    };
    first_right(7, &script, &settings, &options, has_all)
}

#[test]
fn step_8_returns_whole_lines() -> Result<(), Box<dyn Error>> {
    let script =
        "connect 1; send 1 \"hel\"; wait 1s; send 1 \"lo\\ntail\"; half-close 1; wait 1s; stop";
    let has_whole = |trace: &Trace| trace.clients[0].received == b"hello\n";
    first_right(
        8,
        script,
        &Settings::default(),
        &Options::default(),
        has_whole,
    )
}
