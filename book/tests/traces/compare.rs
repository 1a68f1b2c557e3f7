//! Compares a run on the real kernel with the simulated one.

use std::ops::Range;

use book::scenario::ScenarioStep;
use book::style::Style;
use book::trace::{ScenarioTrace, StyleTrace, TraceEvent};

/// The differences between the simulation and a real run of a style, one line each.
///
/// For each step, it compares the calls and their order, with their handlers, sockets, bytes, errors,
/// and places in the source, and what comes back to the clients.
pub fn differences(
    simulated: &ScenarioTrace,
    steps: &[ScenarioStep],
    style: Style,
    real: &StyleTrace,
) -> Vec<String> {
    let calls = |events: Vec<&TraceEvent>| -> (Vec<String>, usize) {
        let (events, failed) = without_failed_accepts(without_timer_wake_ups(events));
        (events.into_iter().map(kind).collect(), failed)
    };
    let mut differences = Vec::new();
    for (number, name) in simulated.steps.iter().enumerate() {
        let mut actual: Vec<_> = real.events.iter().filter(|of| of.step == number).collect();
        let is_held = number > 0 && steps[number - 1].lines[0].starts_with("together");
        if is_held && actual.get(..2).is_some_and(is_continued) {
            actual.drain(..2);
        }
        let (expected, expected_failed) = calls(simulated.events(style, number).collect());
        let (actual, failed) = calls(actual);
        let at = format!("{}, {}, {name}", simulated.scenario, style.name());
        if !(expected_failed..=expected_failed + MOST_RETRIES).contains(&failed) {
            differences.push(format!(
                "{at}: {expected_failed} × no descriptor for a client, but on this kernel {failed}"
            ));
        }
        if expected != actual {
            let (expected, actual) = (expected.join("\n  "), actual.join("\n  "));
            differences.push(format!(
                "{at}:\n  {expected}\nbut on this kernel\n  {actual}"
            ));
        }
        let replies = &simulated.styles[&style].replies[number];
        if *replies != real.replies[number] {
            let real = &real.replies[number];
            differences.push(format!("{at}: {replies:?}, but on this kernel {real:?}"));
        }
    }
    differences
}

/// The events without wake-ups that find nothing ready and after which the server only waits again: a
/// timer was early. How many there are depends on how late the system wakes the server.
fn without_timer_wake_ups(events: Vec<&TraceEvent>) -> Vec<&TraceEvent> {
    let finds_nothing = |event: &&TraceEvent| {
        event.call == "wake" && event.ready == Some(0) && event.error.is_none()
    };
    let mut kept: Vec<&TraceEvent> = Vec::new();
    for event in events {
        if event.call == "wait" && kept.last().is_some_and(finds_nothing) {
            kept.pop();
        } else {
            kept.push(event);
        }
    }
    kept
}

/// A server without a descriptor for a client tries again twice a second. A step on a busy machine can take
/// that long, and a loop that doesn't pause between its attempts makes many more.
const MOST_RETRIES: usize = 20;

/// The events without attempts to accept for which there was no descriptor, and how many of these there
/// are. Where an iteration does nothing else, it is left out.
fn without_failed_accepts(events: Vec<&TraceEvent>) -> (Vec<&TraceEvent>, usize) {
    let (mut kept, mut failed) = (Vec::<&TraceEvent>::new(), 0);
    let mut has_just_failed = false;
    for event in events {
        let is_new = event.call == "accept" && event.error.as_deref() == Some("Uncategorized");
        let has_only_woken = kept.last().is_some_and(|last| last.call == "wake");
        match event.call.as_str() {
            _ if is_new => failed += 1,
            "wait" if has_just_failed && has_only_woken => drop(kept.pop()),
            _ => kept.push(event),
        }
        has_just_failed = is_new;
    }
    (kept, failed)
}

/// A held server that continues finds its wait interrupted, except in select(2): see signal(7).
/// The simulation doesn't hold it.
fn is_continued(events: &[&TraceEvent]) -> bool {
    let is_interrupted = events[0].error.as_deref() == Some("Interrupted");
    events[0].call == "wake" && is_interrupted && events[1].call == "wait"
}

fn kind(event: &TraceEvent) -> String {
    let parts = [
        Some(event.call.clone()),
        event.handler.clone(),
        event.fd.clone(),
        event.bytes.map(|bytes| format!("{bytes} bytes")),
        event.ready.map(|ready| format!("{ready} ready")),
        event.error.clone(),
        Some(event.place()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(" ")
}

/// The sizes of a run with a client that doesn't read.
pub struct BufferSizes {
    pub high_water: u64,
    pub recv_size: u64,
    /// The size of a line.
    pub line: u64,
}

/// What isn't true of a server whose client sends until the server stops reading, and reads later.
/// All of this must be true whatever fits into the kernel's buffers.
pub fn broken_invariants(steps: &[String], trace: &StyleTrace, sizes: &BufferSizes) -> Vec<String> {
    let step = |of: &str| steps.iter().position(|step| step.contains(of));
    let (Some(full), Some(stop)) = (step("client 1 sends"), step("SIGTERM")) else {
        return vec!["a step is missing".to_owned()];
    };
    // The chat server also keeps a part of a line.
    let most_pending = sizes.high_water + sizes.recv_size + sizes.line;
    let last = trace.events.iter().rfind(|event| event.step == full);
    let pending = bytes(trace, "recv", 0..full + 1).checked_sub(bytes(trace, "send", 0..full + 1));
    let read = bytes(trace, "recv", 0..stop);
    let sent = bytes(trace, "send", 0..steps.len());
    let invariants = [
        (times(trace, "accept") == 1, "it accepts one client"),
        (
            times(trace, "close") == 1,
            "it closes the client's socket once",
        ),
        (
            pending.is_some_and(|pending| (1..=most_pending).contains(&pending)),
            "its pending output is limited",
        ),
        (
            last.is_some_and(|event| event.call == "wait"),
            "it waits when the client does not read",
        ),
        (
            (sent..sent + sizes.line).contains(&read),
            "it sends everything that it has read before the stop, except a part of a line",
        ),
        (
            received(trace) == sent,
            "the client receives everything that was sent",
        ),
    ];
    let broken = invariants.iter().filter(|(holds, _)| !holds);
    broken.map(|(_, text)| format!("not so: {text}")).collect()
}

/// How often a call was made for the client without an error.
fn times(trace: &StyleTrace, call: &str) -> usize {
    let events = trace.events.iter().filter(|event| event.call == call);
    let events =
        events.filter(|event| event.error.is_none() && event.fd.as_deref() == Some("client 1"));
    events.count()
}

/// How many bytes the calls of these steps have moved.
fn bytes(trace: &StyleTrace, call: &str, steps: Range<usize>) -> u64 {
    let events = trace.events.iter().filter(|event| event.call == call);
    let events = events.filter(|event| steps.contains(&event.step));
    events.filter_map(|event| event.bytes).sum()
}

/// How many bytes came back to the client, by the words of its replies.
fn received(trace: &StyleTrace) -> u64 {
    let replies = trace.replies.iter().flatten();
    let counts = replies.filter_map(|reply| {
        let words = reply.strip_suffix(')').unwrap_or(reply);
        let words = words.strip_suffix(" bytes")?;
        let count = words.rsplit([' ', '(']).next()?;
        count.replace(',', "").parse::<u64>().ok()
    });
    counts.sum()
}
