//! Stopping with output that the server hasn't sent yet, or with input that it hasn't read.

use std::io::{ErrorKind, Write};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::expect_exit;
use crate::client::check::case_run::{CaseError, CaseResult, CaseRun, ensure};
use crate::client::check::proc::{self, Queues};
use crate::client::check::server::Server;
use crate::client::check::traffic::{
    LINE, TOO_MUCH, expect_lines, fill, fill_on, lines, narrow, receive_rest,
};
use crate::client::{EchoClient, TIME_LIMIT};

/// Bytes to send at a time to see whether the server still reads: less than any server's high-water
/// mark.
const STEP: usize = 32 << 10;

/// After this long without a change between client and server, nothing will change any more.
const SETTLED: Duration = Duration::from_millis(50);

/// After a signal, the client waits at most this long until it reads: half of the shutdown timeout.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// The server has read everything, has sent as much as the kernel took, and has the rest as pending
/// output.
pub(super) fn sigterm_pending_output(case: &CaseRun) -> CaseResult {
    let server = case.start()?;
    let pending = pending_output(case, &server)?;
    stop_and_read(case, &server, pending)
}

/// The shutdown timeout passes while the server is stopped. Its client has read everything that the
/// kernel had, so the server can send the rest when it runs again.
///
/// The kernel can take the pending output at any time, and later on a busy machine. A round in
/// which it did shows nothing.
pub(super) fn sigterm_paused(case: &CaseRun) -> CaseResult {
    for _ in 0..3 {
        match paused_with_pending_output(case) {
            Err(CaseError::Skip(_)) => {}
            result => return result,
        }
    }
    paused_with_pending_output(case)
}

fn paused_with_pending_output(case: &CaseRun) -> CaseResult {
    const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);
    let server = case.launch()?.option("--shutdown-timeout", "1").start()?;
    let mut pending = pending_output(case, &server)?;
    server.signal(Signal::SIGTERM)?;
    let stopping = Instant::now();
    server.let_it_rest(Duration::ZERO, SHUTDOWN_TIMEOUT / 5);
    if server.ended().is_some() {
        let received = receive_rest(&mut pending.client, 0, Duration::ZERO)?;
        pending.expect_all(received)?;
        let why = "the kernel took the last answer, and the server ended, before it was stopped";
        return Err(CaseError::Skip(why.into()));
    }
    server.pause()?;
    let before = receive_what_is_there(&mut pending.client)?;
    if before >= pending.expected {
        let why = "the kernel took the last answer before the server was stopped";
        return Err(CaseError::Skip(why.into()));
    }
    let over = SHUTDOWN_TIMEOUT + Duration::from_millis(500);
    thread::sleep(over.saturating_sub(stopping.elapsed()));
    server.resume()?;
    let running = Instant::now();
    let received = receive_rest(&mut pending.client, before, Duration::ZERO)?;
    pending.expect_all(received)?;
    drop(pending);
    expect_exit(&server, case.limit(1100).saturating_sub(running.elapsed()))?;
    Ok(format!(
        "{} KiB before and {} KiB after the pause, then the end, exit status 0",
        before >> 10,
        (received - before) >> 10
    ))
}

/// Receives the numbered lines from a stopped server until no more come, or the stream ends.
/// Returns the number of bytes.
fn receive_what_is_there(client: &mut EchoClient) -> Result<usize, CaseError> {
    client.set_time_limit(Duration::from_millis(100))?;
    let mut at = 0;
    loop {
        match client.receive_some(64 << 10) {
            Err(error) if error.kind() == ErrorKind::TimedOut => break,
            got => {
                let got = got?;
                if got.is_empty() {
                    break;
                }
                expect_lines(at, &got)?;
                at += got.len();
            }
        }
    }
    client.set_time_limit(TIME_LIMIT)?;
    Ok(at)
}

/// A client that hasn't read, and for which the server has pending output.
struct PendingOutput {
    client: EchoClient,
    /// The least number of bytes that the server has to send in total.
    expected: usize,
    sent: usize,
}

impl PendingOutput {
    /// Expects that this many bytes are the whole answer.
    fn expect_all(&self, received: usize) -> Result<(), CaseError> {
        let PendingOutput { expected, sent, .. } = *self;
        ensure!(
            received >= expected,
            "{} of {expected} bytes of pending output were lost",
            expected - received
        );
        ensure!(received <= sent, "more came back than was sent");
        Ok(())
    }
}

