//! Runs the checker.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use common::cargo;
use serde::Deserialize;

use super::{Case, Grade, Grades, SERVERS, ServerGrades, digest};
use crate::workspace::Workspace;

/// Builds the servers and the checker, optimised, and grades each server on all cases of its kind.
/// Calls `tell` with the name of each server before it grades it, which takes half a minute or more.
///
/// # Errors
/// A build fails, or the checker grades nothing.
pub fn record(workspace: &Workspace, mut tell: impl FnMut(&str)) -> Result<Grades> {
    let arguments = [
        "--release",
        "--quiet",
        "--bins",
        "-p",
        "common",
        "-p",
        "steps",
    ];
    let mut programs = cargo::build(&mut workspace.cargo(), &arguments)?;
    let mut program = |name: &str| {
        let built = programs.remove(name);
        built.with_context(|| format!("cargo has built no program {name}"))
    };
    let (checker, steps) = (program("echo-client")?, program("steps")?);
    let mut servers = Vec::new();
    for (server, argument, kind) in SERVERS {
        tell(&format!("{server} as a {kind} server"));
        let check = |cases: &[String]| {
            let mut command = workspace.command(&checker);
            // The machine can have other things to do, and no step is about speed.
            command.args(["check", "--json", "--slack", "10", "--kind", kind]);
            command.args(cases.iter().map(|name| format!("--case={name}")));
            command.arg("--").arg(&steps).arg(argument);
            lines::<Finding>(&mut command)
        };
        let mut findings = check(&[])?;
        // What the step before passes gets a second chance, for the same reason.
        let passed_before = |finding: &&Finding| {
            let before = servers.last().filter(|_| server.starts_with("step-"));
            let before = before.and_then(|before: &ServerGrades| before.grade(&finding.name));
            before.is_some_and(|grade| grade.outcome == "pass")
        };
        let failed = findings.iter().filter(|finding| finding.outcome == "fail");
        let again: Vec<String> = failed
            .filter(passed_before)
            .map(|finding| finding.name.clone())
            .collect();
        if !again.is_empty() {
            findings.retain(|finding| !again.contains(&finding.name));
            findings.extend(check(&again)?);
        }
        findings.sort_by_key(|finding| finding.number);
        servers.push(ServerGrades {
            server: server.to_owned(),
            kind: kind.to_owned(),
            grades: findings.into_iter().map(Finding::into_grade).collect(),
        });
    }
    Ok(Grades {
        sources: digest(workspace)?,
        cases: list(workspace, &checker)?,
        servers,
    })
}

/// The cases of both kinds.
fn list(workspace: &Workspace, checker: &Path) -> Result<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    for kind in [super::STREAM, super::LINE] {
        let mut command = workspace.command(checker);
        command.args(["check", "--list", "--json", "--kind", kind]);
        cases.extend(lines(&mut command)?);
    }
    cases.sort_by_key(|case| case.number);
    cases.dedup();
    Ok(cases)
}

/// The output of a command, one JSON object per line, without the checker's last line, which has the
/// totals.
fn lines<T: for<'de> Deserialize<'de>>(command: &mut Command) -> Result<Vec<T>> {
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let parsed: Vec<T> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    ensure!(!parsed.is_empty(), "the checker prints nothing: {text}");
    Ok(parsed)
}

/// A line of the checker.
#[derive(Debug, Deserialize)]
struct Finding {
    number: usize,
    name: String,
    outcome: String,
    seen: String,
}

impl Finding {
    fn into_grade(self) -> Grade {
        let seen = (self.outcome == "fail").then(|| without_times(&self.seen));
        Grade {
            case: self.name,
            outcome: self.outcome,
            seen,
        }
    }
}

/// The text with `…` in place of each time, which differs in each run.
fn without_times(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let is_unit = |word: Option<&&str>| {
        let word = word.map(|word| word.trim_end_matches([',', ';', ':', '.']));
        matches!(word, Some("s" | "ms" | "µs"))
    };
    let shown = words.iter().enumerate().map(|(place, word)| {
        let is_time = word.parse::<f64>().is_ok() && is_unit(words.get(place + 1));
        if is_time { "…" } else { word }
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_left_out_and_other_numbers_are_kept() {
        for (text, expected) in [
            ("still running after 0.10 s", "still running after … s"),
            ("3 of 5 in 12.5 ms; 7 bytes", "3 of 5 in … ms; 7 bytes"),
            ("with 5 seconds", "with 5 seconds"),
        ] {
            assert_eq!(without_times(text), expected);
        }
    }
}
