//! Whether a scenario that is played again gives what was recorded.

use std::ops::Range;

use super::scenarios::LINE;
use crate::style::Style;
use crate::trace::{Event, Lane, Trace};

/// Most bytes that a server holds for a client that doesn't read: the high-water mark and one read,
/// both by their defaults, and the part of a line that the chat server keeps.
const MOST_PENDING: u64 = 65_536 + 65_536 + LINE.len() as u64;

/// What differs between a recorded trace and the same scenario played again, one line each. Empty
/// when nothing does.
///
/// The client's steps are compared and, for each style, the calls in their order, with their
/// handlers, sockets and errors. Where turns are folded, calls and their order depend on the
/// kernel's buffers and on when it wakes the server. There, both traces must show what is the same
/// in every run.
pub fn differences(recorded: &Trace, again: &Trace) -> Vec<String> {
    let mut differences = Vec::new();
    if recorded.steps != again.steps {
        differences.push("the client's steps differ".to_owned());
    }
    for style in Style::ALL {
        let found = match again.folded {
            true => broken_invariants(again, style),
            false => other_calls(recorded, again, style),
        };
        let at = format!("{}, {}", recorded.scenario, style.name());
        differences.extend(found.into_iter().map(|found| format!("{at}, {found}")));
    }
    differences
}

/// The steps in which the calls or their order differ.
fn other_calls(recorded: &Trace, again: &Trace, style: Style) -> Vec<String> {
    let calls =
        |trace: &Trace, step| -> Vec<String> { trace.events(style, step).map(kind).collect() };
    let mut differences = Vec::new();
    for (step, name) in recorded.steps.iter().enumerate() {
        let (one, two) = (calls(recorded, step), calls(again, step));
        if one != two {
            let (one, two) = (one.join(", "), two.join(", "));
            differences.push(format!("{name}: recorded {one}; now {two}"));
        }
    }
    differences
}

fn kind(event: &Event) -> String {
    let parts = [
        Some(&event.call),
        event.handler.as_ref(),
        event.fd.as_ref(),
        event.error.as_ref(),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    parts.join(" ")
}

/// What a server does with a client that sends until the server takes no more, and reads later:
/// the same in every run, whatever the kernel's buffers hold. Returns what does not hold.
fn broken_invariants(trace: &Trace, style: Style) -> Vec<String> {
    let Some(lane) = trace.lanes.get(&style) else {
        return vec!["it is not there".to_owned()];
    };
    let step = |of: &str| trace.steps.iter().position(|step| step.contains(of));
    let (Some(full), Some(stop)) = (step("takes no more"), step("asked to stop")) else {
        return vec!["a step is missing".to_owned()];
    };
    let last = trace.events(style, full).last();
    let pending = bytes(lane, "recv", 0..full + 1).checked_sub(bytes(lane, "send", 0..full + 1));
    let read = bytes(lane, "recv", 0..stop);
    let sent = bytes(lane, "send", 0..trace.steps.len());
    let invariants = [
        (times(lane, "accept") == 1, "it accepts one client"),
        (
            times(lane, "close") == 1,
            "it closes the client's socket once",
        ),
        (
            pending.is_some_and(|pending| (1..=MOST_PENDING).contains(&pending)),
            "what it holds for the client is bounded",
        ),
        (
            last.is_some_and(|event| event.call == "wait"),
            "it waits when the client does not read",
        ),
        (
            (sent..sent + LINE.len() as u64).contains(&read),
            "it sends all that it has read before the stop, but for a part of a line",
        ),
        (received(lane) == sent, "the client gets all that was sent"),
    ];
    let broken = invariants.iter().filter(|(holds, _)| !holds);
    broken.map(|(_, text)| format!("not so: {text}")).collect()
}

/// How often a call was made for the client without an error.
fn times(lane: &Lane, call: &str) -> u64 {
    let events = lane.events.iter().filter(|event| event.call == call);
    let events =
        events.filter(|event| event.error.is_none() && event.fd.as_deref() == Some("client 1"));
    events.map(|event| event.times).sum()
}

/// How many bytes the calls of these steps have moved.
fn bytes(lane: &Lane, call: &str, steps: Range<usize>) -> u64 {
    let events = lane.events.iter().filter(|event| event.call == call);
    let events = events.filter(|event| steps.contains(&event.step));
    events.filter_map(|event| event.bytes).sum()
}

/// How many bytes came back to the client, by the words of its replies.
fn received(lane: &Lane) -> u64 {
    let replies = lane.replies.iter().flatten();
    let counts = replies.filter_map(|reply| {
        let count = reply
            .strip_prefix("client 1 gets ")?
            .strip_suffix(" bytes")?;
        count.replace(',', "").parse::<u64>().ok()
    });
    counts.sum()
}
