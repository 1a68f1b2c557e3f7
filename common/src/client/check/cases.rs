//! All cases, in one file per theme. A case's number is its position in this list.

use super::case_run::{CaseResult, CaseRun};
use super::{Case, Kind, Needs};

mod bytes;
mod crowd;
mod descriptors;
mod ending;
mod limits;
mod logs;
mod pressure;
mod quiet;
mod starting;
mod stopping;

/// All cases, with their numbers.
pub(super) fn numbered() -> Vec<Case> {
    let themes = [
        bytes::CASES,
        ending::CASES,
        pressure::CASES,
        crowd::CASES,
        starting::CASES,
        stopping::CASES,
        quiet::CASES,
        descriptors::CASES,
        limits::CASES,
        logs::CASES,
    ];
    let all = themes.concat().into_iter();
    all.zip(1..)
        .map(|(case, number)| Case { number, ..case })
        .collect()
}

type Body = fn(&CaseRun) -> CaseResult;

impl Case {
    const fn wire(name: &'static str, about: &'static str, rule: &'static str, body: Body) -> Self {
        Case {
            number: 0,
            name,
            about,
            rule,
            needs: Needs::Wire,
            only: None,
            waits: false,
            body,
        }
    }

    const fn process(
        name: &'static str,
        about: &'static str,
        rule: &'static str,
        body: Body,
    ) -> Self {
        Case {
            needs: Needs::Process,
            ..Case::wire(name, about, rule, body)
        }
    }

    const fn only(self, kind: Kind) -> Self {
        Case {
            only: Some(kind),
            ..self
        }
    }

    /// Marks a case that mostly waits and measures nothing that a busy machine could disturb.
    const fn waits(self) -> Self {
        Case {
            waits: true,
            ..self
        }
    }
}
