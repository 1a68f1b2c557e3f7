//! The contract as a server's own tests judge it: on a good day, and on bad ones.

use std::ffi::OsString;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::{Kind, Selection, Target, run};

/// A debug build on a busy machine may take ten times as long as the contract says.
const SLACK: f64 = 10.0;

/// A turn that meets faults at every call takes longer still. A server that starves its clients
/// does so for as long as the flood lasts, and fails with this too.
const SLACK_OF_FAIRNESS: f64 = 50.0;

/// Cases that wait three quarters of a second for a client that never reads, whatever the faults.
const SLOW: [&str; 2] = ["never-reader-refused", "never-reader-harmless"];

/// One check at a time: they measure.
static ALONE: Mutex<()> = Mutex::new(());

/// What a test of the contract returns.
pub type Kept = Result<(), Broken>;

/// Which cases failed, and under which arguments. `{:?}`, which a test that returns it shows, is
/// for people too.
pub struct Broken(String);

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A server's program and arguments, judged by the tests of its own crate.
///
/// ```no_run
/// use common::check::{Judge, Kept, Kind};
///
/// fn the_contract_is_kept() -> Kept {
///     Judge::of(Kind::Stream, "target/debug/select-echo").on_a_good_day()
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Judge {
    kind: Kind,
    program: OsString,
    arguments: Vec<String>,
}

impl Judge {
    /// A judge of `program`, which takes the options that all servers here take.
    pub fn of(kind: Kind, program: impl Into<OsString>) -> Self {
        Judge {
            kind,
            program: program.into(),
            arguments: Vec::new(),
        }
    }

    /// The same, of the program with more arguments.
    #[must_use]
    pub fn with(&self, arguments: &[&str]) -> Self {
        let mut judge = self.clone();
        let arguments = arguments.iter().map(ToString::to_string);
        judge.arguments.extend(arguments);
        judge
    }

    /// Every case.
    ///
    /// # Errors
    /// A case failed, as in all of the following.
    pub fn on_a_good_day(&self) -> Kept {
        self.expect(Selection::of(self.kind))
    }

    /// Every case that needs nothing but the wire: for options that concern the connections only.
    ///
    /// # Errors
    /// A case failed.
    pub fn on_the_wire(&self) -> Kept {
        self.expect(Selection::of(self.kind).wire_only())
    }

    /// The cases on the wire on so many bad days, each from a seed of its own: short reads and
    /// writes, signals, spurious readiness, connections that are gone before they are accepted.
    /// The first two days are enough for what mostly waits.
    ///
    /// # Errors
    /// A case failed.
    pub fn on_bad_days(&self, days: u32) -> Kept {
        let wire = Selection::of(self.kind).wire_only();
        for seed in 1..=days {
            let cases = match seed {
                1..=2 => wire.clone(),
                _ => wire.clone().skip(SLOW),
            };
            let faults = format!("{seed}:short=60,eintr=10,spurious=10,aborted=10");
            self.expect_under(&faults, cases)?;
        }
        Ok(())
    }

    /// A server that reads, keeps and writes hardly more than a byte at a time.
    ///
    /// # Errors
    /// A case failed.
    pub fn one_byte_at_a_time(&self) -> Kept {
        let cases = ["one-line", "every-byte-value", "many-in-one-write"];
        self.with(&["--recv-size", "1", "--high-water", "1"])
            .expect(Selection::of(self.kind).only(cases))?;
        let wire = Selection::of(self.kind).wire_only();
        self.expect_under("7:short=99,eintr=30", wire.skip(SLOW))
    }

    /// Nearly every third connection finds no descriptor free, on so many days. Where nobody closes
    /// one, that costs half a second each time: so these are cases of few connections.
    ///
    /// # Errors
    /// A case failed.
    pub fn when_descriptors_run_out(&self, days: u32) -> Kept {
        let cases = [
            "one-line",
            "every-byte-value",
            "many-in-one-write",
            "half-close-at-once",
            "reset-amid-traffic",
        ];
        for seed in 1..=days {
            let faults = format!("{seed}:emfile=30,short=30,eintr=10");
            self.with(&["--quiet", "--faults", &faults])
                .expect(Selection::of(self.kind).only(cases))?;
        }
        Ok(())
    }

    fn expect_under(&self, faults: &str, cases: Selection) -> Kept {
        let day = self.with(&["--quiet", "--faults", faults]);
        day.expect(cases.skip(["fairness"]))?;
        let fairness = Selection::of(self.kind).only(["fairness"]);
        day.expect_within(SLACK_OF_FAIRNESS, fairness)
    }

    fn expect(&self, selection: Selection) -> Kept {
        self.expect_within(SLACK, selection)
    }

    fn expect_within(&self, slack: f64, selection: Selection) -> Kept {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let target = Target::command(&self.program, &self.arguments);
        let report =
            run(&target, &selection.slack(slack)).map_err(|why| Broken(why.to_string()))?;
        match report.failed().is_empty() {
            true => Ok(()),
            false => Err(Broken(format!("{:?}\n{report}", self.arguments))),
        }
    }
}
