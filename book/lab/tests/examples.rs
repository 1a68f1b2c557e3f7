//! Runs the examples of the four styles over the simulated kernel.

#![cfg(unix)]
#![expect(
    clippy::duplicate_mod,
    reason = "each of the chat examples has the module that they share"
)]

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::sys::sim::{
    self, CallRecord, ClientEnd, Ending, Options, Schedule, Script, Trace, TraceEvent,
};
use common::sys::{self, Listener};
use common::{Settings, StopSignal};
use reactor_echo::{EngineKind, Reactor};

/// An example, included as a module. Only its program calls its `main`.
macro_rules! example {
    ($name:ident, $path:literal) => {
        #[path = $path]
        #[expect(dead_code, reason = "the tests call what main calls")]
        mod $name;
    };
}

example!(
    select_chat_room,
    "../../../select-echo/examples/select_chat_room.rs"
);
example!(
    select_proxy,
    "../../../select-echo/examples/select_proxy.rs"
);
example!(
    select_timer,
    "../../../select-echo/examples/select_timer.rs"
);
example!(
    dispatcher_chat_room,
    "../../../dispatcher-echo/examples/dispatcher_chat_room.rs"
);
example!(
    dispatcher_client,
    "../../../dispatcher-echo/examples/dispatcher_client.rs"
);
example!(
    dispatcher_timer,
    "../../../dispatcher-echo/examples/dispatcher_timer.rs"
);
example!(
    chat_countdown,
    "../../../chat-echo/examples/chat_countdown.rs"
);
example!(chat_http, "../../../chat-echo/examples/chat_http.rs");
example!(chat_room, "../../../chat-echo/examples/chat_room.rs");
example!(
    reactor_chat_room,
    "../../../reactor-echo/examples/reactor_chat_room.rs"
);
example!(
    reactor_client,
    "../../../reactor-echo/examples/reactor_client.rs"
);
example!(
    reactor_countdown,
    "../../../reactor-echo/examples/reactor_countdown.rs"
);
example!(
    reactor_proxy,
    "../../../reactor-echo/examples/reactor_proxy.rs"
);

/// The engines that can watch simulated descriptors.
const ENGINES: [EngineKind; 2] = [EngineKind::Mio, EngineKind::Select];

/// The address of the server that a proxy or a client connects to.
const TARGET: ([u8; 4], u16) = ([127, 0, 0, 1], 9000);

const SEEDS: u64 = 50;

