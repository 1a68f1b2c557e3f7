//! Faults, drawn from a seed.
//!
//! A correct kernel can return each of these faults, so the contract must hold under all of them.
//! A fault never misleads an edge-triggered loop about the state of a socket. To shorten a read, the
//! loop gets a smaller [`read_window`](super::read_window); spurious readiness comes from
//! [`spurious`](super::spurious), and not from a made-up `WouldBlock`, which would lose an edge.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, ErrorKind};
use std::str::FromStr;

use fastrand::Rng;

use super::errno;

/// How often each kind of fault happens, in percent of the calls that can have it, and the seed that
/// they are drawn from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    seed: u64,
    short: u8,
    eintr: u8,
    spurious: u8,
    aborted: u8,
    emfile: u8,
    eacces: u8,
}

/// Parses `SEED` (every kind, at a medium rate) or `SEED:KIND=PERCENT,…` (only those kinds).
impl FromStr for Faults {
    type Err = String;

    fn from_str(spec: &str) -> Result<Self, String> {
        let (seed, kinds) = spec
            .split_once(':')
            .unwrap_or((spec, "short=50,eintr=10,spurious=10,aborted=10,emfile=1"));
        let seed = seed
            .parse()
            .map_err(|_| format!("the seed {seed:?} is not a whole number"))?;
        let mut faults = Faults {
            seed,
            ..Faults::default()
        };
        for kind in kinds.split(',') {
            let (name, percent) = kind
                .split_once('=')
                .ok_or_else(|| format!("{kind:?} is not KIND=PERCENT"))?;
            let percent = percent.parse().ok().filter(|percent| *percent <= 99);
            let percent = percent
                .ok_or_else(|| format!("{kind:?}: the percentage must be between 0 and 99"))?;
            match name {
                "short" => faults.short = percent,
                "eintr" => faults.eintr = percent,
                "spurious" => faults.spurious = percent,
                "aborted" => faults.aborted = percent,
                "emfile" => faults.emfile = percent,
                "eacces" => faults.eacces = percent,
                _ => return Err(format!("unknown kind of fault {name:?}")),
            }
        }
        Ok(faults)
    }
}

/// The text form, which parses into the same faults.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Faults {
            seed,
            short,
            eintr,
            spurious,
            aborted,
            emfile,
            eacces,
        } = self;
        write!(
            f,
            "{seed}:short={short},eintr={eintr},spurious={spurious},aborted={aborted},\
             emfile={emfile},eacces={eacces}"
        )
    }
}

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static FAULTS: RefCell<(Faults, Rng)> = RefCell::new((Faults::default(), Rng::with_seed(0)));
}

/// From now on, the calls that this thread makes through [`sys`](super) get these faults.
pub fn inject(faults: Faults) {
    let rng = Rng::with_seed(faults.seed);
    FAULTS.with(|state| state.replace((faults, rng)));
    ARMED.set(true);
}

/// A thread's faults, and the state of their random numbers.
#[cfg(feature = "sim")]
#[derive(Debug)]
pub(super) struct FaultState(bool, (Faults, Rng));

#[cfg(feature = "sim")]
impl FaultState {
    /// The state for these faults; or for none.
    pub fn new(faults: Option<&Faults>) -> Self {
        let faults_or_none = faults.cloned().unwrap_or_default();
        let rng = Rng::with_seed(faults_or_none.seed);
        FaultState(faults.is_some(), (faults_or_none, rng))
    }
}

/// Replaces the calling thread's faults, and returns the state so far.
#[cfg(feature = "sim")]
pub(super) fn replace(state: FaultState) -> FaultState {
    let FaultState(is_armed, faults) = state;
    FaultState(ARMED.replace(is_armed), FAULTS.replace(faults))
}

/// Decides by chance whether a fault happens, and if so, returns the result of `then`.
#[cold]
fn draw<T>(percent: impl Fn(&Faults) -> u8, then: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    FAULTS.with_borrow_mut(|(faults, rng)| (rng.u8(..100) < percent(faults)).then(|| then(rng)))
}

