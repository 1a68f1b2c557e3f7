//! Runs the selected cases: those that measure time one by one, those that mostly wait side by
//! side.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::server::Family;
use super::trial::{Problem, Trial, Verdict};
use super::{Case, Finding, Outcome, Report, Selection, Target};

/// No case may take longer, whatever the server does.
const CASE_LIMIT: Duration = Duration::from_secs(20);

/// How many waiting cases run side by side.
const SIDE_BY_SIDE: usize = 6;

/// Grades `target` on the selected cases.
pub fn run(target: &Target, selection: &Selection) -> Report {
    run_with(target, selection, |_| ())
}

/// Grades `target` and shows each finding as soon as it is there; the report is in the order of the
/// cases.
pub fn run_with(target: &Target, selection: &Selection, mut found: impl FnMut(&Finding)) -> Report {
    let started = Instant::now();
    let (waiting, alone): (Vec<_>, Vec<_>) = selection.cases().partition(|case| case.waits);
    let mut findings = Vec::new();
    let mut keep = |finding: Finding| {
        found(&finding);
        findings.push(finding);
    };
    for case in alone {
        keep(run_case(case, target, selection));
    }
    let (sender, receiver) = mpsc::channel();
    let queue = Mutex::new(waiting.into_iter());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            let sender = sender.clone();
            scope.spawn(|| work_off(&queue, target, selection, sender));
        }
        drop(sender);
        receiver.iter().for_each(&mut keep);
    });
    findings.sort_by_key(|finding| finding.case.number);
    Report {
        findings,
        took: started.elapsed(),
    }
}

/// Takes case after case from the queue until it is empty.
fn work_off(
    queue: &Mutex<impl Iterator<Item = &'static Case>>,
    target: &Target,
    selection: &Selection,
    sender: Sender<Finding>,
) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some(case) = next() {
        if sender.send(run_case(case, target, selection)).is_err() {
            return;
        }
    }
}

/// Runs one case in a thread of its own, so that one that hangs can be given up.
fn run_case(case: &'static Case, target: &Target, selection: &Selection) -> Finding {
    let started = Instant::now();
    let family = Family::default();
    let trial = Trial::new(target, selection, &family);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(trial.carry_out(case)));
    let limit = CASE_LIMIT.mul_f64(selection.slack.clamp(1.0, 3.0));
    let verdict = receiver
        .recv_timeout(limit)
        .unwrap_or_else(|error| given_up(error, limit));
    family.end_all();
    Finding {
        case,
        outcome: outcome(verdict),
        took: started.elapsed(),
    }
}

fn given_up(error: RecvTimeoutError, limit: Duration) -> Verdict {
    Err(Problem::Fail(match error {
        RecvTimeoutError::Timeout => format!("no end after {} s", limit.as_secs()),
        RecvTimeoutError::Disconnected => "the checker itself panicked".into(),
    }))
}

fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Ok(seen) => Outcome::Pass(seen),
        Err(Problem::Fail(seen)) => Outcome::Fail(seen),
        Err(Problem::Skip(why)) => Outcome::Skip(why),
    }
}
