//! The reactor over the simulated kernel: what only a caller of its functions can see.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use common::sys::sim::{
    CallRecord, ClientEnd, Ending, Options, Schedule, Script, Trace, TraceEvent, run,
};
use common::{SendPolicy, Settings};
use reactor_echo::{
    ClientFactory, Connector, EngineKind, Key, Protocol, Reactor, Reason, Transport, serve,
};

/// The engines that can watch simulated descriptors.
const ENGINES: [EngineKind; 2] = [EngineKind::Mio, EngineKind::Select];

fn parsed(text: &str) -> Script {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn run_with(
    engine: EngineKind,
    write: SendPolicy,
    settings: &Settings,
    options: &Options,
    seed: u64,
    script: &Script,
) -> Trace {
    run(script, options, seed, |listener, stop| {
        serve(listener, settings.clone(), engine, write, stop)
    })
}

fn calls(trace: &Trace) -> impl Iterator<Item = &CallRecord> {
    trace
        .records
        .iter()
        .filter_map(|record| match &record.event {
            TraceEvent::Call(call) => Some(call),
            _ => None,
        })
}

fn count(trace: &Trace, name: &str) -> usize {
    calls(trace).filter(|call| call.call == name).count()
}

#[test]
fn every_call_has_a_line_of_the_reactor_and_every_socket_is_closed_explicitly() {
    // A half-close, a reset, a close with unread output, and a client that is idle at the stop.
    let script = parsed(
        "connect 1; send 1 \"hello\"; half-close 1; connect 2; send 2 100; reset 2; connect 3; \
         stop-reading 3; send 3 1000; close 3; connect 4; send 4 \"bye\"; stop",
    );
    for engine in ENGINES {
        let (settings, options) = (Settings::default(), Options::default());
        let trace = run_with(engine, SendPolicy::AtOnce, &settings, &options, 0, &script);
        assert_eq!(trace.ending, Ending::Returned, "{engine:?}");
        assert_eq!(trace.steps_left, 0, "{engine:?}");
        assert_eq!(trace.lost_edges, [], "{engine:?}");
        assert_eq!(trace.clients[0].received, b"hello", "{engine:?}");
        assert_eq!(trace.clients[3].received, b"bye", "{engine:?}");
        for client in [0, 3] {
            let ended = trace.clients[client].ended;
            assert_eq!(ended, Some(ClientEnd::EndOfStream), "{engine:?}");
        }
        // Four connections, and the port.
        assert_eq!(count(&trace, "close"), 5, "{engine:?}");
        assert_eq!(count(&trace, "dropped"), 0, "{engine:?}");
        assert_eq!(trace.open_descriptors, [0; 0], "{engine:?}");
        for call in calls(&trace) {
            assert!(call.file.contains("reactor-echo/src/"), "{call:?}");
        }
    }
}

#[test]
fn every_byte_comes_back_in_order_for_every_seed() {
    let script = parsed(
        "connect 1; connect 2; send 1 3000; stop-reading 2; send 2 5000; wait 5ms; signal; \
         read 2 10; half-close 1; wait 50ms; resume-reading 2; half-close 2; wait 1s; stop",
    );
    let alphabet = |count: usize| -> Vec<u8> { (b'a'..=b'z').cycle().take(count).collect() };
    let settings = Settings {
        recv_size: 1000,
        high_water: 2000,
        ..Settings::default()
    };
    let options = Options {
        schedule: Schedule::Random,
        server_receive_buffer: 700,
        server_send_buffer: 900,
        client_receive_buffer: 500,
        client_send_buffer: 600,
        record: false,
        ..Options::default()
    };
    let with_faults = |seed: u64| Options {
        faults: format!("{seed}:short=50,eintr=10,spurious=10,aborted=10")
            .parse()
            .ok(),
        ..options.clone()
    };
    for engine in ENGINES {
        for write in [SendPolicy::AtOnce, SendPolicy::Queued] {
            for seed in 0..100 {
                let which = format!("{engine:?}, {write:?}, seed {seed}");
                let options = with_faults(seed);
                let trace = run_with(engine, write, &settings, &options, seed, &script);
                assert_eq!(trace.ending, Ending::Returned, "{which}");
                assert_eq!(trace.lost_edges, [], "{which}");
                for (client, count) in [(0, 3000), (1, 5000)] {
                    let client = &trace.clients[client];
                    assert!(client.received == alphabet(count), "{which}");
                    assert_eq!(client.ended, Some(ClientEnd::EndOfStream), "{which}");
                }
                assert_eq!(trace.counters.closes, trace.counters.accepts + 1, "{which}");
            }
        }
    }
}

#[test]
fn idle_connection_is_closed_after_the_idle_timeout() {
    let script = parsed("connect 1; send 1 \"hello\"; wait 3600s; stop");
    let settings = Settings {
        idle_timeout: Some(Duration::from_secs(600)),
        ..Settings::default()
    };
    for engine in ENGINES {
        let trace = run_with(
            engine,
            SendPolicy::AtOnce,
            &settings,
            &Options::default(),
            0,
            &script,
        );
        assert_eq!(trace.ending, Ending::Returned, "{engine:?}");
        let close = trace
            .records
            .iter()
            .find(|record| matches!(&record.event, TraceEvent::Call(call) if call.call == "close"));
        let seconds = close.expect("it is closed").microseconds / 1_000_000;
        assert_eq!(seconds, 600, "{engine:?}");
    }
}

/// Closes the port as soon as it has a connection, and then that connection.
struct Last {
    port: Option<Key>,
}

impl Protocol for Last {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        if let Some(port) = self.port {
            transport.reactor().stop_listening(port);
        }
        transport.write(b"the last");
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}

    fn connection_lost(&mut self, reactor: &mut Reactor, _: &Reason) {
        reactor.stop();
    }
}

