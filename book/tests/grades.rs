//! The recorded grades are those of today's servers.

#![cfg(target_os = "linux")]

mod support;

use std::thread::{self, ScopedJoinHandle};

use anyhow::{Context, Result, anyhow, ensure};
use book::grades::{Grades, LINE, OPENINGS, SERVERS, digest, kind_of};
use common::client::check::{self, Kind, Selection, Target};

/// A test runs servers that aren't optimised, several at once, on a machine that has other things to do.
const SLACK: f64 = 10.0;

#[test]
fn recorded_grades_are_of_the_current_sources_and_cases() -> Result<()> {
    let workspace = support::workspace()?;
    let grades = Grades::read(&workspace)?;
    ensure!(
        grades.sources == digest(&workspace)?,
        "the servers have changed: cargo run --release -p book -- grades"
    );
    let recorded = grades.cases.iter();
    let recorded: Vec<_> = recorded
        .map(|case| (case.number, &*case.name, &*case.about))
        .collect();
    let now = check::cases().iter();
    let now: Vec<_> = now
        .map(|case| (case.number, case.name, case.about))
        .collect();
    ensure!(recorded == now, "the cases have changed: grade again");
    let servers = grades.servers.iter();
    let servers: Vec<_> = servers.map(|one| (&*one.server, &*one.kind)).collect();
    ensure!(servers == SERVERS.map(|(server, _, kind)| (server, kind)));
    Ok(())
}

#[test]
fn each_step_passes_what_the_step_before_fails() -> Result<()> {
    let workspace = support::workspace()?;
    let steps = support::programs(&workspace)?.join("steps");
    let passes = |server: &str, case: &str, kind: &str| -> Result<bool> {
        let kind = if kind == LINE {
            Kind::Line
        } else {
            Kind::Stream
        };
        let target = Target::command(&steps, [server.trim_start_matches("step-")]);
        let selection = Selection::of(kind).only([case]).slack(SLACK);
        let report = check::run(&target, &selection)?;
        let finding = report.findings.first().context("it ran no case")?;
        let skipped = finding.outcome.word() == "skip";
        ensure!(!skipped, "{finding}");
        Ok(finding.outcome.word() == "pass")
    };
    let passes = &passes;
    let found: Vec<String> = thread::scope(|scope| {
        let begun = OPENINGS.map(|(before, step, case)| {
            let graded = move |server| passes(server, case, kind_of(step)?);
            (
                format!("{before}, {step}: {case}"),
                scope.spawn(move || graded(before)),
                scope.spawn(move || graded(step)),
            )
        });
        let end = |thread: ScopedJoinHandle<'_, Result<bool>>| {
            let panicked = |_| Err(anyhow!("the checker panicked"));
            thread.join().unwrap_or_else(panicked)
        };
        let ended =
            begun
                .into_iter()
                .filter_map(|(name, before, step)| match (end(before), end(step)) {
                    (Ok(false), Ok(true)) => None,
                    other => Some(format!("{name} {other:?}")),
                });
        ended.collect()
    });
    ensure!(found.is_empty(), "\n{}", found.join("\n"));
    Ok(())
}
