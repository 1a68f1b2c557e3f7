//! Counts down with timers. Shows a call that schedules the next one, one that is moved, and one
//! that is cancelled.
//!
//! `cargo run -p reactor-echo --example reactor_countdown -- 1.0`, with the seconds between two
//! numbers.

use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use common::Settings;
use common::args::seconds;
use reactor_echo::{DelayedCall, EngineKind, Reactor};

/// Called with each line to print.
type Say = Rc<dyn Fn(&str)>;

fn count_down(
    reactor: &mut Reactor,
    left: u32,
    pace: Duration,
    say: Say,
    mut the_end: DelayedCall,
) {
    if left == 0 {
        say("lift-off");
        reactor.reset(&mut the_end, Duration::ZERO);
        return;
    }
    say(&left.to_string());
    let next = move |reactor: &mut Reactor| count_down(reactor, left - 1, pace, say, the_end);
    let _ = reactor.call_later(pace, next);
}

fn main() -> io::Result<()> {
    let pace = std::env::args().nth(1).unwrap_or("1.0".into());
    let pace = seconds(&pace).map_err(io::Error::other)?;

    let reactor = Reactor::new(EngineKind::default(), Settings::default())?;
    let say = |what: &str| {
        let _ = writeln!(io::stdout(), "{what}");
    };
    run(reactor, pace, Rc::new(say))
}

/// Counts down from three, with this much time between two numbers.
pub fn run(mut reactor: Reactor, pace: Duration, say: Say) -> io::Result<()> {
    let say_aborted = Rc::clone(&say);
    let abort = reactor.call_later(pace * 2, move |_| say_aborted("aborted"));
    let the_end = reactor.call_later(pace * 60, Reactor::stop); // At the latest.
    reactor.call_when_running(move |reactor| {
        reactor.cancel(&abort);
        count_down(reactor, 3, pace, say, the_end);
    });
    reactor.run()
}