#[test]
fn port_closed_by_its_first_connection_accepts_no_other() {
    let script = parsed("together { connect 1; connect 2 }; wait 1s; close 1; wait 1s");
    for engine in ENGINES {
        let trace = run(&script, &Options::default(), 0, |listener, _| {
            let mut reactor = Reactor::new(engine, Settings::default())?;
            let own_port = Rc::new(Cell::new(None));
            let port = Rc::clone(&own_port);
            let factory = move |_| Last { port: port.get() };
            own_port.set(Some(reactor.adopt_stream_port(listener, factory)?));
            reactor.run()
        });
        assert_eq!(trace.ending, Ending::Returned, "{engine:?}");
        assert_eq!(trace.clients[0].received, b"the last", "{engine:?}");
        assert_eq!(trace.clients[1].ended, Some(ClientEnd::Reset), "{engine:?}");
        assert_eq!(count(&trace, "accept"), 1, "{engine:?}");
        assert_eq!(count(&trace, "close"), 2, "{engine:?}");
        assert_eq!(count(&trace, "dropped"), 0, "{engine:?}");
    }
}

/// Connects once, and notes why the connection ended or could not be established.
struct ConnectOnce(Rc<RefCell<String>>);

impl ClientFactory for ConnectOnce {
    fn build_protocol(&mut self, _: SocketAddr) -> Option<Box<dyn Protocol>> {
        Some(Box::new(Last { port: None }))
    }

    fn client_connection_failed(&mut self, connector: &mut Connector<'_>, reason: &Reason) {
        self.0.replace(format!("{reason:?}"));
        connector.reactor().stop();
    }

    fn client_connection_lost(&mut self, _: &mut Connector<'_>, reason: &Reason) {
        self.0.replace(format!("{reason:?}"));
    }
}

#[test]
fn every_connect_is_closed_explicitly_whether_it_succeeds_or_fails() {
    for (script, expected) in [
        ("listen 1 9000; wait 1s; close 1", "ConnectionDone"),
        ("wait 1s", "ConnectFailed(Kind(ConnectionRefused))"),
        ("ignore-port 9000; wait 10s", "TimedOut"),
    ] {
        for engine in ENGINES {
            let which = format!("{engine:?}, {script}");
            let reason = Rc::new(RefCell::new(String::new()));
            let trace = run(&parsed(script), &Options::default(), 0, |listener, _| {
                let mut reactor = Reactor::new(engine, Settings::default())?;
                reactor.adopt_stream_port(listener, |_| Last { port: None })?;
                let server = SocketAddr::from(([127, 0, 0, 1], 9000));
                let client = ConnectOnce(Rc::clone(&reason));
                // Once the script has begun.
                let _ = reactor.call_later(Duration::from_millis(100), move |reactor| {
                    reactor.connect_tcp(server, client, Duration::from_secs(3));
                });
                reactor.run()
            });
            assert_eq!(trace.ending, Ending::Returned, "{which}");
            assert_eq!(*reason.borrow(), expected, "{which}");
            assert_eq!(count(&trace, "close"), 2, "{which}");
            assert_eq!(count(&trace, "dropped"), 0, "{which}");
            assert_eq!(trace.open_descriptors, [0; 0], "{which}");
        }
    }
}