/// A client that sends until the kernel takes no more of the server's answers.
fn pending_output(case: &CaseRun, server: &Server) -> Result<PendingOutput, CaseError> {
    let client = narrow(server.address())?;
    let mut sent = most_read(server)? / 4 * 3;
    sent -= sent % LINE;
    client.socket().write_all(&lines(sent))?;
    let is_pending = |sent: usize, queues: Queues| {
        let held = sent.saturating_sub(queues.not_read() + queues.answered);
        queues.unread > 0 || held >= 8 << 10
    };
    while sent < TOO_MUCH {
        let mut queues = queues_at_rest(&client, server, Duration::ZERO)?;
        if is_pending(sent, queues) {
            // The kernel can still take it: late acknowledgements free some space.
            queues = queues_at_rest(&client, server, SETTLED)?;
        }
        if is_pending(sent, queues) {
            let expected = case.expected_answer(sent.saturating_sub(queues.not_read()));
            return Ok(PendingOutput {
                client,
                expected,
                sent,
            });
        }
        client.socket().write_all(&lines(sent + STEP)[sent..])?;
        sent += STEP;
    }
    Err(CaseError::Fail(
        "the server never had pending output".into(),
    ))
}

/// The server has been stalled for long enough to have left much unread.
pub(super) fn sigterm_unread_input(case: &CaseRun) -> CaseResult {
    let server = case.start()?;
    let client = narrow(server.address())?;
    let mut sent = fill(&client)?;
    let mut queues = queues_at_rest(&client, &server, SETTLED)?;
    while queues.unread == 0 {
        // The server was only delayed for that long.
        ensure!(
            sent < TOO_MUCH,
            "the server took {sent} bytes and left none unread"
        );
        sent = fill_on(&client, sent)?;
        queues = queues_at_rest(&client, &server, SETTLED)?;
    }
    let read = sent.saturating_sub(queues.not_read());
    let expected = case.expected_answer(read);
    stop_and_read(
        case,
        &server,
        PendingOutput {
            client,
            expected,
            sent,
        },
    )
}

/// Signals the server and reads slowly (64 KiB every 2 ms, about 30 MB/s) to the end. That takes much less
/// than the shutdown timeout, which has no slack.
fn stop_and_read(case: &CaseRun, server: &Server, mut pending: PendingOutput) -> CaseResult {
    let started = Instant::now();
    server.signal(Signal::SIGTERM)?;
    // If the client read at once, a server that drops its pending output could still send it, if the
    // thread that ends it was late.
    server.let_it_rest(Duration::ZERO, case.limit(200).min(LONGEST_REST));
    let received = receive_rest(&mut pending.client, 0, case.pause(2))?;
    pending.expect_all(received)?;
    drop(pending);
    expect_exit(server, case.limit(1100).saturating_sub(started.elapsed()))?;
    let took = started.elapsed().as_secs_f64();
    Ok(format!(
        "{} KiB, then the end, exit status 0 after {:.0} ms",
        received >> 10,
        took * 1e3
    ))
}

/// How many bytes the server reads from a client that doesn't read. The number can differ a little
/// for the next client.
fn most_read(server: &Server) -> Result<usize, CaseError> {
    let client = narrow(server.address())?;
    let sent = fill(&client)?;
    let queues = queues_at_rest(&client, server, SETTLED)?;
    Ok(sent.saturating_sub(queues.not_read()))
}

/// What is in the kernel between client and server, once the server sleeps and nothing has changed
/// for `unchanged_for`, or for [`SETTLED`] if the server hasn't read everything. If the server never
/// sleeps, it waits for a client's time limit.
fn queues_at_rest(
    client: &EchoClient,
    server: &Server,
    unchanged_for: Duration,
) -> Result<Queues, CaseError> {
    let address = client.socket().local_addr()?;
    let inspect = || proc::queues(address, server.address());
    let started = Instant::now();
    let mut seen: Option<(Queues, Instant)> = None;
    while started.elapsed() < TIME_LIMIT {
        if let Some(queues) = while_asleep(server, inspect)? {
            let since = match seen {
                Some((before, since)) if before == queues => since,
                _ => Instant::now(),
            };
            let needed = match queues.not_read() {
                0 => unchanged_for,
                _ => SETTLED,
            };
            if since.elapsed() >= needed {
                return Ok(queues);
            }
            seen = Some((queues, since));
        }
        thread::sleep(Duration::from_millis(1));
    }
    inspect()
}

/// The result of `inspect` while the server sleeps; `None` if it runs, or ran meanwhile.
fn while_asleep<T>(
    server: &Server,
    inspect: impl Fn() -> Result<T, CaseError>,
) -> Result<Option<T>, CaseError> {
    let before = proc::usage(server.pid())?;
    if !proc::is_asleep(server.pid())? {
        return Ok(None);
    }
    let seen = inspect()?;
    let slept = proc::usage(server.pid())? == before;
    Ok(slept.then_some(seen))
}
