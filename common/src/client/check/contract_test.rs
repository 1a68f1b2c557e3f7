//! The contract as a server's own tests grade it: without faults, and with them.

use std::ffi::OsString;
use std::fmt;

use super::{Kind, Selection, Target, run};

/// A debug build on a busy machine may take ten times as long as the contract says.
const SLACK: f64 = 10.0;

/// What a test of the contract returns.
pub type Grade = Result<(), Broken>;

/// Which cases failed, and under which arguments. `{:?}`, which a test that returns it shows, is
/// for people too.
pub struct Broken(String);

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A server's program and arguments, graded by the tests of its own crate.
///
/// ```no_run
/// use common::client::check::{ContractTest, Grade, Kind};
///
/// fn the_contract_is_kept() -> Grade {
///     ContractTest::of(Kind::Stream, "target/debug/select-echo").without_faults()
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ContractTest {
    kind: Kind,
    program: OsString,
    arguments: Vec<String>,
}

impl ContractTest {
    /// A test of `program`, which takes the options that all servers here take.
    pub fn of(kind: Kind, program: impl Into<OsString>) -> Self {
        ContractTest {
            kind,
            program: program.into(),
            arguments: Vec::new(),
        }
    }

    /// The same, of the program with more arguments.
    #[must_use]
    pub fn with(&self, arguments: &[&str]) -> Self {
        let mut test = self.clone();
        let arguments = arguments.iter().map(ToString::to_string);
        test.arguments.extend(arguments);
        test
    }

    /// Every case.
    ///
    /// # Errors
    /// A case failed, as in all of the following.
    pub fn without_faults(&self) -> Grade {
        self.expect(Selection::of(self.kind))
    }

    /// Every case that needs nothing but the wire: for options that concern the connections only.
    ///
    /// # Errors
    /// A case failed.
    pub fn wire_only(&self) -> Grade {
        self.expect(Selection::of(self.kind).wire_only())
    }

    /// A few cases with faults: short reads and writes, signals, spurious readiness, connections
    /// that are gone before they are accepted, and sometimes no descriptor for one. This shows that
    /// the real program copes with each kind; the simulation tries thousands of seeds.
    ///
    /// # Errors
    /// A case failed.
    pub fn with_faults(&self) -> Grade {
        let cases = [
            "one-line",
            "every-byte-value",
            "many-in-one-write",
            "half-close-flushes",
            "reset-amid-traffic",
        ];
        let faults = "7:short=60,eintr=20,spurious=20,aborted=10,emfile=5";
        self.with(&["--quiet", "--recv-size", "1000", "--faults", faults])
            .expect(Selection::of(self.kind).only(cases))
    }

    fn expect(&self, selection: Selection) -> Grade {
        let target = Target::command(&self.program, &self.arguments);
        let report = run(&target, &selection.slack(SLACK).hurried())
            .map_err(|why| Broken(why.to_string()))?;
        match report.failed().is_empty() {
            true => Ok(()),
            false => Err(Broken(format!("{:?}\n{report}", self.arguments))),
        }
    }
}
