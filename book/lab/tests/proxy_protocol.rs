//! The four styles behind a proxy, over the simulated kernel: headers of the PROXY protocol that
//! arrive whole, in pieces, late, wrong, or not at all.

use std::time::Duration;

use common::Settings;
use common::script::{ClientEnd, Payload, Script, Step};
use common::sys::sim::{self, Ending, Options, Schedule, Trace};
use lab::server::{ServerConfig, Style};

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";

/// Version 2, with eight bytes after the addresses, which the server skips.
const BINARY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb\
    \x04\0\x05xxxxx";

/// Of a health check.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

const HEADERS: [&[u8]; 3] = [LINE, BINARY, LOCAL];

/// Runs a server that expects headers.
fn run(style: Style, settings: Settings, steps: Vec<Step>, options: &Options, seed: u64) -> Trace {
    let server = ServerConfig {
        style,
        settings,
        is_queued: false,
        max_line: 65536,
    };
    sim::run(&Script { steps }, options, seed, |mut listener, stop| {
        listener.expect_proxy_headers();
        server.serve(listener, stop)
    })
}

/// The same, to the end, with the default settings.
fn run_to_the_end(style: Style, steps: Vec<Step>) -> Trace {
    let trace = run(style, Settings::default(), steps, &Options::default(), 0);
    assert_eq!(trace.ending, Ending::Returned, "{}", style.name());
    assert_eq!(trace.lost_edges, [], "{}", style.name());
    trace
}

fn send(bytes: &[u8]) -> Step {
    Step::Send(1, Payload::Text(bytes.to_vec()))
}

/// The calls of this name that succeeded.
fn count(trace: &Trace, name: &str) -> usize {
    let calls = trace
        .records
        .iter()
        .filter_map(|record| match &record.event {
            sim::TraceEvent::Call(call) => Some(call),
            _ => None,
        });
    calls
        .filter(|call| call.call == name && call.error.is_none())
        .count()
}

#[test]
fn a_header_can_be_cut_anywhere_and_the_clients_bytes_come_back() {
    for style in Style::ALL {
        for header in HEADERS {
            let all = [header, b"hello\n"].concat();
            for cut in 0..all.len() {
                let (first, rest) = all.split_at(cut);
                let mut steps = vec![Step::Connect(1, None)];
                // The connection can arrive before its first byte.
                steps.extend((!first.is_empty()).then(|| send(first)));
                // No byte follows that would wake a server that has forgotten an edge.
                steps.extend([send(rest), Step::Wait(Duration::from_secs(1)), Step::Stop]);
                let trace = run_to_the_end(style, steps);
                let client = &trace.clients[0];
                let name = format!("{}, cut at {cut}", style.name());
                assert_eq!(client.received, b"hello\n", "{name}");
                assert_eq!(client.ended, Some(ClientEnd::EndOfStream), "{name}");
            }
        }
    }
}

#[test]
fn each_look_at_a_header_is_a_call() {
    for style in Style::ALL {
        let (first, rest) = LINE.split_at(20);
        let steps = vec![
            Step::Connect(1, None),
            send(first),
            Step::Wait(Duration::from_secs(1)),
            send(&[rest, b"hello\n"].concat()),
            Step::Wait(Duration::from_secs(1)),
            Step::Stop,
        ];
        let trace = run_to_the_end(style, steps);
        let calls = ["peek", "recv"].map(|name| count(&trace, name));
        // A look and a read for each piece, and a read for the client's bytes.
        assert!(calls[0] >= 2 && calls[1] >= 3, "{calls:?}");
        let (reads, name) = (trace.counters.reads, style.name());
        assert_eq!(calls[0] + calls[1], reads as usize, "{name}: {calls:?}");
        assert_eq!(trace.counters.bytes_read, LINE.len() as u64 + 6, "{name}");
    }
}

