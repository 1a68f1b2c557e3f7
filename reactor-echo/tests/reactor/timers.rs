//! Calls that are made later.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor_echo::{Agenda, EngineKind};

use crate::hooks::{Log, Trial};

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub fn calls_come_in_the_order_of_their_times(engine: EngineKind) -> io::Result<()> {
    let (mut trial, log, begun) = (Trial::new(engine)?, Log::default(), Instant::now());
    for (delay, name) in [(30, "last"), (10, "first"), (20, "second"), (20, "third")] {
        let log = log.clone();
        let _ = trial
            .reactor
            .call_later(milliseconds(delay), move |agenda| {
                log.note(name);
                if name == "last" {
                    agenda.stop();
                }
            });
    }
    trial.run()?;
    assert_eq!(log.lines(), ["first", "second", "third", "last"]);
    assert!(begun.elapsed() >= milliseconds(30));
    Ok(())
}

pub fn a_call_from_a_callback_waits_a_turn(engine: EngineKind) -> io::Result<()> {
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    let (first, second) = (log.clone(), log.clone());
    trial.reactor.agenda().call_when_running(move |agenda| {
        let later = first.clone();
        agenda.call_when_running(move |agenda| {
            later.note("added by the first");
            agenda.stop();
        });
        first.note("first");
    });
    let call = move |_: &mut Agenda| second.note("second");
    trial.reactor.agenda().call_when_running(call);
    trial.run()?;
    assert_eq!(log.lines(), ["first", "second", "added by the first"]);
    Ok(())
}

pub fn calls_are_cancelled_and_moved(engine: EngineKind) -> io::Result<()> {
    let (mut trial, log) = (Trial::new(engine)?, Log::default());
    let note = |name: &'static str| {
        let log = log.clone();
        move |_: &mut Agenda| log.note(name)
    };
    let agenda = trial.reactor.agenda();
    let cancelled = agenda.call_later(milliseconds(10), note("cancelled"));
    let mut moved = agenda.call_later(milliseconds(1), note("moved"));
    let mut sooner = agenda.call_later(Duration::from_secs(60), note("sooner"));
    assert!(agenda.reset(&mut moved, milliseconds(20)));
    assert!(agenda.reset(&mut sooner, Duration::ZERO));
    assert!(agenda.delay(&mut sooner, milliseconds(5)));
    assert!(moved.time() > sooner.time());
    assert!(agenda.is_active(&cancelled));
    assert!(agenda.cancel(&cancelled) && !agenda.cancel(&cancelled));
    assert!(!agenda.is_active(&cancelled));

    // Cancelled in the turn in which it would have been made.
    let same_turn = Rc::new(RefCell::new(None));
    let victim = Rc::clone(&same_turn);
    agenda.call_when_running(move |agenda| {
        let call = victim.take().expect("the call is known");
        assert!(agenda.cancel(&call));
    });
    same_turn.replace(Some(agenda.call_later(Duration::ZERO, note("too late"))));
    let _ = agenda.call_later(milliseconds(40), move |agenda| {
        assert!(!agenda.reset(&mut moved, Duration::ZERO), "it was made");
        agenda.stop();
    });
    trial.run()?;
    assert_eq!(log.lines(), ["sooner", "moved"]);
    Ok(())
}
