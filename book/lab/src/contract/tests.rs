//! Tests with a small server that breaks one rule at a time.

use std::io::{self, ErrorKind};
use std::time::Duration;

use common::sys::sim::{self, Options};
use common::sys::{AsDescriptor, FdSet, Listener, Stream, select};
use common::{Settings, StopSignal};

use super::*;
use crate::server::Style;

/// What the server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    Nothing,
    EndsEarly,
    ChangesBytes,
    SendsOneByteLess,
    ReadsTwice,
    ReadsAtAccept,
    ServesOne,
    SleepsOverTheEnd,
    AcceptsOnce,
    RetriesEarly,
    WakesUp,
    IgnoresTheStop,
    StopsLate,
    FinishesAndStays,
    Leaks,
}

/// Serves like select-echo, as long as the kernel takes each answer at once.
fn serve(listener: Listener, stop: StopSignal, bug: Bug) -> io::Result<()> {
    let (mut streams, mut accepts): (Vec<Stream>, _) = (Vec::new(), true);
    loop {
        let mut inputs = FdSet::new();
        inputs.insert(stop.descriptor())?;
        if accepts {
            inputs.insert(listener.descriptor())?;
        }
        for stream in &streams {
            inputs.insert(stream.descriptor())?;
        }
        let ticks = (bug == Bug::WakesUp).then_some(Duration::from_millis(200));
        let retry_after = match bug {
            Bug::RetriesEarly => RETRY_AFTER / 10,
            _ => RETRY_AFTER,
        };
        let waits = if accepts { ticks } else { Some(retry_after) };
        match select(Some(&mut inputs), None, None, waits) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        };
        let is_tried = !accepts || inputs.contains(listener.descriptor());
        let is_stopped = inputs.contains(stop.descriptor()) && stop.is_raised();
        if is_stopped && bug == Bug::StopsLate {
            for _ in 0..4 {
                select(None, None, None, Some(Duration::from_millis(10)))?;
            }
        }
        if is_stopped && bug != Bug::IgnoresTheStop || bug == Bug::EndsEarly {
            return Ok(());
        }
        let mut ready: Vec<usize> = (0..streams.len())
            .filter(|place| inputs.contains(streams[*place].descriptor()))
            .collect();
        if bug == Bug::ServesOne {
            ready.truncate(1);
        }
        for place in ready.into_iter().rev() {
            let is_over = echo(&streams[place], bug)?;
            if is_over {
                match (streams.swap_remove(place), bug) {
                    (stream, Bug::Leaks) => std::mem::forget(stream),
                    (stream, _) => stream.close(),
                }
            }
        }
        accepts = true;
        if is_tried && (bug != Bug::AcceptsOnce || streams.is_empty()) {
            match listener.accept() {
                Ok((stream, _)) => {
                    if bug == Bug::ReadsAtAccept {
                        echo(&stream, bug)?;
                    }
                    streams.push(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => accepts = false,
            }
        }
        accepts &= bug != Bug::AcceptsOnce || streams.is_empty();
    }
}

/// Returns whether the connection is over.
fn echo(stream: &Stream, bug: Bug) -> io::Result<bool> {
    let mut buffer = [0; 100];
    for _ in 0..if bug == Bug::ReadsTwice { 2 } else { 1 } {
        let count = match stream.recv(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            result => result?,
        };
        if count == 0 && bug == Bug::FinishesAndStays {
            stream.finish()?;
        }
        if count == 0 {
            return Ok(!matches!(
                bug,
                Bug::SleepsOverTheEnd | Bug::FinishesAndStays
            ));
        }
        let answer = &mut buffer[..count - usize::from(bug == Bug::SendsOneByteLess)];
        if bug == Bug::ChangesBytes {
            answer.make_ascii_uppercase();
        }
        stream.send(answer)?;
    }
    Ok(false)
}

fn outcome(bug: Bug, script: &str, settings: &Settings) -> Result<Outcome, sim::ParseError> {
    let (case, trace) = case_and_trace(bug, script, settings)?;
    Ok(check_contract(&case, &trace))
}

fn case_and_trace(
    bug: Bug,
    script: &str,
    settings: &Settings,
) -> Result<(SimulationCase, Trace), sim::ParseError> {
    let server = ServerConfig {
        style: Style::Select,
        settings: settings.clone(),
        is_queued: false,
        max_line: 65536,
    };
    let case = SimulationCase {
        server,
        script: script.parse()?,
        options: Options::default(),
        seed: 0,
    };
    let trace = sim::run(&case.script, &case.options, 0, |listener, stop| {
        serve(listener, stop, bug)
    });
    Ok((case, trace))
}

#[test]
fn each_bug_breaks_its_rule() -> Result<(), sim::ParseError> {
    let settings = Settings {
        recv_size: 100,
        shutdown_timeout: Duration::from_millis(50),
        ..Settings::default()
    };
    for (bug, rule, script) in [
        (Bug::EndsEarly, Rule::Ends, "connect 1; stop"),
        (
            Bug::ChangesBytes,
            Rule::BytesInOrder,
            "connect 1; send 1 9; stop",
        ),
        (
            Bug::SendsOneByteLess,
            Rule::NothingIsLost,
            "connect 1; send 1 9; half-close 1; wait 100s; stop",
        ),
        (
            Bug::ReadsTwice,
            Rule::Fairness,
            "connect 1; send 1 300; stop",
        ),
        (
            Bug::ServesOne,
            Rule::Fairness,
            "connect 1; connect 2; together { send 1 300; send 2 300 }; stop",
        ),
        (
            Bug::ReadsAtAccept,
            Rule::ReadsWhenReported,
            "connect 1; together { half-close 1; connect 2 }; stop",
        ),
        (
            Bug::SleepsOverTheEnd,
            Rule::SleepsOnlyWhenDone,
            "connect 1; half-close 1; stop",
        ),
        (
            Bug::AcceptsOnce,
            Rule::AcceptsWhenItCan,
            "connect 1; connect 2; wait 1s; stop",
        ),
        (
            Bug::RetriesEarly,
            Rule::BacksOff,
            "descriptors 5; connect 1; wait 1s; close 1; stop",
        ),
        (Bug::WakesUp, Rule::Quiet, "connect 1; wait 1s; stop"),
        (Bug::IgnoresTheStop, Rule::Ends, "connect 1; stop"),
        (Bug::StopsLate, Rule::StopsInTime, "connect 1; stop"),
        (
            Bug::FinishesAndStays,
            Rule::Ends,
            "connect 1; half-close 1; stop",
        ),
        (
            Bug::Leaks,
            Rule::ClosesDescriptors,
            "connect 1; half-close 1; stop",
        ),
    ] {
        let kept = outcome(Bug::Nothing, script, &settings)?;
        assert_eq!(kept, Ok(()), "{script}");
        let broken = outcome(bug, script, &settings)?.err();
        assert_eq!(broken.map(|broken| broken.rule), Some(rule), "{bug:?}");
    }
    Ok(())
}

#[test]
fn a_run_without_a_stop_is_checked_up_to_its_end() -> Result<(), sim::ParseError> {
    let settings = Settings::default();
    for (bug, rule, script) in [
        (Bug::EndsEarly, Rule::Ends, "connect 1"),
        (
            Bug::SendsOneByteLess,
            Rule::SleepsOnlyWhenDone,
            "connect 1; send 1 9",
        ),
        (
            Bug::SleepsOverTheEnd,
            Rule::SleepsOnlyWhenDone,
            "connect 1; send 1 9; half-close 1",
        ),
        (
            Bug::AcceptsOnce,
            Rule::AcceptsWhenItCan,
            "connect 1; connect 2",
        ),
    ] {
        assert_eq!(
            outcome(Bug::Nothing, script, &settings)?,
            Ok(()),
            "{script}"
        );
        let broken = outcome(bug, script, &settings)?.err();
        assert_eq!(broken.map(|broken| broken.rule), Some(rule), "{bug:?}");
    }
    Ok(())
}

#[test]
fn limits_are_checked() -> Result<(), sim::ParseError> {
    let one = Settings {
        max_connections: 1,
        ..Settings::default()
    };
    let impatient = Settings {
        idle_timeout: Some(Duration::from_millis(50)),
        ..Settings::default()
    };
    let greedy = Settings {
        recv_size: 10,
        ..Settings::default()
    };
    for (settings, rule, script) in [
        (one, Rule::Limit, "connect 1; connect 2; stop"),
        (impatient, Rule::IdleTimeout, "connect 1; wait 100s; stop"),
        (greedy, Rule::Fairness, "connect 1; send 1 20; stop"),
    ] {
        let broken = outcome(Bug::Nothing, script, &settings)?.err();
        assert_eq!(broken.map(|broken| broken.rule), Some(rule), "{script}");
    }
    Ok(())
}

/// The sentence is shown at the server's close, when the bytes are still in the kernels.
#[test]
fn the_sentence_says_what_was_sent_and_what_is_read_in_the_end() -> Result<(), sim::ParseError> {
    let script =
        "connect 1; stop-reading 1; send 1 9; half-close 1; resume-reading 1; wait 100s; stop";
    let (case, trace) = case_and_trace(Bug::SendsOneByteLess, script, &Settings::default())?;
    let broken = check_contract(&case, &trace).expect_err("a byte is lost");
    let expected = "of 9 bytes for client 1, the server has sent 8, and the client has read 8 at the end \
                    of the run";
    assert_eq!(
        (broken.rule, &*broken.what),
        (Rule::NothingIsLost, expected)
    );
    let shown = &trace.records[broken.place.expect("it closes")];
    assert_eq!(shown.connections[0].client_received, 0);
    Ok(())
}

/// A server that reads once per iteration into a buffer of a fixed size, and knows no limits.
#[test]
fn no_option_limits_the_reads_of_a_server_without_it() -> Result<(), sim::ParseError> {
    let settings = Settings {
        recv_size: 16,
        high_water: 32,
        ..Settings::default()
    };
    let outcome = |server, script: &str| -> Result<Outcome, sim::ParseError> {
        let server = ServerConfig {
            style: Style::Small(server),
            settings: settings.clone(),
            is_queued: false,
            max_line: 65536,
        };
        let case = SimulationCase {
            server,
            script: script.parse()?,
            options: Options {
                server_send_buffer: 32,
                client_receive_buffer: 16,
                ..Options::default()
            },
            seed: 0,
        };
        Ok(check_contract(&case, &case.run()))
    };
    for server in steps::Server::ALL {
        let is_kept = outcome(server, "connect 1; send 1 \"twenty bytes, a line\\n\"")?;
        assert_eq!(is_kept, Ok(()), "{server:?}");
    }
    // It isn't its read size that breaks the rule, but the second read.
    let grows = "connect 1; stop-reading 1; send 1 100; wait 1s; send 1 100";
    let broken = outcome(steps::Server::Step3, grows)?.expect_err("nothing limits its memory");
    assert_eq!(broken.rule, Rule::BoundedMemory);
    let text = "it has read 200 bytes of client 1 and sent only 48; at most 132 can be pending";
    assert_eq!(broken.what, text);
    Ok(())
}
