//! System calls per echo.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use common::comparison::Calls;

use super::tools::Tools;
use super::under::{Report, Under, settings};
use crate::builder::Ready;
use crate::calls::{self, Counters};
use crate::harness::Harness;

/// The messages of two runs. One is subtracted from the other, so that starting, accepting, and
/// stopping cancel out.
const MESSAGES: [u64; 2] = [1_000, 5_000];
/// Calls that are rarer than this per echo don't belong to it.
const RARE: f64 = 0.005;
/// strace and the server's own counters can differ by this share.
const BAND: f64 = 0.02;
/// How long to wait for strace's report after the server has ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// The message if the server's own count is different.
pub fn doubt(calls: &Calls) -> Option<String> {
    let Calls {
        per_echo,
        own_count,
        ..
    } = *calls;
    let own_count = own_count.filter(|count| (per_echo - count).abs() > BAND)?;
    Some(format!(
        "strace sees {per_echo:.2} system calls per echo, the server counts {own_count:.2}"
    ))
}

/// System calls per echo, as strace sees them; `None` without strace.
///
/// # Errors
/// The server doesn't start, echo, or end under strace.
pub fn per_echo(ready: &Ready, harness: &Harness, tools: &Tools) -> io::Result<Option<Calls>> {
    if !tools.strace {
        return Ok(None);
    }
    let few = traced(ready, harness, tools, MESSAGES[0])?;
    let many = traced(ready, harness, tools, MESSAGES[1])?;
    let echoes = (MESSAGES[1] - MESSAGES[0]) as f64;
    let slope = |few: u64, many: u64| (many as f64 - few as f64) / echoes;
    let by_name = many.calls.iter().map(|(name, &calls)| {
        let before = few.calls.get(name).copied().unwrap_or(0);
        (name.clone(), slope(before, calls))
    });
    Ok(Some(Calls {
        per_echo: slope(few.calls.values().sum(), many.calls.values().sum()),
        by_name: by_name.filter(|(_, calls)| *calls >= RARE).collect(),
        own_count: few
            .own_count
            .zip(many.own_count)
            .map(|(few, many)| slope(few, many)),
    }))
}

/// Waits, reads, and writes per echo, as the server counts them itself, without a tool. `None` for
/// servers that have no counters.
///
/// # Errors
/// The server doesn't start, echo, or end.
pub fn counted(ready: &Ready, harness: &Harness) -> io::Result<Option<f64>> {
    calls::per_echo(harness, ready, &settings(ready.candidate, MESSAGES[1]))
}

/// The calls of one run.
struct Traced {
    calls: BTreeMap<String, u64>,
    own_count: Option<u64>,
}

fn traced(ready: &Ready, harness: &Harness, tools: &Tools, messages: u64) -> io::Result<Traced> {
    let report = Report::new("strace");
    // With -DD, the server is this process's child, and strace the grandchild: a signal for the
    // server reaches the server. strace is in its own process group, so that it can write its
    // report after the server and its group have ended.
    let arguments = ["-DD", "-f", "-c", "-o"].map(Into::into);
    let arguments = arguments
        .into_iter()
        .chain([report.0.clone().into_os_string()]);
    let mut command = tools.command(ready, "strace", arguments);
    let counts_calls = ready.candidate.counts_calls();
    if counts_calls {
        command.arg("--counters");
    }
    let server = Under::start(harness, &mut command)?;
    server.echo(ready.candidate, messages)?;
    let last = server.stop()?;
    Ok(Traced {
        calls: written(&report)?,
        own_count: match counts_calls {
            true => Some(Counters::read(last.as_ref())?.calls()),
            false => None,
        },
    })
}

/// Waits for strace's report, which comes a moment after the server's end.
fn written(report: &Report) -> io::Result<BTreeMap<String, u64>> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let text = fs::read_to_string(&report.0).unwrap_or_default();
        if let Some(calls) = summary(&text) {
            return Ok(calls);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(io::Error::new(
        ErrorKind::TimedOut,
        "strace wrote no report",
    ))
}

/// The number of calls by name, from `strace -c`: share, seconds, microseconds, calls, errors if
/// any, name. `None` until the last line, the total, is there.
fn summary(text: &str) -> Option<BTreeMap<String, u64>> {
    let mut calls = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, _, _, count, .., name] = words[..] {
            if name == "total" {
                return Some(calls);
            }
            if let Ok(count) = count.parse() {
                calls.insert(name.to_owned(), count);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 50.00    0.000100           1       100           recvfrom
 50.00    0.000100           1        50         7 sendto
------ ----------- ----------- --------- --------- ----------------
100.00    0.000200           1       150         7 total
";

    #[test]
    fn a_report_is_read_when_it_is_whole() {
        let expected = [("recvfrom", 100), ("sendto", 50)];
        let expected = expected.map(|(name, calls)| (name.to_owned(), calls));
        assert_eq!(summary(REPORT), Some(BTreeMap::from(expected)));
        let (half, _) = REPORT.split_at(REPORT.len() - 8);
        assert_eq!(summary(half), None);
        assert_eq!(summary(""), None);
    }

    #[test]
    fn another_count_than_the_servers_own_is_told() {
        let calls = |own_count| Calls {
            per_echo: 3.02,
            by_name: BTreeMap::new(),
            own_count,
        };
        assert_eq!(doubt(&calls(None)), None);
        assert_eq!(doubt(&calls(Some(3.01))), None);
        assert!(doubt(&calls(Some(2.02))).is_some());
    }
}
