//! Whether a scenario that is played again gives the same order of events.

use std::collections::BTreeSet;

use crate::style::Style;
use crate::trace::{Event, Trace};

/// What differs between a recorded trace and the same scenario played again, one line each. Empty
/// when nothing does.
///
/// Compared are the client's steps and, for each style, the order of the calls, with their
/// handlers, sockets and errors. Where turns are folded, how many there were and which calls were
/// refused depends on the kernel's buffers; there it is compared what kinds of call each step has.
pub fn differences(recorded: &Trace, again: &Trace) -> Vec<String> {
    let mut differences = Vec::new();
    if recorded.steps != again.steps {
        differences.push("the client's steps differ".to_owned());
    }
    for style in Style::ALL {
        for (step, name) in recorded.steps.iter().enumerate() {
            let one = kinds(recorded, style, step);
            let two = kinds(again, style, step);
            if one != two {
                let (one, two) = (one.join(", "), two.join(", "));
                let at = format!("{}, {}, {name}", recorded.scenario, style.name());
                differences.push(format!("{at}: recorded {one}; now {two}"));
            }
        }
    }
    differences
}

/// The calls of one step: in order, or, where turns are folded, each kind once.
fn kinds(trace: &Trace, style: Style, step: usize) -> Vec<String> {
    let events = trace.events(style, step);
    if trace.folded {
        let done = events.filter(|event| event.error.as_deref() != Some("WouldBlock"));
        done.map(kind)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    } else {
        events.map(kind).collect()
    }
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
