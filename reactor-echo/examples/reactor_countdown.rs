//! Counts down with timers. Shows a call that asks for the next, one that is moved, and one that is
//! cancelled.
//!
//! `cargo run -p reactor-echo --example reactor_countdown -- 1.0`, with the seconds between two
//! numbers.

use std::io::{self, Write};
use std::time::Duration;

use common::Settings;
use common::args::seconds;
use reactor_echo::{Agenda, DelayedCall, EngineKind, Reactor};

fn count_down(agenda: &mut Agenda, left: u32, pace: Duration, mut the_end: DelayedCall) {
    if left == 0 {
        say("lift-off");
        agenda.reset(&mut the_end, Duration::ZERO);
        return;
    }
    say(left);
    let next = move |agenda: &mut Agenda| count_down(agenda, left - 1, pace, the_end);
    let _ = agenda.call_later(pace, next);
}

fn say(what: impl std::fmt::Display) {
    let _ = writeln!(io::stdout(), "{what}");
}

fn main() -> io::Result<()> {
    let pace = std::env::args().nth(1).unwrap_or("1.0".into());
    let pace = seconds(&pace).map_err(io::Error::other)?;

    let mut reactor = Reactor::new(EngineKind::default(), Settings::default())?;
    let agenda = reactor.agenda();
    let abort = agenda.call_later(pace * 2, |_| say("aborted"));
    let the_end = agenda.call_later(pace * 60, Agenda::stop); // At the latest.
    agenda.call_when_running(move |agenda| {
        agenda.cancel(&abort);
        count_down(agenda, 3, pace, the_end);
    });
    reactor.run()
}
