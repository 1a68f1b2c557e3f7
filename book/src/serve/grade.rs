//! `POST /lab/grade`: runs the checker against a server of the reader's, case by case.

use std::io::{self, BufRead, BufReader, Lines, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::{Value, json};

/// A server to grade: a command that starts it, or where it listens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GradeRequest {
    #[serde(default)]
    command: Vec<String>,
    address: Option<SocketAddr>,
    kind: Kind,
}

/// What the server does with a line that isn't complete.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Stream,
    Line,
}

/// A checker that runs. Each item is a line of JSON: a case that has ended, or the totals at the end.
/// Dropping it ends the checker, which ends its servers.
#[derive(Debug)]
pub struct Grading {
    checker: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The line that came before the response was begun.
    first: Option<String>,
    is_running: Arc<AtomicBool>,
}

/// Which page explains what a case is about, by the beginning of the case's name. The first entry counts.
const PAGES: [(&str, &str); 27] = [
    ("half-close", "concepts/half-close"),
    ("reset-", "concepts/isolation"),
    ("vanishing-", "concepts/isolation"),
    ("never-reader-harmless", "concepts/isolation"),
    ("never-reader-", "concepts/back-pressure"),
    ("memory-", "concepts/back-pressure"),
    ("late-reader-", "concepts/partial-write"),
    ("full-duplex", "concepts/partial-write"),
    ("fairness", "concepts/fairness"),
    ("no-delay", "concepts/nagle"),
    ("half-a-line", "concepts/framing"),
    ("line-", "concepts/framing"),
    ("split-", "concepts/framing"),
    ("unterminated-", "concepts/framing"),
    ("max-line", "concepts/framing"),
    ("short-", "concepts/accept"),
    ("thousand-", "concepts/accept"),
    ("max-connections", "concepts/accept"),
    ("out-of-descriptors", "concepts/descriptors"),
    ("beyond-", "concepts/scaling"),
    ("idle-timeout", "concepts/timers"),
    ("quiet-idle-timeout", "concepts/timers"),
    ("sigterm-", "concepts/graceful-stop"),
    ("sigint-", "concepts/graceful-stop"),
    ("second-signal", "concepts/graceful-stop"),
    ("stop", "concepts/graceful-stop"),
    ("", "contract"),
];

fn page_of(case: &str) -> String {
    let found = PAGES.iter().find(|(begin, _)| case.starts_with(begin));
    format!("{}.html", found.map_or("contract", |(_, page)| page))
}

impl GradeRequest {
    /// Starts the checker, and waits for the first line. `checker` is `echo-client`, in the folder that
    /// commands run in.
    ///
    /// # Errors
    /// The request names no server of this machine, another grading is under way, or the checker's reason
    /// why it grades nothing.
    pub(super) fn start(
        self,
        mut checker: Command,
        is_running: &Arc<AtomicBool>,
    ) -> io::Result<Grading> {
        let kind = match self.kind {
            Kind::Stream => "stream",
            Kind::Line => "line",
        };
        checker.args(["check", "--json", "--kind", kind]);
        match (self.address, self.command.as_slice()) {
            (Some(address), []) if address.ip().is_loopback() => {
                checker.arg(address.to_string());
            }
            (None, [_, ..]) => {
                checker.arg("--").args(&self.command);
            }
            _ => {
                return Err(io::Error::other(
                    "give a command, or an address of this machine",
                ));
            }
        }
        if is_running.swap(true, Ordering::Relaxed) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let started = Grading::start(checker, Arc::clone(is_running));
        if started.is_err() {
            is_running.store(false, Ordering::Relaxed);
        }
        started
    }
}

impl Grading {
    fn start(mut checker: Command, is_running: Arc<AtomicBool>) -> io::Result<Self> {
        let mut checker = checker
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (output, errors) = (checker.stdout.take(), checker.stderr.take());
        let output = output.ok_or(io::ErrorKind::BrokenPipe)?;
        let mut grading = Grading {
            checker,
            lines: BufReader::new(output).lines(),
            first: None,
            is_running,
        };
        grading.first = grading.lines.next().transpose()?;
        if grading.first.is_none() {
            let mut text = String::new();
            errors
                .map(|mut errors| errors.read_to_string(&mut text))
                .transpose()?;
            return Err(io::Error::other(text.trim().trim_start_matches("error: ")));
        }
        // The checker prints no more there: it shows its progress only on a terminal.
        Ok(grading)
    }
}

impl Iterator for Grading {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let line = match self.first.take() {
            Some(line) => line,
            None => self.lines.next()?.ok()?,
        };
        Some(format!("{}\n", for_page(&line)))
    }
}

impl Drop for Grading {
    fn drop(&mut self) {
        let _ = kill(
            Pid::from_raw(self.checker.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.checker.wait();
        self.is_running.store(false, Ordering::Relaxed);
    }
}

/// A line of the checker, as pages get it: a case with its page, or the totals as they are.
fn for_page(line: &str) -> Value {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    match line["name"].as_str() {
        Some(name) => json!({
            "case": name,
            "number": line["number"],
            "outcome": line["outcome"],
            "saw": line["seen"],
            "rule": line["rule"],
            "page": page_of(name),
        }),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Result, ensure};

    use super::*;
    use crate::grades::Grades;
    use crate::workspace::Workspace;

    #[test]
    fn each_case_has_a_page() -> Result<()> {
        let workspace = Workspace::here()?;
        let cases = Grades::read(&workspace)?.cases;
        for case in &cases {
            let page = page_of(&case.name).replace(".html", ".md");
            ensure!(workspace.book().join("md").join(&page).is_file(), "{page}");
        }
        for (begin, page) in PAGES {
            let is_used = cases
                .iter()
                .any(|case| page_of(&case.name) == format!("{page}.html"));
            ensure!(
                is_used && cases.iter().any(|case| case.name.starts_with(begin)),
                "{begin}"
            );
        }
        Ok(())
    }

    fn start(request: Value) -> Result<Grading, String> {
        let request: GradeRequest =
            serde_json::from_value(request).map_err(|error| error.to_string())?;
        let mut checker = Command::new("sh");
        let script = "echo '{\"number\": 14, \"name\": \"half-close-flushes\", \"outcome\": \"fail\", \"seen\": \"0 of 9\", \
                      \"rule\": \"r\"}'; echo '{\"passed\": 0}'; echo \"$@\" > /dev/null";
        checker.args(["-c", script, "sh"]);
        let started = request.start(checker, &Arc::default());
        started.map_err(|error| error.to_string())
    }

    #[test]
    fn cases_are_told_as_they_end() {
        let lines: Vec<String> = start(json!({"kind": "stream", "command": ["x"]}))
            .unwrap()
            .collect();
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let case = json!({"case": "half-close-flushes", "number": 14, "outcome": "fail", "saw": "0 of 9", "rule": "r",
                          "page": "concepts/half-close.html"});
        assert_eq!(lines, [case, json!({"passed": 0})]);
    }

    #[test]
    fn only_a_server_of_this_machine_is_graded() {
        for request in [
            json!({"kind": "stream"}),
            json!({"kind": "stream", "address": "192.0.2.1:80"}),
            json!({"kind": "stream", "address": "127.0.0.1:1", "command": ["x"]}),
            json!({"kind": "stream", "address": "--json"}),
            json!({"kind": "--help", "command": ["x"]}),
        ] {
            assert!(start(request.clone()).is_err(), "{request}");
        }
        assert!(start(json!({"kind": "line", "address": "127.0.0.1:1"})).is_ok());
    }
}
