//! `POST /lab/grade`: runs the checker against a server of the reader's, case by case.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde::Deserialize;
use serde_json::{Value, json};

use super::program::{Pieces, RunningProgram, Slot};
use crate::case_pages;

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

/// A checker that runs. Each piece is a line of JSON: a case that has ended, or the totals at the end.
/// Dropping it ends the checker, which ends its servers.
#[derive(Debug)]
pub struct Grading {
    checker: RunningProgram,
    /// The line that came before the response was begun.
    first: Option<String>,
    _slot: Slot,
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
        running: &Arc<AtomicUsize>,
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
        Grading::start(checker, Slot::take(running, 1)?)
    }
}

impl Grading {
    fn start(mut checker: Command, slot: Slot) -> io::Result<Self> {
        let mut checker = RunningProgram::start(checker.stderr(Stdio::piped()))?;
        let first = checker.line(None)?;
        if first.is_none() {
            let (_, why) = checker.finish()?;
            return Err(io::Error::other(why.trim().trim_start_matches("error: ")));
        }
        // The checker writes no more errors: it shows its progress only on a terminal.
        Ok(Grading {
            checker,
            first,
            _slot: slot,
        })
    }
}

impl Pieces for Grading {
    fn next(&mut self, browser: BorrowedFd<'_>) -> Option<String> {
        let line = match self.first.take() {
            Some(line) => line,
            None => self.checker.line(Some(browser)).ok()??,
        };
        Some(format!("{}\n", for_page(&line)))
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
            "about": case_pages::entry_of(name),
            "page": format!("{}.html", case_pages::page_of(name)),
        }),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

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
        let (browser, _other_end) = UnixStream::pair().unwrap();
        let mut grading = start(json!({"kind": "stream", "command": ["x"]})).unwrap();
        let lines = std::iter::from_fn(|| grading.next(browser.as_fd()));
        let lines = lines.map(|line| serde_json::from_str(&line).unwrap());
        let lines: Vec<Value> = lines.collect();
        let case = json!({"case": "half-close-flushes", "number": 14, "outcome": "fail", "saw": "0 of 9", "rule": "r",
                          "about": "cases.html#case-half-close-flushes", "page": "concepts/half-close.html"});
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
