//! Tests the checker: it passes a server that keeps the contract, and for each rule it fails a server
//! that breaks it. The server is `examples/broken-echo`.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::client::check::{self, Kind, Selection, Target};

/// For debug builds, and several servers at once.
const SLACK: f64 = 10.0;

/// Quick cases. They run for each bug, unless the bug can affect them.
const QUICK: &[&str] = &[
    "one-line",
    "every-byte-value",
    "many-in-one-write",
    "full-duplex",
    "half-a-line",
    "split-terminator",
    "unterminated-tail",
    "half-close-at-once",
    "half-close-small",
    "ipv6",
    "port-in-use",
    "bad-arguments",
    "sigterm-idle",
    "sigint-idle",
    "line-of-16000",
    "max-line",
    "log-closed",
];

/// A bug, and what the checker must report.
struct Broken {
    bug: &'static str,
    kind: Kind,
    /// The cases that must fail.
    fails: &'static [&'static str],
    /// Whether to run the quick cases too, which must pass.
    quick: bool,
}

const fn stream(bug: &'static str, fails: &'static [&'static str]) -> Broken {
    Broken {
        bug,
        kind: Kind::Stream,
        fails,
        quick: true,
    }
}

const fn line(bug: &'static str, fails: &'static [&'static str]) -> Broken {
    Broken {
        bug,
        kind: Kind::Line,
        fails,
        quick: true,
    }
}

impl Broken {
    /// For a bug that affects nearly everything.
    const fn ruinous(self) -> Self {
        Broken {
            quick: false,
            ..self
        }
    }
}

#[rustfmt::skip]
const BROKEN: &[Broken] = &[
    stream("upper-case", &["one-line", "reset-amid-traffic"]).ruinous(),
    stream("seven-bit", &["every-byte-value"]),
    stream("swallows-lone-bytes", &["byte-at-a-time"]),
    stream("loses-partial-writes", &["many-in-one-write", "full-duplex", "half-close-flushes", "late-reader-served"]),
    stream("reorders", &["full-duplex", "half-close-flushes", "late-reader-served"]),
    stream("waits-for-lines", &["half-a-line"]),
    line("answers-half-lines", &["line-held-back", "unterminated-tail", "max-line"]),
    line("strips-carriage-return", &["split-terminator"]),
    line("answers-tail", &["unterminated-tail"]),
    stream("nagle", &["no-delay"]),
    stream("closes-on-urgent-data", &["urgent-data"]),
    stream("ignores-empty-stream", &["half-close-at-once"]),
    stream("drops-tail", &["half-close-small", "half-close-flushes"]),
    stream("resets-at-half-close", &["half-close-at-once", "half-close-small", "half-close-flushes"]),
    stream("exits-at-reset", &["reset-amid-traffic", "vanishing-clients", "short-connections", "log-closed"]),
    stream("needs-peer-name", &["vanishing-clients"]),
    stream("unbounded-buffer", &["never-reader-refused", "sigterm-unread-input", "memory-never-reader"]),
    stream("big-buffer", &["memory-never-reader"]),
    stream("never-resumes", &["half-close-flushes", "late-reader-served"]),
    stream("one-at-a-time", &["never-reader-harmless"]),
    stream("unfair", &["fairness"]),
    stream("wears-out", &["short-connections"]),
    stream("small-backlog", &["thousand-at-once"]),
    stream("leaks-descriptors", &["nothing-left-behind"]),
    stream("leaks-memory", &["nothing-left-behind"]),
    stream("silent-start", &["listening-line"]).ruinous(),
    stream("announces-early", &["listening-line"]).ruinous(),
    stream("ipv4-only", &["ipv6"]),
    stream("bind-panics", &["port-in-use"]),
    stream("usage-exits-one", &["bad-arguments"]),
    stream("takes-any-number", &["absurd-numbers"]),
    stream("announces-unprepared", &["few-descriptors-at-start"]),
    stream("ignores-sigterm", &["sigterm-idle", "stops-accepting"]).ruinous(),
    stream("ignores-sigint", &["sigint-idle"]),
    stream("exits-with-three", &["sigterm-idle", "sigint-idle", "sigterm-pending-output", "sigterm-never-reader", "log-closed"]),
    stream("drains-when-idle", &["sigterm-idle", "sigint-idle"]),
    stream("drops-pending-output", &["sigterm-pending-output", "sigterm-unread-input"]),
    stream("resets-at-stop", &["sigterm-idle", "sigint-idle", "sigterm-pending-output", "sigterm-unread-input"]),
    stream("closes-with-unread-input", &["sigterm-unread-input"]),
    line("closes-with-unread-input", &["sigterm-unread-input", "max-line"]),
    stream("ignores-shutdown-timeout", &["sigterm-never-reader"]),
    stream("ends-first", &["sigterm-paused"]),
    stream("ignores-second-signal", &["second-signal"]),
    stream("accepts-while-stopping", &["stops-accepting"]),
    stream("resets-the-backlog", &["stop-backlog"]),
    stream("ticks", &["quiet-idle", "quiet-never-reader", "quiet-idle-timeout"]),
    stream("retries-writes", &["quiet-never-reader"]),
    stream("keeps-write-interest", &["quiet-after-slow-reader"]),
    stream("spins-on-urgent-data", &["quiet-after-urgent-data"]),
    stream("times-nobody", &["quiet-idle-timeout", "quiet-after-leaving"]),
    stream("leaves-timers", &["quiet-after-leaving"]),
    line("leaves-drain-timers", &["quiet-after-draining"]),
    stream("exits-at-emfile", &["out-of-descriptors", "out-of-descriptors-quiet"]),
    stream("spins-at-emfile", &["out-of-descriptors-quiet"]),
    stream("logs-each-emfile", &["out-of-descriptors-quiet"]),
    stream("gives-up-at-emfile", &["out-of-descriptors"]),
    stream("exits-beyond-fd-setsize", &["beyond-fd-setsize"]),
    stream("ignores-max-connections", &["max-connections"]),
    stream("turns-away", &["max-connections"]),
    stream("ignores-idle-timeout", &["idle-timeout-closes"]),
    stream("times-out-the-busy", &["idle-timeout-spares"]),
    stream("expires-first", &["idle-timeout-paused"]),
    line("short-lines", &["line-of-16000"]),
    line("ignores-max-line", &["max-line"]),
    line("forgets-the-draining", &["draining-counts"]),
    stream("exits-without-log", &["log-dead-reader"]),
    stream("logs-synchronously", &["log-stalled", "log-terminal"]),
    stream("trusts-poll", &["log-terminal"]),
    stream("prints-connections", &["log-terminal", "output-stalled"]),
    stream("needs-standard-error", &["log-closed", "no-standard-descriptors"]),
    stream("needs-standard-output", &["no-standard-descriptors"]),
];

/// Cargo builds the examples with the tests, next to them.
fn broken_echo(kind: Kind, bug: Option<&str>) -> io::Result<Target> {
    let mut path = std::env::current_exe()?;
    path.pop();
    path.pop();
    let program: PathBuf = path.join("examples").join("broken-echo");
    let kind = if kind == Kind::Line { "line" } else { "stream" };
    let bug = bug.map(|bug| ["--bug", bug]);
    let options = ["--kind", kind]
        .into_iter()
        .chain(bug.into_iter().flatten());
    // Otherwise glibc keeps heaps and stacks for as many threads as ever ran at once.
    let one_heap = "GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.pthread.stack_cache_size=0";
    let command = [OsString::from(one_heap), program.into()];
    Ok(Target::command(
        "env",
        command.into_iter().chain(options.map(OsString::from)),
    ))
}

/// Selects every case but one, with more slack. broken-echo has a thread per connection, so on a
/// busy machine its fairness, and the time to serve a thousand clients, depend on the scheduler. The
/// four servers show that `fairness` passes a fair server.
fn everything(kind: Kind) -> Selection {
    Selection::of(kind).skip(["fairness"]).slack(5.0 * SLACK)
}

#[test]
fn passes_a_stream_server_that_keeps_the_contract() -> io::Result<()> {
    let report = check::run(&broken_echo(Kind::Stream, None)?, &everything(Kind::Stream))?;
    assert!(report.failed().is_empty(), "{report}");
    Ok(())
}

#[test]
fn passes_a_line_server_that_keeps_the_contract() -> io::Result<()> {
    let report = check::run(&broken_echo(Kind::Line, None)?, &everything(Kind::Line))?;
    assert!(report.failed().is_empty(), "{report}");
    Ok(())
}

#[test]
fn fails_each_bug_in_its_own_cases() {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(broken) = BROKEN.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let said = look_at(broken).unwrap();
                    wrong.lock().unwrap().extend(said);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Describes what the checker reported wrongly about one bug.
fn look_at(broken: &Broken) -> io::Result<Option<String>> {
    let fits = |name: &&&str| {
        let case = check::cases().iter().find(|case| case.name == **name);
        case.is_some_and(|case| case.is_for(broken.kind))
    };
    let quick = QUICK.iter().filter(|_| broken.quick).filter(fits);
    let selection = Selection::of(broken.kind)
        .only(quick.chain(broken.fails).copied())
        .slack(SLACK)
        .hurried();
    assert_eq!(selection.mistake(), None);
    let report = check::run(&broken_echo(broken.kind, Some(broken.bug))?, &selection)?;
    let failed: Vec<_> = report
        .failed()
        .iter()
        .map(|finding| finding.case.name)
        .collect();
    let mut expected = broken.fails.to_vec();
    expected.sort_by_key(|name| selection.cases().position(|case| case.name == *name));
    Ok((failed != expected).then(|| {
        let all: String = report
            .findings
            .iter()
            .map(|finding| format!("{finding}\n"))
            .collect();
        format!("{}: {expected:?} should have failed:\n{all}", broken.bug)
    }))
}

/// Each case must have a server that fails it.
#[test]
fn each_case_is_seen_failing() {
    let seen = |name| BROKEN.iter().any(|broken| broken.fails.contains(&name));
    let unseen: Vec<_> = check::cases()
        .iter()
        .map(|case| case.name)
        .filter(|name| !seen(name))
        .collect();
    assert_eq!(unseen, [""; 0]);
}
