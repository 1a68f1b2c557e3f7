//! Instructions per echo outside the kernel, by callgrind.

use std::ffi::OsString;
use std::fs;
use std::io;

use super::tools::Tools;
use super::under::{Report, Under};
use crate::builder::Ready;
use crate::candidate::Made;
use crate::harness::Harness;

/// The messages of two runs. One is subtracted from the other, so that starting, accepting, and
/// stopping cancel out.
const MESSAGES: [u64; 2] = [2_000, 12_000];
/// The same for an interpreter, whose messages take hundreds of times as many instructions.
const FEW_MESSAGES: [u64; 2] = [200, 1_200];

/// Instructions per echo outside the kernel; `None` without valgrind.
///
/// # Errors
/// The server doesn't start, echo, or end under valgrind.
pub fn per_echo(ready: &Ready, harness: &Harness, tools: &Tools) -> io::Result<Option<f64>> {
    if !tools.valgrind {
        return Ok(None);
    }
    let [few, many] = match ready.candidate.made {
        // valgrind fails because of the Go runtime's own stacks.
        Made::Go(_) => return Err(io::Error::other("valgrind cannot run Go")),
        // Under valgrind, no message comes back.
        Made::Cargo {
            feature: Some("completion"),
            ..
        } => {
            return Err(io::Error::other("valgrind cannot run io_uring"));
        }
        Made::Python(..) => FEW_MESSAGES,
        _ => MESSAGES,
    };
    let before = executed(ready, harness, tools, few)?;
    let after = executed(ready, harness, tools, many)?;
    Ok(Some((after as f64 - before as f64) / (many - few) as f64))
}

/// Instructions of a whole run, of all threads together.
fn executed(ready: &Ready, harness: &Harness, tools: &Tools, messages: u64) -> io::Result<u64> {
    let report = Report::new("callgrind");
    let mut file = OsString::from("--callgrind-out-file=");
    file.push(&report.0);
    let mut command = tools.command(ready, "valgrind", ["--tool=callgrind".into(), file]);
    // So that two runs of an interpreter lay out their tables in the same way.
    command.env("PYTHONHASHSEED", "0");
    let server = Under::start(harness, &mut command)?;
    server.echo(ready.candidate, messages)?;
    server.stop()?;
    let text = fs::read_to_string(&report.0)?;
    total(&text).ok_or_else(|| io::Error::other("callgrind wrote no total"))
}

/// The instructions of a profile. Its summary is either at the beginning or at the end.
fn total(profile: &str) -> Option<u64> {
    let value = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        let value = value.parse().ok();
        value.filter(|_| matches!(name, "summary" | "totals"))
    };
    profile.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found() {
        assert_eq!(total("events: Ir\nsummary: 1234\nfn=(1)\n"), Some(1234));
        assert_eq!(total("events: Ir\nfn=(1)\n\ntotals: 99\n"), Some(99));
        assert_eq!(total("events: Ir\n"), None);
    }
}
