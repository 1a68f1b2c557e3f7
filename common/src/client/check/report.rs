//! The checker's results, for people and for programs.

use std::fmt;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::Case;

/// How one case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server keeps the rule. Contains what the case observed.
    Pass(String),
    /// The server breaks the rule. Contains what the case observed.
    Fail(String),
    /// The case can't be tested here. Contains the reason.
    Skip(String),
}

impl Outcome {
    /// `pass`, `FAIL` or `skip`.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Pass(_) => "pass",
            Outcome::Fail(_) => "FAIL",
            Outcome::Skip(_) => "skip",
        }
    }

    /// What the case observed, or why it was skipped.
    pub fn seen(&self) -> &str {
        let (Outcome::Pass(seen) | Outcome::Fail(seen) | Outcome::Skip(seen)) = self;
        seen
    }

    fn style(&self) -> Style {
        match self {
            Outcome::Pass(_) => AnsiColor::Green.on_default(),
            Outcome::Fail(_) => AnsiColor::Red.on_default().bold(),
            Outcome::Skip(_) => AnsiColor::Yellow.on_default(),
        }
    }
}

/// One case and its outcome. `{}` is its line; `{:#}` is its line in colours.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The case.
    pub case: &'static Case,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (
            Case {
                number, name, rule, ..
            },
            word,
        ) = (self.case, self.outcome.word());
        let (style, dim) = match f.alternate() {
            true => (self.outcome.style(), Style::new().dimmed()),
            false => (Style::new(), Style::new()),
        };
        let seen = self.outcome.seen();
        write!(
            f,
            "{number:3} {name:26} {style}{word}{style:#}  {seen}  {dim}[{rule}]{dim:#}"
        )
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(7))?;
        map.serialize_entry("number", &self.case.number)?;
        map.serialize_entry("name", self.case.name)?;
        map.serialize_entry("outcome", &self.outcome.word().to_lowercase())?;
        map.serialize_entry("seen", self.outcome.seen())?;
        map.serialize_entry("rule", self.case.rule)?;
        map.serialize_entry("needs", &self.case.needs)?;
        map.serialize_entry("seconds", &self.took.as_secs_f64())?;
        map.end()
    }
}

/// The results of a whole run. `{}` shows the failed cases and the totals, for a test's message.
#[derive(Debug, Clone)]
pub struct Report {
    /// One for each selected case, in the order of the cases.
    pub findings: Vec<Finding>,
    /// How long the run took.
    pub took: Duration,
}

impl Report {
    /// The cases that failed.
    pub fn failed(&self) -> Vec<&Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.outcome.word() == "FAIL")
            .collect()
    }

    /// How many passed, failed and were skipped.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |word| {
            self.findings
                .iter()
                .filter(|finding| finding.outcome.word() == word)
                .count()
        };
        (count("pass"), count("FAIL"), count("skip"))
    }

    /// The totals as one line.
    pub fn summary(&self) -> String {
        let (passed, failed, skipped) = self.counts();
        format!(
            "{passed} passed, {failed} failed, {skipped} skipped in {:.1} s",
            self.took.as_secs_f64()
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in self.failed() {
            writeln!(f, "{finding}")?;
        }
        write!(f, "{}", self.summary())
    }
}