/// Fails sometimes, like a call that a signal interrupted.
#[inline]
pub(super) fn interrupted() -> io::Result<()> {
    if ARMED.get() {
        failing(|faults| faults.eintr, ErrorKind::Interrupted.into())
    } else {
        Ok(())
    }
}

/// Fails sometimes, like an accept(2) whose connection has gone, that has no free descriptor, or
/// that a security policy forbids.
#[inline]
pub(super) fn not_accepted() -> io::Result<()> {
    if !ARMED.get() {
        return Ok(());
    }
    interrupted()?;
    failing(|faults| faults.aborted, ErrorKind::ConnectionAborted.into())?;
    failing(|faults| faults.emfile, errno::no_descriptor())?;
    failing(|faults| faults.eacces, errno::no_permission())
}

fn failing(percent: impl Fn(&Faults) -> u8, error: io::Error) -> io::Result<()> {
    draw(percent, |_| error).map_or(Ok(()), Err)
}

/// The number of bytes, at most `length`, to let a read or a write have.
#[inline]
pub(super) fn shortened(length: usize) -> usize {
    if ARMED.get() { short(length) } else { length }
}

/// The same for a write, which can also be interrupted.
#[inline]
pub(super) fn offered(length: usize) -> io::Result<usize> {
    if ARMED.get() {
        let length = short(length);
        interrupted().map(|()| length)
    } else {
        Ok(length)
    }
}

/// Half of the short ones have a single byte.
#[cold]
fn short(length: usize) -> usize {
    let short = |rng: &mut Rng| {
        if rng.bool() {
            1
        } else {
            1 + draw_below(rng, length)
        }
    };
    match length {
        0 => 0,
        _ => draw(|faults| faults.short, short).unwrap_or(length),
    }
}

/// Draws a number below `end`. fastrand's own function draws a `usize` differently on a 32-bit
/// machine, and the same seed must give the same faults everywhere.
pub(super) fn draw_below(rng: &mut Rng, end: usize) -> usize {
    rng.u64(..end as u64) as usize
}

/// Whether to report readiness that isn't there.
#[inline]
pub(super) fn spurious() -> bool {
    ARMED.get() && draw(|faults| faults.spurious, |_| ()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_a_seed_and_perhaps_kinds() {
        assert_eq!(
            "7:short=90,eintr=5".parse(),
            Ok(Faults {
                seed: 7,
                short: 90,
                eintr: 5,
                ..Faults::default()
            })
        );
        assert!(
            "7".parse::<Faults>()
                .is_ok_and(|faults| faults.emfile > 0 && faults.short > 0)
        );
        for spec in ["7", "7:short=90,eintr=5"] {
            let faults = spec.parse::<Faults>();
            let text = faults.as_ref().map_or_else(Clone::clone, Faults::to_string);
            assert_eq!(text.parse(), faults);
        }
        for bad in [
            "",
            "x",
            "7:",
            "7:short",
            "7:short=100",
            "7:short=-1",
            "7:slow=5",
        ] {
            assert!(bad.parse::<Faults>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() -> Result<(), String> {
        let faults = |seed: &str| -> Result<Vec<(bool, usize)>, String> {
            inject(seed.parse()?);
            Ok((0..100)
                .map(|_| (interrupted().is_err(), shortened(1000)))
                .collect())
        };
        let first = faults("1")?;
        assert_eq!(first, faults("1")?);
        assert_ne!(first, faults("2")?);
        assert!(first.iter().any(|(failed, _)| *failed));
        assert!(first.iter().any(|(_, length)| *length == 1));
        assert!(first.iter().all(|(_, length)| (1..=1000).contains(length)));
        ARMED.set(false);
        Ok(())
    }

    #[test]
    fn without_faults_nothing_is_injected() {
        assert!(interrupted().is_ok() && not_accepted().is_ok());
        assert!(!spurious());
        assert_eq!(shortened(10), 10);
    }
}