/// A function that serves a listener, with the name that a failing test shows.
type Server = (&'static str, fn(Listener, StopSignal) -> io::Result<()>);

fn reactor(engine: EngineKind) -> io::Result<Reactor> {
    Reactor::new(engine, Settings::default())
}

fn reactor_rooms() -> [Server; 2] {
    [
        ("reactor_chat_room, mio", |listener, stop| {
            reactor_chat_room::serve(reactor(EngineKind::Mio)?, listener, stop)
        }),
        ("reactor_chat_room, select", |listener, stop| {
            reactor_chat_room::serve(reactor(EngineKind::Select)?, listener, stop)
        }),
    ]
}

/// The rooms that greet with `welcome` and pass on only what was sent.
fn plain_rooms() -> [Server; 2] {
    [
        ("select_chat_room", select_chat_room::serve),
        ("dispatcher_chat_room", dispatcher_chat_room::serve),
    ]
}

fn proxies() -> [Server; 3] {
    [
        ("select_proxy", |listener, stop| {
            select_proxy::serve(listener, TARGET.into(), stop)
        }),
        ("reactor_proxy, mio", |listener, stop| {
            reactor_proxy::serve(reactor(EngineKind::Mio)?, listener, TARGET.into(), stop)
        }),
        ("reactor_proxy, select", |listener, stop| {
            reactor_proxy::serve(reactor(EngineKind::Select)?, listener, TARGET.into(), stop)
        }),
    ]
}

fn parsed(text: &str) -> Script {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Buffers of a few hundred bytes, which split what they carry wherever the seed decides.
fn small_buffers() -> Options {
    Options {
        schedule: Schedule::Random,
        server_receive_buffer: 300,
        server_send_buffer: 500,
        client_receive_buffer: 200,
        client_send_buffer: 400,
        ..Options::default()
    }
}

/// Runs the server over the script: once step by step, and once with each seed.
fn run_all(server: Server, script: &str, mut check: impl FnMut(&str, &Trace)) {
    let script = parsed(script);
    let seeds = (0..SEEDS).map(|seed| (seed, small_buffers()));
    for (seed, options) in [(0, Options::default())].into_iter().chain(seeds) {
        let (name, serve) = server;
        let which = format!("{name}, {:?}, seed {seed}", options.schedule);
        let trace = sim::run(&script, &options, seed, serve);
        assert_clean(&which, &trace);
        check(&which, &trace);
    }
}

fn assert_clean(which: &str, trace: &Trace) {
    assert_eq!(trace.ending, Ending::Returned, "{which}");
    assert_eq!(trace.steps_left, 0, "{which}");
    assert_nothing_left(which, trace);
}

fn assert_nothing_left(which: &str, trace: &Trace) {
    assert_eq!(trace.open_descriptors, [0; 0], "{which}");
    assert_eq!(trace.lost_edges, [], "{which}");
    // A loop on select closes sockets by dropping them.
    if !which.starts_with("select") {
        assert_eq!(calls(trace, "dropped").count(), 0, "{which}");
    }
}

/// What client `number` has received.
fn received(trace: &Trace, number: u32) -> String {
    let client = trace.clients.iter().find(|client| client.client == number);
    let client = client.expect("the script has this client");
    String::from_utf8_lossy(&client.received).into_owned()
}

fn ended(trace: &Trace, number: u32) -> Option<ClientEnd> {
    let client = trace.clients.iter().find(|client| client.client == number);
    client.expect("the script has this client").ended
}

/// The calls with this name, and when each was made, in microseconds.
fn calls<'t>(trace: &'t Trace, name: &str) -> impl Iterator<Item = (u64, &'t CallRecord)> {
    trace
        .records
        .iter()
        .filter_map(move |record| match &record.event {
            TraceEvent::Call(call) if call.call == name => Some((record.microseconds, call)),
            _ => None,
        })
}

/// When the server made its calls with this name, in tenths of a second.
fn tenths(trace: &Trace, name: &str) -> Vec<u64> {
    let times = calls(trace, name).filter(|(_, call)| call.error.is_none());
    times.map(|(time, _)| time / 100_000).collect()
}

/// When this step happened, in microseconds.
fn time_of_step(trace: &Trace, text: &str) -> u64 {
    let is_meant = |event: &TraceEvent| matches!(event, TraceEvent::Step(step) if step == text);
    let mut records = trace.records.iter();
    let record = records.find(|record| is_meant(&record.event));
    record.expect("the step has happened").microseconds
}

/// Whether the server has closed its connection with this client by that time.
fn is_closed_by(trace: &Trace, client: &str, time: u64) -> bool {
    let mut before = trace.records.iter().rev();
    let last = before.find(|record| record.microseconds <= time);
    last.is_some_and(|record| {
        let mut connections = record.connections.iter();
        connections.any(|connection| connection.name == client && connection.fd.is_none())
    })
}

fn alphabet(count: usize) -> String {
    ('a'..='z').cycle().take(count).collect()
}

#[test]
fn member_of_a_room_receives_what_the_others_send() {
    let script = "connect 1; connect 2; connect 3; wait 100ms; send 1 \"hello\\n\"; wait 100ms; \
                  send 2 \"hi\\n\"; wait 100ms; reset 3; wait 100ms; send 1 \"still here\\n\"; \
                  wait 100ms; half-close 1; wait 100ms; signal; stop";
    for room in plain_rooms() {
        run_all(room, script, |which, trace| {
            assert_eq!(received(trace, 1), "welcome\nhi\n", "{which}");
            let expected = "welcome\nhello\nstill here\n";
            assert_eq!(received(trace, 2), expected, "{which}");
            assert_eq!(received(trace, 3), "welcome\nhello\nhi\n", "{which}");
            for client in [1, 2] {
                let end = Some(ClientEnd::EndOfStream);
                assert_eq!(ended(trace, client), end, "{which}");
            }
        });
    }
    for room in reactor_rooms() {
        run_all(room, script, |which, trace| {
            let own = |client| {
                let all = received(trace, client);
                let key = all
                    .strip_prefix("you are ")
                    .and_then(|all| all.lines().next());
                key.expect("the room greets with a name").to_owned()
            };
            let (first, second, third) = (own(1), own(2), own(3));
            let heard = received(trace, 2);
            let said = format!(
                "{first}: hello\n{third}: goes out\n{first}: still here\n{first}: goes out\n"
            );
            assert!(heard.ends_with(&said), "{which}: {heard}");
            let hi = format!("{second}: hi\n");
            assert!(received(trace, 1).contains(&hi), "{which}");
            assert!(received(trace, 3).ends_with(&hi), "{which}");
            assert_eq!(ended(trace, 1), Some(ClientEnd::EndOfStream), "{which}");
        });
    }
}

#[test]
fn room_with_names_says_who_comes_and_leaves() {
    let script = "connect 1; send 1 \"ann\\n\"; wait 100ms; connect 2; send 2 \"bob\\n\"; \
                  wait 100ms; connect 3; send 3 \"eve\\nhel\"; wait 100ms; send 3 \"lo\\n\"; \
                  wait 100ms; reset 3; wait 100ms; send 1 \"bye\\n\"; half-close 1; wait 100ms; \
                  signal; stop";
    run_all(("chat_room", chat_room::serve), script, |which, trace| {
        let first = "* welcome, you find 0 others\n* bob comes in\n* eve comes in\neve: hello\n\
                     * eve has left\n";
        assert_eq!(received(trace, 1), first, "{which}");
        let second = "* welcome, you find 1 others\n* eve comes in\neve: hello\n* eve has left\n\
                      ann: bye\n* ann has left\n";
        assert_eq!(received(trace, 2), second, "{which}");
        let third = "* welcome, you find 2 others\n";
        assert_eq!(received(trace, 3), third, "{which}");
        assert_eq!(ended(trace, 2), Some(ClientEnd::EndOfStream), "{which}");
    });
}

#[test]
fn member_that_reads_slowly_receives_everything() {
    let lines: Vec<String> = (0..50).map(|number| format!("line {number:095}")).collect();
    let told = |speaker: &str| -> String {
        let lines = lines.iter();
        lines.map(|line| format!("{speaker}{line}\n")).collect()
    };
    let text = told("").replace('\n', "\\n");
    let reading = "wait 1s; read 2 700; signal; wait 1s; resume-reading 2; wait 1s; stop";
    let script =
        format!("connect 1; connect 2; wait 100ms; stop-reading 2; send 1 \"{text}\"; {reading}");
    for room in plain_rooms() {
        run_all(room, &script, |which, trace| {
            assert!(
                received(trace, 2) == "welcome\n".to_owned() + &told(""),
                "{which}"
            );
        });
    }
    for room in reactor_rooms() {
        run_all(room, &script, |which, trace| {
            let heard = received(trace, 2);
            let first = heard
                .find(": line")
                .and_then(|end| heard[..end].lines().last());
            let first = first.expect("the first one speaks");
            assert!(heard.ends_with(&told(&format!("{first}: "))), "{which}");
        });
    }
    let script = format!(
        "connect 1; send 1 \"ann\\n\"; wait 100ms; connect 2; send 2 \"bob\\n\"; wait 100ms; \
         stop-reading 2; send 1 \"{text}\"; {reading}"
    );
    run_all(("chat_room", chat_room::serve), &script, |which, trace| {
        let expected = "* welcome, you find 1 others\n".to_owned() + &told("ann: ");
        assert!(received(trace, 2) == expected, "{which}");
    });
}

#[test]
fn member_that_does_not_read_is_closed_and_delays_nobody() {
    let lines = format!("{}\\n", "x".repeat(899)).repeat(3000);
    let script = parsed(&format!(
        "connect 1; connect 2; connect 3; wait 100ms; stop-reading 2; send 1 \"{lines}\"; wait 1s; \
         resume-reading 2; wait 100ms; send 3 \"still here\\n\"; wait 100ms; stop"
    ));
    for (name, serve) in plain_rooms().into_iter().chain(reactor_rooms()) {
        let trace = sim::run(&script, &Options::default(), 0, serve);
        assert_clean(name, &trace);
        let resumed = time_of_step(&trace, "resume-reading 2");
        assert!(is_closed_by(&trace, "client 2", resumed), "{name}");
        // What fits into the buffers of the two kernels, and the greeting before it.
        assert!(
            received(&trace, 2).len() <= ((256 + 128) << 10) + 100,
            "{name}"
        );
        assert!(ended(&trace, 2).is_some(), "{name}");
        assert!(received(&trace, 3).len() >= 900 * 3000, "{name}");
        assert!(received(&trace, 1).ends_with("still here\n"), "{name}");
    }
}

#[test]
fn member_that_does_not_read_misses_lines_and_stays() {
    let line = "x".repeat(899);
    let lines = format!("{line}\\n").repeat(2000);
    let script = parsed(&format!(
        "connect 1; send 1 \"ann\\n\"; wait 100ms; connect 2; send 2 \"bob\\n\"; wait 100ms; \
         stop-reading 2; send 1 \"{lines}\"; wait 1s; resume-reading 2; wait 1s; \
         send 1 \"again\\n\"; wait 100ms; stop"
    ));
    let trace = sim::run(&script, &Options::default(), 0, chat_room::serve);
    assert_clean("chat_room", &trace);
    let heard = received(&trace, 2);
    // At most two outboxes, and what fits into the buffers of the two kernels.
    assert!(heard.len() < (2 * 257 + 256 + 128) << 10, "{}", heard.len());
    assert!(heard.ends_with("ann: again\n"));
    let told = format!("ann: {line}\n");
    let is_whole = |heard: &str| format!("{heard}\n") == told || heard == "ann: again";
    assert!(heard.lines().skip(1).all(is_whole));
}

#[test]
fn select_timer_ticks_at_fixed_times() {
    let timer: Server = ("select_timer", |listener, stop| {
        select_timer::serve(listener, Duration::from_millis(500), stop)
    });
    let script = "connect 1; wait 700ms; signal; connect 2; wait 1s; signal; reset 1; wait 500ms; \
                  stop";
    run_all(timer, script, |which, trace| {
        let (early, late) = ("tick 1\ntick 2\ntick 3\n", "tick 2\ntick 3\ntick 4\n");
        assert_eq!(received(trace, 1), early, "{which}");
        assert_eq!(received(trace, 2), late, "{which}");
        assert_eq!(tenths(trace, "send"), [5, 10, 10, 15, 15, 20], "{which}");
    });
}

#[test]
fn select_timer_closes_a_client_that_does_not_read() {
    let script = parsed("connect 1; connect 2; stop-reading 1; wait 3600s; stop");
    let options = Options {
        server_send_buffer: 500,
        client_receive_buffer: 500,
        ..Options::default()
    };
    let trace = sim::run(&script, &options, 0, |listener, stop| {
        select_timer::serve(listener, Duration::from_secs(1), stop)
    });
    assert_clean("select_timer", &trace);
    assert!(is_closed_by(&trace, "client 1", 3_000_000_000));
    assert_eq!(received(&trace, 2).lines().count(), 3600);
}

#[test]
fn dispatcher_timer_echoes_after_the_delay() {
    let script = parsed(
        "connect 1; send 1 \"first \"; wait 300ms; send 1 \"second \"; connect 2; \
         send 2 \"other\"; wait 1s; send 1 \"third\"; wait 10s; close 1; reset 2; wait 1s",
    );
    let random = (0..SEEDS).map(|seed| (seed, Schedule::Random));
    for (seed, schedule) in [(0, Schedule::Lockstep)].into_iter().chain(random) {
        let which = format!("dispatcher_timer, {schedule:?}, seed {seed}");
        let options = Options {
            schedule,
            ..Options::default()
        };
        let trace = sim::run(&script, &options, seed, |listener, _| {
            dispatcher_timer::serve(listener, Duration::from_millis(500))
        });
        assert_eq!(trace.ending, Ending::Waiting, "{which}");
        assert_eq!(trace.steps_left, 0, "{which}");
        assert_eq!(trace.open_descriptors, [0; 0], "{which}");
        assert_eq!(trace.lost_edges, [], "{which}");
        assert_eq!(received(&trace, 1), "first second third", "{which}");
        assert_eq!(received(&trace, 2), "other", "{which}");
        let mut times = tenths(&trace, "send");
        times.dedup();
        assert_eq!(times, [5, 8, 18], "{which}");
    }
}

#[test]
fn proxy_carries_both_streams_and_both_ends() {
    let script = "listen 2 9000; connect 1; send 1 3000; half-close 1; wait 1s; send 2 5000; \
                  wait 1s; signal; half-close 2; wait 100ms; stop";
    for proxy in proxies() {
        run_all(proxy, script, |which, trace| {
            assert!(received(trace, 2) == alphabet(3000), "{which}");
            assert!(received(trace, 1) == alphabet(5000), "{which}");
            for client in [1, 2] {
                let end = Some(ClientEnd::EndOfStream);
                assert_eq!(ended(trace, client), end, "{which}");
            }
            // The server's side was shut down before it had sent a byte.
            let shutdown = calls(trace, "shutdown").next();
            let (time, _) = shutdown.expect("the end of the stream is carried");
            assert!(time < time_of_step(trace, "send 2 5000"), "{which}");
        });
    }
}

#[test]
fn proxy_holds_little_for_a_server_that_does_not_read() {
    let script = parsed(
        "listen 2 9000; connect 1; stop-reading 2; send 1 3000000; wait 1s; send 2 \"not yet\"; \
         wait 1s; resume-reading 2; wait 1s; half-close 1; half-close 2; wait 1s; stop",
    );
    for (name, serve) in proxies() {
        let trace = sim::run(&script, &Options::default(), 0, serve);
        assert_clean(name, &trace);
        let resumed = time_of_step(&trace, "resume-reading 2");
        let held = trace.records.iter().map(|record| -> i64 {
            let connections = record.connections.iter();
            connections.map(|connection| connection.server_holds).sum()
        });
        // One buffer, or the high-water mark and one read; and what the server has sent.
        let most = held.max().unwrap_or(0);
        assert!((1..=(128 << 10) + 7).contains(&most), "{name}: {most}");
        let mut before = trace.records.iter().rev();
        let last = before.find(|record| record.microseconds < resumed);
        let last = last.expect("there are calls before");
        let client = last
            .connections
            .iter()
            .find(|connection| connection.name == "client 1");
        let client = client.expect("it is connected");
        assert!(client.is_reading_paused, "{name}: {client:?}");
        assert!(client.client_to_send > 2_000_000, "{name}: {client:?}");
        assert_eq!(client.client_received, 7, "{name}: {client:?}");
        assert!(received(&trace, 2) == alphabet(3_000_000), "{name}");
        assert_eq!(received(&trace, 1), "not yet", "{name}");
    }
}

#[test]
fn proxy_ends_both_connections_when_one_is_reset() {
    let script = "listen 2 9000; connect 1; send 1 \"a\"; wait 100ms; send 2 \"half an ans\"; \
                  wait 100ms; reset 2; wait 100ms; listen 4 9000; connect 3; wait 100ms; \
                  send 3 \"b\"; wait 100ms; reset 3; wait 100ms; stop";
    for proxy in proxies() {
        run_all(proxy, script, |which, trace| {
            assert_eq!(received(trace, 1), "half an ans", "{which}");
            assert_eq!(received(trace, 4), "b", "{which}");
            // The client must be able to see that a part of its answer is missing.
            assert_eq!(ended(trace, 1), Some(ClientEnd::Reset), "{which}");
            assert_eq!(ended(trace, 4), Some(ClientEnd::Reset), "{which}");
            let stop = time_of_step(trace, "stop");
            for client in ["client 1", "client 2", "client 3", "client 4"] {
                assert!(
                    is_closed_by(trace, client, stop - 50_000),
                    "{which}: {client}"
                );
            }
        });
    }
}

#[test]
fn proxy_outlives_a_server_that_refuses_or_does_not_answer() {
    let script = parsed(
        "connect 1; send 1 \"hello\"; wait 1s; ignore-port 9000; connect 2; wait 200s; stop",
    );
    for (name, serve) in proxies() {
        let trace = sim::run(&script, &Options::default(), 0, serve);
        assert_clean(name, &trace);
        for client in [1, 2] {
            assert!(ended(&trace, client).is_some(), "{name}");
        }
        let stop = time_of_step(&trace, "stop");
        assert!(is_closed_by(&trace, "client 2", stop - 1), "{name}");
    }
}

/// The output of a client, which the test can read afterwards.
#[derive(Clone, Default)]
struct SharedOutput(Rc<RefCell<Vec<u8>>>);

impl SharedOutput {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl Write for SharedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a client after the first step, so that its server listens.
fn run_client(
    script: &str,
    options: &Options,
    seed: u64,
    client: impl FnOnce(SocketAddr) -> io::Result<()>,
) -> Trace {
    sim::run(&parsed(script), options, seed, |listener, _| {
        listener.close();
        sim::perform_next_step()?;
        client(TARGET.into())
    })
}

#[test]
fn dispatcher_client_writes_the_answer() {
    let lines = ["hello\n".to_owned(), "how are you\n".to_owned()];
    let script = "listen 1 9000; wait 10ms; send 1 \"hello\\nhow \"; wait 10ms; \
                  send 1 \"are you\\n\"; wait 100ms";
    for seed in 0..5 {
        let output = SharedOutput::default();
        let trace = run_client(script, &small_buffers(), seed, |address| {
            dispatcher_client::run(address, &lines, output.clone())
        });
        let which = format!("dispatcher_client, seed {seed}");
        assert_eq!(trace.ending, Ending::Returned, "{which}");
        assert_nothing_left(&which, &trace);
        assert_eq!(output.text(), lines.concat(), "{which}");
        assert_eq!(received(&trace, 1), lines.concat(), "{which}");
        assert_eq!(ended(&trace, 1), Some(ClientEnd::EndOfStream), "{which}");
    }
}

#[test]
fn dispatcher_client_fails_without_a_server_or_without_its_last_line() {
    for (script, expected, answer) in [
        ("wait 1s", "connection refused", ""),
        ("ignore-port 9000; wait 300s", "timed out", ""),
        (
            "listen 1 9000; wait 10ms; send 1 \"hel\"; close 1; wait 1s",
            "the server closed the connection before it returned the last line",
            "hel",
        ),
        (
            "listen 1 9000; wait 10ms; reset 1; wait 1s",
            "connection reset",
            "",
        ),
    ] {
        let output = SharedOutput::default();
        let trace = run_client(script, &Options::default(), 0, |address| {
            dispatcher_client::run(address, &["hello\n".to_owned()], output.clone())
        });
        let Ending::Failed(error) = &trace.ending else {
            panic!("{script}: {:?}", trace.ending);
        };
        assert!(error.contains(expected), "{script}: {error}");
        assert_nothing_left("dispatcher_client", &trace);
        assert_eq!(output.text(), answer, "{script}");
    }
}

/// Runs the reactor's client. Also returns what it showed.
fn run_reactor_client(
    engine: EngineKind,
    script: &str,
    options: &Options,
    seed: u64,
) -> (Trace, Vec<String>) {
    let shown = Rc::new(RefCell::new(Vec::new()));
    let show = Rc::clone(&shown);
    let trace = run_client(script, options, seed, |address| {
        let show = move |line: &str| show.borrow_mut().push(line.to_owned());
        reactor_client::run(reactor(engine)?, address, Rc::new(show))
    });
    (trace, shown.take())
}

#[test]
fn reactor_client_shows_each_answer() {
    let script = "listen 1 9000; wait 10ms; send 1 \"one\\n\"; wait 10ms; send 1 \"tw\"; \
                  wait 10ms; send 1 \"o\\n\"; wait 10ms; send 1 \"three\\n\"; wait 10ms; close 1; \
                  wait 100ms";
    for engine in ENGINES {
        for seed in 0..SEEDS {
            let which = format!("reactor_client, {engine:?}, seed {seed}");
            let (trace, shown) = run_reactor_client(engine, script, &small_buffers(), seed);
            assert_eq!(trace.ending, Ending::Returned, "{which}");
            assert_nothing_left(&which, &trace);
            let expected = ["heard one", "heard two", "heard three", "finished"];
            assert_eq!(shown, expected, "{which}");
            assert_eq!(received(&trace, 1), "one\ntwo\nthree\n", "{which}");
            assert_eq!(ended(&trace, 1), Some(ClientEnd::EndOfStream), "{which}");
        }
    }
}

#[test]
fn reactor_client_fails_without_a_server() {
    for engine in ENGINES {
        for (script, expected, seconds) in [
            ("wait 1s", "cannot connect", 0),
            ("ignore-port 9000; wait 60s", "timed out", 5),
        ] {
            let (trace, shown) = run_reactor_client(engine, script, &Options::default(), 0);
            let Ending::Failed(error) = &trace.ending else {
                panic!("{engine:?}, {script}: {:?}", trace.ending);
            };
            assert!(error.contains(expected), "{engine:?}, {script}: {error}");
            assert_nothing_left("reactor_client", &trace);
            assert_eq!(trace.microseconds / 1_000_000, seconds, "{engine:?}");
            assert_eq!(shown, [""; 0], "{engine:?}, {script}");
        }
    }
}

#[test]
fn http_server_answers_a_request_that_arrives_in_pieces() {
    let script = "connect 1; send 1 \"POST /a HTT\"; wait 100ms; \
                  send 1 \"P/1.1\\r\\nContent-Length: 5\\r\\n\\r\"; wait 100ms; \
                  send 1 \"\\nwor\"; wait 100ms; send 1 \"ldGET / HTTP/1.1\\r\\n\\r\\n\"; \
                  connect 2; send 2 \"hello\\r\\n\\r\\n\"; wait 100ms; half-close 1; wait 100ms; \
                  connect 3; send 3 \"GET / HT\"; wait 100ms; reset 3; wait 2s; stop";
    run_all(("chat_http", chat_http::serve), script, |which, trace| {
        let answer = |text: &str| {
            let length = text.len();
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n\
                 {text}"
            )
        };
        let first = answer("You asked: POST /a HTTP/1.1\nand sent 5 bytes:\nworld");
        let second = answer("You asked: GET / HTTP/1.1\nand sent 0 bytes:\n");
        assert_eq!(received(trace, 1), first + &second, "{which}");
        assert_eq!(ended(trace, 1), Some(ClientEnd::EndOfStream), "{which}");
        let refusal = received(trace, 2);
        assert!(refusal.starts_with("HTTP/1.1 505 "), "{which}: {refusal}");
        assert_eq!(ended(trace, 2), Some(ClientEnd::EndOfStream), "{which}");
    });
}

fn countdown_from(number: u32) -> String {
    let numbers = (0..=number).rev().map(|number| format!("{number}\n"));
    numbers.collect::<String>() + "lift-off\n"
}

#[test]
fn countdown_is_made_as_the_client_reads_it() {
    let script = parsed(
        "connect 1; stop-reading 1; send 1 \"300000\\n\"; wait 1s; resume-reading 1; wait 1s; \
         half-close 1; wait 1s; stop",
    );
    let trace = sim::run(&script, &Options::default(), 0, chat_countdown::serve);
    assert_clean("chat_countdown", &trace);
    let resumed = time_of_step(&trace, "resume-reading 1");
    let sent = calls(&trace, "send").filter(|(time, _)| *time < resumed);
    let sent: usize = sent.filter_map(|(_, call)| call.bytes).sum();
    assert!(sent <= (256 + 128) << 10, "{sent}");
    assert!(received(&trace, 1) == countdown_from(300_000));
    assert_eq!(ended(&trace, 1), Some(ClientEnd::EndOfStream));
}

#[test]
fn countdown_arrives_whole_with_every_seed() {
    let script = "connect 1; send 1 \"70\"; connect 2; send 2 \"many\\n\"; wait 100ms; \
                  send 1 \"0\\n3\\n\"; wait 5ms; stop-reading 1; wait 1s; resume-reading 1; \
                  wait 1s; half-close 1; reset 2; wait 1s; stop";
    let server: Server = ("chat_countdown", chat_countdown::serve);
    run_all(server, script, |which, trace| {
        let expected = countdown_from(700) + &countdown_from(3);
        assert!(received(trace, 1) == expected, "{which}");
        assert_eq!(received(trace, 2), "from which number?\n", "{which}");
        assert_eq!(ended(trace, 1), Some(ClientEnd::EndOfStream), "{which}");
    });
}

#[test]
fn reactor_countdown_takes_virtual_seconds() {
    for engine in ENGINES {
        let begun = Instant::now();
        let said = Rc::new(RefCell::new(Vec::new()));
        let note = Rc::clone(&said);
        let trace = run_client("wait 1s", &Options::default(), 0, |_| {
            let start = sys::now();
            let say = move |what: &str| {
                let seconds = (sys::now() - start).as_secs();
                note.borrow_mut().push((seconds, what.to_owned()));
            };
            let pace = Duration::from_secs(1000);
            reactor_countdown::run(reactor(engine)?, pace, Rc::new(say))
        });
        assert_eq!(trace.ending, Ending::Returned, "{engine:?}");
        assert_nothing_left("reactor_countdown", &trace);
        let expected = [(0, "3"), (1000, "2"), (2000, "1"), (3000, "lift-off")];
        let expected = expected.map(|(seconds, what)| (seconds, what.to_owned()));
        assert_eq!(said.take(), expected, "{engine:?}");
        assert_eq!(trace.microseconds / 1_000_000, 3000, "{engine:?}");
        assert!(begun.elapsed() < Duration::from_secs(100), "{engine:?}");
    }
}
