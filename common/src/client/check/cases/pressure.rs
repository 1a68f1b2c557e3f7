//! Clients that don't read, or that send without end.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::client::check::Case;
use crate::client::check::case_run::{CaseError, CaseResult, CaseRun, While, ensure};
use crate::client::check::traffic::{
    LINE, TOO_MUCH, expect_same, fill, lines, narrow, ping, receive_lines, receive_rest,
};
use crate::client::{EchoClient, TIME_LIMIT};

const PRESSURE: &str = "contract: back-pressure";

pub(super) const CASES: &[Case] = &[
    Case::wire(
        "never-reader-refused",
        "the server stops reading from a client that never reads",
        PRESSURE,
        never_reader_refused,
    )
    .waits(),
    Case::wire(
        "late-reader-served",
        "when that client reads at last, every byte comes in order",
        PRESSURE,
        late_reader_served,
    )
    .waits(),
    Case::wire(
        "never-reader-harmless",
        "a client that never reads doesn't delay others: they get answers within 50 ms",
        PRESSURE,
        never_reader_harmless,
    ),
    Case::wire(
        "fairness",
        "next to a flooder, ten pingers see a p99 of at most 2 ms in the best of six rounds, or of 256 KiB of the flood returned first in three",
        "contract: fairness",
        fairness,
    ),
];

fn never_reader_refused(case: &CaseRun) -> CaseResult {
    let client = narrow(case.address()?)?;
    let sent = fill(&client)?;
    ensure!(
        sent < TOO_MUCH,
        "the server took {} MiB and more",
        sent >> 20
    );
    Ok(format!(
        "refused after {} KiB, most of it in the kernel",
        sent >> 10
    ))
}

fn late_reader_served(case: &CaseRun) -> CaseResult {
    let mut client = narrow(case.address()?)?;
    let sent = fill(&client)?;
    receive_lines(&mut client, 0, sent - sent % LINE)?;
    // Reading must have been resumed, too.
    client.finish()?;
    let received = receive_rest(&mut client, sent - sent % LINE, Duration::ZERO)?;
    let expected = case.expected_answer(sent);
    ensure!(received == expected, "{received} of {expected} bytes came");
    Ok(format!("{received} bytes in order"))
}

/// The best of three rounds counts: on a busy machine any answer can be late. A server that waits for
/// the client that never reads is late in each.
fn never_reader_harmless(case: &CaseRun) -> CaseResult {
    let limit = case.limit(50);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let slowest = slowest_beside_never_reader(case)?;
        seen.push(format!("{:.1} ms", slowest.as_secs_f64() * 1e3));
        if slowest <= limit {
            return Ok(format!("the slowest answer took {}", seen.join("; ")));
        }
    }
    Err(CaseError::Fail(format!(
        "the slowest answers took {} in three rounds",
        seen.join("; ")
    )))
}

fn slowest_beside_never_reader(case: &CaseRun) -> Result<Duration, CaseError> {
    let silent = narrow(case.address()?)?;
    let mut other = case.connect()?;
    let mut slowest = ping(&mut other)?;
    thread::scope(|scope| {
        let filling = scope.spawn(|| fill(&silent));
        while !filling.is_finished() {
            slowest = slowest.max(ping(&mut other)?);
        }
        Ok::<(), CaseError>(())
    })?;
    for _ in 0..100 {
        slowest = slowest.max(ping(&mut other)?);
    }
    ping(&mut case.connect()?)?;
    Ok(slowest)
}

/// The best of several rounds counts: with server, flooder, and pingers on few cores, some rounds
/// show the fairness of the system's scheduler instead. The bytes of the flood that come back before
/// a ping show the server's own fairness, however busy the machine is. But an unfair server can look
/// fair in a round that delays the flooder itself, so one round isn't enough for that.
fn fairness(case: &CaseRun) -> CaseResult {
    let limit = case.limit(2);
    let mut seen = Vec::new();
    let mut is_orderly = true;
    for number in 1..=6 {
        let round = ping_beside_flood(case)?;
        let milliseconds = round.time.as_secs_f64() * 1e3;
        seen.push(format!("{milliseconds:.2} ms, {} KiB", round.ahead >> 10));
        is_orderly &= round.ahead <= MOST_AHEAD;
        if round.time <= limit || number == 3 && is_orderly {
            return Ok(format!("p99 {}", seen.join("; ")));
        }
    }
    Err(CaseError::Fail(format!(
        "p99 {} in six rounds",
        seen.join("; ")
    )))
}

