//! Turns of a loop that are alike, folded into one.

use crate::trace::Event;

/// Folds what comes again: within a turn of the loop each kind of call stands once, and turns in a
/// row that have the same kinds are one. [`Event::times`] says how often, bytes are summed up.
pub(super) fn fold(events: &[Event]) -> Vec<Event> {
    let mut turns: Vec<Vec<Event>> = Vec::new();
    for turn in events.split_inclusive(|event| event.call == "wait") {
        let turn = without_repeats(turn);
        match turns.last_mut() {
            Some(last) if is_alike(last, &turn) => {
                for (sum, event) in last.iter_mut().zip(&turn) {
                    add(sum, event);
                }
            }
            _ => turns.push(turn),
        }
    }
    turns.concat()
}

fn without_repeats(turn: &[Event]) -> Vec<Event> {
    let mut kinds: Vec<Event> = Vec::new();
    for event in turn {
        match kinds.iter_mut().find(|known| is_same_kind(known, event)) {
            Some(known) => add(known, event),
            None => kinds.push(event.clone()),
        }
    }
    kinds
}

fn is_alike(one: &[Event], two: &[Event]) -> bool {
    let mut pairs = one.iter().zip(two);
    one.len() == two.len() && pairs.all(|(one, two)| is_same_kind(one, two))
}

fn is_same_kind(one: &Event, two: &Event) -> bool {
    let kind = |event: &Event| Event {
        bytes: None,
        ready: None,
        times: 1,
        ..event.clone()
    };
    kind(one) == kind(two)
}

fn add(sum: &mut Event, event: &Event) {
    sum.times += event.times;
    sum.bytes = sum.bytes.zip(event.bytes).map(|(one, two)| one + two);
    sum.ready = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(call: &str, bytes: Option<u64>) -> Event {
        Event {
            step: 1,
            call: call.to_owned(),
            handler: None,
            fd: None,
            bytes,
            ready: None,
            error: None,
            file: "a.rs".to_owned(),
            line: 1,
            text: String::new(),
            times: 1,
        }
    }

    #[test]
    fn turns_that_are_alike_are_one() {
        let turn = |lines| {
            let mut turn = vec![event("wake", None), event("recv", Some(10))];
            turn.extend((0..lines).map(|_| event("enter", None)));
            turn.push(event("wait", None));
            turn
        };
        let other = vec![event("wake", None), event("wait", None)];
        let folded = fold(&[turn(3), turn(2), other, turn(1)].concat());
        let seen: Vec<_> = folded
            .iter()
            .map(|event| (event.call.as_str(), event.bytes, event.times))
            .collect();
        assert_eq!(
            seen,
            [
                ("wake", None, 2),
                ("recv", Some(20), 2),
                ("enter", None, 5),
                ("wait", None, 2),
                ("wake", None, 1),
                ("wait", None, 1),
                ("wake", None, 1),
                ("recv", Some(10), 1),
                ("enter", None, 1),
                ("wait", None, 1),
            ]
        );
    }
}