#[test]
fn every_byte_comes_back_whatever_the_seed() {
    for style in Style::ALL {
        for seed in 0..200 {
            let options = Options {
                schedule: Schedule::Random,
                faults: "0:short=50,eintr=10,spurious=10,aborted=10".parse().ok(),
                record: false,
                ..Options::default()
            };
            let mut steps = Vec::new();
            for (client, header) in (1..).zip(HEADERS) {
                let text = [header, b"first\n"].concat();
                steps.extend([
                    Step::Connect(client, None),
                    Step::Send(client, Payload::Text(text)),
                    Step::Send(client, Payload::Count(3000)),
                    Step::Send(client, Payload::Text(b"\n".to_vec())),
                    Step::HalfClose(client),
                ]);
            }
            steps.extend([Step::Wait(Duration::from_secs(1)), Step::Stop]);
            let trace = run(style, Settings::default(), steps, &options, seed);
            let name = format!("{}, seed {seed}", style.name());
            assert_eq!(trace.ending, Ending::Returned, "{name}");
            assert_eq!(trace.lost_edges, [], "{name}");
            for client in &trace.clients {
                assert_eq!(client.received.len(), "first\n".len() + 3001, "{name}");
                assert!(client.received.starts_with(b"first\n"), "{name}");
                assert_eq!(client.ended, Some(ClientEnd::EndOfStream), "{name}");
            }
        }
    }
}

#[test]
fn a_connection_that_begins_otherwise_is_reset_and_gets_no_answer() {
    for style in Style::ALL {
        for bad in [&b"hello\n"[..], b"PROXY TCP4 1.2.3.4\r\nhello\n"] {
            let steps = vec![Step::Connect(1, None), send(bad), Step::Stop];
            let trace = run_to_the_end(style, steps);
            let client = &trace.clients[0];
            assert_eq!(client.received, b"", "{}", style.name());
            assert_eq!(client.ended, Some(ClientEnd::Reset), "{}", style.name());
        }
    }
}

#[test]
fn a_connection_that_ends_before_its_header_does_is_closed() {
    for style in Style::ALL {
        for sent in [0, 1, LINE.len() - 1] {
            let mut steps = vec![Step::Connect(1, None)];
            steps.extend((sent > 0).then(|| send(&LINE[..sent])));
            steps.extend([Step::HalfClose(1), Step::Wait(Duration::from_secs(9))]);
            let trace = run_to_the_end(style, [steps, vec![Step::Stop]].concat());
            let client = &trace.clients[0];
            assert_eq!(client.received, b"", "{}", style.name());
            let stopped_at = trace.microseconds - 1_000_000;
            assert!(client.ended.is_some(), "{}", style.name());
            assert!(stopped_at > 0 && trace.open_descriptors.is_empty());
        }
    }
}

#[test]
fn a_header_that_stays_incomplete_costs_no_iterations_and_ends_with_the_idle_timeout() {
    let settings = Settings {
        idle_timeout: Some(Duration::from_secs(5)),
        ..Settings::default()
    };
    for style in Style::ALL {
        let wait = |seconds| Step::Wait(Duration::from_secs(seconds));
        let steps = vec![
            Step::Connect(1, None),
            send(&LINE[..20]),
            wait(4),
            send(&LINE[20..25]),
            wait(9),
        ];
        let options = Options {
            ends_with_script: true,
            ..Options::default()
        };
        let trace = run(style, settings.clone(), steps, &options, 0);
        assert_eq!(trace.clients[0].received, b"", "{}", style.name());
        assert!(trace.clients[0].ended.is_some(), "{}", style.name());
        let waits = count(&trace, "wait");
        assert!(waits <= 12, "{}: {waits} waits", style.name());
    }
}

#[test]
fn a_stop_does_not_wait_for_a_header() {
    for style in Style::ALL {
        let steps = vec![Step::Connect(1, None), send(&LINE[..20]), Step::Stop];
        let trace = run_to_the_end(style, steps);
        assert_eq!(trace.clients[0].ended, Some(ClientEnd::EndOfStream));
        assert!(trace.microseconds < 900_000, "{}", style.name());
    }
}