/// The most that a fair server returns of the flood before a ping: four reads of 64 KiB. Two of
/// them are the one that the server was busy with, and the one in the iteration that answers the
/// ping.
const MOST_AHEAD: usize = 256 << 10;

/// The 99th percentiles of what ten pingers see in one round.
struct Round {
    /// The time from sending a ping to its answer.
    time: Duration,
    /// Bytes of the flood that were sent after a ping and came back before it.
    ahead: usize,
}

/// Runs one round: all pingers send at once, again and again, with a pause of 1 ms.
fn ping_beside_flood(case: &CaseRun) -> Result<Round, CaseError> {
    let mut pingers = (0..10)
        .map(|_| case.connect())
        .collect::<Result<Vec<_>, _>>()?;
    let mut flooder = Flooder::over(case.connect()?).while_("the flooder")?;
    let message = lines(LINE);
    let (mut times, mut aheads) = (Vec::new(), Vec::new());
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(400) {
        let sent = Instant::now();
        for pinger in &mut pingers {
            pinger.send(&message)?;
        }
        let before = flooder.sent;
        for pinger in &mut pingers {
            let answered = flooder.flood(Some(pinger), TIME_LIMIT);
            ensure!(
                answered.while_("the flooder")?,
                "a ping got no answer during the flood"
            );
            expect_same(&message, &pinger.receive(LINE)?)?;
            times.push(sent.elapsed());
            aheads.push(flooder.answered.saturating_sub(before));
        }
        flooder
            .flood(None, Duration::from_millis(1))
            .while_("the flooder")?;
    }
    flooder.finish().while_("the flooder")?;
    Ok(Round {
        time: p99(times),
        ahead: p99(aheads),
    })
}

fn p99<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() * 99 / 100]
}

/// A client that keeps the server's input full and reads every answer. It has no thread of its own:
/// on two cores a thread would keep the pingers from running, and the case would measure the
/// scheduler's fairness instead of the server's.
struct Flooder {
    client: EchoClient,
    chunk: Vec<u8>,
    /// Bytes that have been sent.
    sent: usize,
    /// Bytes that have come back.
    answered: usize,
    answers: Vec<u8>,
}

impl Flooder {
    /// The number of bytes to keep in flight, roughly.
    const AHEAD: usize = 256 << 10;

    fn over(client: EchoClient) -> io::Result<Self> {
        client.socket().set_nonblocking(true)?;
        Ok(Flooder {
            client,
            chunk: lines(64 << 10),
            sent: 0,
            answered: 0,
            answers: vec![0; 64 << 10],
        })
    }

    fn under_way(&self) -> usize {
        self.sent.saturating_sub(self.answered)
    }

    /// Floods until the pinger has an answer, for at most `limit`. Returns whether it has one.
    fn flood(&mut self, pinger: Option<&EchoClient>, limit: Duration) -> io::Result<bool> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let mut events = PollFlags::POLLIN;
            events.set(PollFlags::POLLOUT, self.under_way() < Self::AHEAD);
            let mut watched = vec![PollFd::new(self.client.socket().as_fd(), events)];
            watched.extend(
                pinger.map(|pinger| PollFd::new(pinger.socket().as_fd(), PollFlags::POLLIN)),
            );
            poll(
                &mut watched,
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
            )?;
            let [flooder, pinger] = [0, 1].map(|at| watched.get(at).and_then(PollFd::any));
            if pinger == Some(true) {
                return Ok(true);
            }
            if flooder == Some(true) {
                self.exchange()?;
            }
        }
    }

    /// Sends and receives once, as far as possible.
    fn exchange(&mut self) -> io::Result<()> {
        let mut socket = self.client.socket();
        if self.under_way() < Self::AHEAD {
            let from = self.sent % self.chunk.len();
            self.sent += unless_blocked(socket.write(&self.chunk[from..]))?.unwrap_or(0);
        }
        match unless_blocked(socket.read(&mut self.answers))? {
            Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Some(count) => self.answered += count,
            None => {}
        }
        Ok(())
    }

    /// Receives what is still in flight.
    fn finish(mut self) -> io::Result<()> {
        self.client.socket().set_nonblocking(false)?;
        self.client.receive(self.under_way()).map(drop)
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
