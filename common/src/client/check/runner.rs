//! Runs the selected cases: one by one if they measure time, at the same time if they mostly
//! wait.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::case_run::{CaseError, CaseResult, CaseRun};
use super::server::{Launch, ProcessGroups};
use super::{Case, Finding, Outcome, Report, Selection, Target};
use crate::client::server_process::Patience;

/// The longest time that a case can take, whatever the server does.
const CASE_LIMIT: Duration = Duration::from_secs(20);

/// How many cases run at the same time.
const SIDE_BY_SIDE: usize = 8;

/// Grades `target` on the selected cases.
///
/// # Errors
/// The server's command can't be run at all.
pub fn run(target: &Target, selection: &Selection) -> Result<Report, NotGraded> {
    run_with(target, selection, |_| Ok(()))
}

/// Grades `target` and reports each finding as soon as it is known. The report has the order of the
/// cases. If the command starts no server, the first case fails, and all others are skipped.
///
/// # Errors
/// The server's command can't be run at all; or `found` failed, which ends the run.
pub fn run_with(
    target: &Target,
    selection: &Selection,
    mut found: impl FnMut(&Finding) -> io::Result<()>,
) -> Result<Report, NotGraded> {
    let started = Instant::now();
    let mut findings = Vec::new();
    let mut keep = |finding: Finding| {
        let shown = found(&finding).map_err(NotGraded::Stopped);
        findings.push(finding);
        shown
    };
    match try_out(target)? {
        Ok(()) => run_cases(target, selection, &mut keep)?,
        Err(error) => skip_cases(selection, error, &mut keep)?,
    }
    findings.sort_by_key(|finding| finding.case.number);
    Ok(Report {
        findings,
        took: started.elapsed(),
    })
}

/// Why there is no report.
#[derive(Debug)]
pub enum NotGraded {
    /// The server's command can't be run: it doesn't exist, or isn't a program. The message
    /// contains it.
    CannotRun(io::Error),
    /// The run ended early: a finding couldn't be shown, or a thread couldn't be started.
    Stopped(io::Error),
}

impl fmt::Display for NotGraded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (NotGraded::CannotRun(error) | NotGraded::Stopped(error)) = self;
        error.fmt(out)
    }
}

impl std::error::Error for NotGraded {}

impl From<NotGraded> for io::Error {
    fn from(why: NotGraded) -> Self {
        let (NotGraded::CannotRun(error) | NotGraded::Stopped(error)) = why;
        error
    }
}

type Keep<'a> = dyn FnMut(Finding) -> Result<(), NotGraded> + 'a;

/// Starts the server once before any case, so that a server that can't start is reported only once.
fn try_out(target: &Target) -> Result<Result<(), CaseError>, NotGraded> {
    let Target::Command(command) = target else {
        return Ok(Ok(()));
    };
    let program = command.first().map(|program| program.display());
    let failed = |error: io::Error| {
        let message = match &program {
            Some(program) => format!("cannot run {program}: {error}"),
            None => "there is no command to run".into(),
        };
        NotGraded::CannotRun(io::Error::new(error.kind(), message))
    };
    let groups = ProcessGroups::default();
    Launch::new(command, &groups).try_out().map_err(failed)
}

/// Fails the first case with `error`, and skips all others because of it.
fn skip_cases(
    selection: &Selection,
    error: CaseError,
    keep: &mut Keep<'_>,
) -> Result<(), NotGraded> {
    let mut error = Some(error);
    for case in selection.cases() {
        let error = error.take();
        let skip = || CaseError::Skip("not run: the server did not start".into());
        keep(Finding {
            case,
            outcome: outcome(Err(error.unwrap_or_else(skip))),
            took: Duration::ZERO,
        })?;
    }
    Ok(())
}

/// Runs the cases that measure one after the other, and then those that wait at the same time. If
/// hurried, it runs all at the same time, long ones first.
fn run_cases(target: &Target, selection: &Selection, keep: &mut Keep<'_>) -> Result<(), NotGraded> {
    let (mut together, mut alone): (Vec<_>, Vec<_>) =
        selection.cases().partition(|case| case.waits);
    if selection.is_hurried {
        together.append(&mut alone);
    }
    for case in alone {
        keep(run_case(case, target, selection))?;
    }
    let (sender, receiver) = mpsc::channel();
    let queue = Mutex::new(together.into_iter().enumerate());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            let (queue, sender) = (&queue, sender.clone());
            let work = || work_off(queue, target, selection, sender);
            thread::Builder::new()
                .spawn_scoped(scope, work)
                .map_err(NotGraded::Stopped)?;
        }
        drop(sender);
        // If nothing receives any more, the receiver is dropped, and no other case begins.
        keep_in_order(receiver, keep)
    })
}

/// Keeps each finding once those before it are there, so that the same cases print the same lines on
/// every machine.
fn keep_in_order(
    findings: impl IntoIterator<Item = (usize, Finding)>,
    keep: &mut Keep<'_>,
) -> Result<(), NotGraded> {
    let (mut early, mut next) = (BTreeMap::new(), 0);
    for (place, finding) in findings {
        early.insert(place, finding);
        while let Some(finding) = early.remove(&next) {
            keep(finding)?;
            next += 1;
        }
    }
    Ok(())
}

/// Runs cases from the queue until it is empty.
fn work_off(
    queue: &Mutex<impl Iterator<Item = (usize, &'static Case)>>,
    target: &Target,
    selection: &Selection,
    sender: Sender<(usize, Finding)>,
) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some((place, case)) = next() {
        let finding = run_case(case, target, selection);
        if sender.send((place, finding)).is_err() {
            return;
        }
    }
}

/// Runs one case on its own thread, so that the checker can give up a case that hangs.
fn run_case(case: &'static Case, target: &Target, selection: &Selection) -> Finding {
    let started = Instant::now();
    let groups = ProcessGroups::default();
    let case_run = CaseRun::new(target, selection, &groups);
    let limit = CASE_LIMIT.mul_f64(selection.slack.clamp(1.0, 10.0));
    let result = within(limit, move || case_run.carry_out(case));
    groups.end_all();
    Finding {
        case,
        outcome: outcome(result),
        took: started.elapsed(),
    }
}

fn within(limit: Duration, body: impl FnOnce() -> CaseResult + Send + 'static) -> CaseResult {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().spawn(move || sender.send(body()))?;
    Patience::of(limit)
        .receive(&receiver)
        .unwrap_or_else(|error| given_up(error, limit))
}

fn given_up(error: RecvTimeoutError, limit: Duration) -> CaseResult {
    Err(CaseError::Fail(match error {
        RecvTimeoutError::Timeout => format!("not finished after {} s", limit.as_secs()),
        RecvTimeoutError::Disconnected => "the checker itself panicked".into(),
    }))
}

fn outcome(result: CaseResult) -> Outcome {
    match result {
        Ok(seen) => Outcome::Pass(seen),
        Err(CaseError::Fail(seen)) => Outcome::Fail(seen),
        Err(CaseError::Skip(why)) => Outcome::Skip(why),
    }
}
