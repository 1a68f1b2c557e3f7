//! Runs many cases, one after the other.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::case::SimulationCase;
use crate::contract::{Violation, check_contract};
use crate::server::Style;

/// A generated case that breaks a rule.
#[derive(Debug)]
pub struct Failure {
    /// The number that it was generated from.
    pub number: u64,
    /// The smallest case found that still fails.
    pub case: SimulationCase,
    /// The rule that it breaks. `None` if the server panics.
    pub broken: Option<Violation>,
}

/// Displays what was broken, and the commands that reproduce it.
impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Failure {
            number,
            case,
            broken,
        } = self;
        let style = case.server.style.name();
        match broken {
            Some(broken) => writeln!(f, "{style}: script {number} breaks a rule: {broken}")?,
            None => writeln!(f, "{style}: script {number} makes the server panic")?,
        }
        let program = "cargo run --release -p book -- simulate";
        write!(
            f,
            "The smallest case that still fails:\n  {program} {case}\nThe case as it was generated:\n  \
             {program} --style {style} --first {number} --seeds 1"
        )
    }
}

/// Runs the cases of these numbers on all cores. Returns the failure with the lowest number.
/// `None` means that no case broke a rule.
pub fn simulate(style: Style, numbers: Range<u64>) -> Option<Failure> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    // The other cores need not look behind it.
    let lowest = AtomicU64::new(u64::MAX);
    let first_of = |core: u64| {
        let own = numbers.clone().skip(core as usize).step_by(cores as usize);
        let mut own = own.take_while(|number| *number < lowest.load(Ordering::Relaxed));
        let found = own.find(|number| fails(style, *number))?;
        lowest.fetch_min(found, Ordering::Relaxed);
        Some(found)
    };
    // WebAssembly has no threads.
    if cores == 1 {
        return first_of(0).map(|number| explain(SimulationCase::generate(style, number), number));
    }
    let failing = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|core| scope.spawn(move || first_of(core)))
            .collect();
        let found = threads
            .into_iter()
            .filter_map(|thread| thread.join().ok().flatten());
        found.min()
    });
    failing.map(|number| explain(SimulationCase::generate(style, number), number))
}

fn fails(style: Style, number: u64) -> bool {
    let case = SimulationCase::generate(style, number);
    outcome(&case).is_none_or(|outcome| outcome.is_err())
}

/// `None` if the server panics.
fn outcome(case: &SimulationCase) -> Option<Result<(), Violation>> {
    catch_unwind(AssertUnwindSafe(|| check_contract(case, &case.run()))).ok()
}

fn explain(case: SimulationCase, number: u64) -> Failure {
    let Some(Err(broken)) = outcome(&case) else {
        return Failure {
            number,
            case,
            broken: None,
        };
    };
    let case = case.shrink(broken.rule);
    let broken = outcome(&case).and_then(Result::err);
    Failure {
        number,
        case,
        broken,
    }
}
