//! Clients that do not read, or that send without end.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::check::Case;
use crate::check::traffic::{
    LINE, TOO_MUCH, expect_same, fill, lines, narrow, ping, receive_lines, receive_rest,
};
use crate::check::trial::{Problem, Trial, Verdict, While, ensure};
use crate::client::{EchoClient, TIME_LIMIT};

const PRESSURE: &str = "contract: back-pressure";

pub(super) const CASES: &[Case] = &[
    Case::wire(
        "never-reader-refused",
        "what a client sends and never reads is refused at some point",
        PRESSURE,
        never_reader_refused,
    )
    .waits(),
    Case::wire(
        "late-reader-served",
        "when it reads at last, every byte comes in order",
        PRESSURE,
        late_reader_served,
    )
    .waits(),
    Case::wire(
        "never-reader-harmless",
        "a client that never reads delays nobody: others are answered within 50 ms",
        PRESSURE,
        never_reader_harmless,
    ),
    Case::wire(
        "fairness",
        "beside a flooder ten pingers see a p99 of at most 2 ms, in the best of six rounds",
        "contract: fairness",
        fairness,
    ),
];

fn never_reader_refused(trial: &Trial) -> Verdict {
    let client = narrow(trial.address()?)?;
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

fn late_reader_served(trial: &Trial) -> Verdict {
    let mut client = narrow(trial.address()?)?;
    let sent = fill(&client)?;
    receive_lines(&mut client, 0, sent - sent % LINE)?;
    // Reading must have been resumed, too.
    client.finish()?;
    let received = receive_rest(&mut client, sent - sent % LINE, Duration::ZERO)?;
    ensure!(
        received == trial.owed(sent),
        "{received} of {sent} bytes came"
    );
    Ok(format!("{received} bytes in order"))
}

fn never_reader_harmless(trial: &Trial) -> Verdict {
    let limit = trial.limit(50);
    let silent = narrow(trial.address()?)?;
    let mut other = trial.connect()?;
    let mut slowest = ping(&mut other)?;
    thread::scope(|scope| {
        let filling = scope.spawn(|| fill(&silent));
        while !filling.is_finished() {
            slowest = slowest.max(ping(&mut other)?);
        }
        Ok::<(), Problem>(())
    })?;
    for _ in 0..100 {
        slowest = slowest.max(ping(&mut other)?);
    }
    ping(&mut trial.connect()?)?;
    let seen = format!(
        "the slowest answer took {:.1} ms",
        slowest.as_secs_f64() * 1e3
    );
    ensure!(slowest <= limit, "{seen}");
    Ok(seen)
}

/// The best of several rounds counts: with server, flooder and pingers on few cores, some rounds
/// show the fairness of the system's scheduler instead.
fn fairness(trial: &Trial) -> Verdict {
    let limit = trial.limit(2);
    let mut seen = Vec::new();
    for _ in 0..6 {
        let p99 = ping_beside_flood(trial)?;
        seen.push(format!("{:.2}", p99.as_secs_f64() * 1e3));
        if p99 <= limit {
            return Ok(format!("p99 {} ms", seen.join(", ")));
        }
    }
    Err(Problem::Fail(format!(
        "p99 {} ms in six rounds",
        seen.join(", ")
    )))
}

/// The 99th percentile of the times that ten pingers see in one round: all of them at once, again
/// and again, with a pause of 1 ms.
fn ping_beside_flood(trial: &Trial) -> Result<Duration, Problem> {
    let mut pingers = (0..10)
        .map(|_| trial.connect())
        .collect::<Result<Vec<_>, _>>()?;
    let mut flooder = Flooder::over(trial.connect()?).while_("the flooder")?;
    let message = lines(LINE);
    let mut times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(400) {
        let sent = Instant::now();
        for pinger in &mut pingers {
            pinger.send(&message)?;
        }
        for pinger in &mut pingers {
            let answered = flooder.flood(Some(pinger), TIME_LIMIT);
            ensure!(
                answered.while_("the flooder")?,
                "a ping beside the flood was not answered"
            );
            expect_same(&message, &pinger.receive(LINE)?)?;
            times.push(sent.elapsed());
        }
        flooder
            .flood(None, Duration::from_millis(1))
            .while_("the flooder")?;
    }
    flooder.finish().while_("the flooder")?;
    times.sort_unstable();
    Ok(times[times.len() * 99 / 100])
}

/// A client that keeps the server's input full and reads every answer. It has no thread of its own:
/// on two cores that would keep the pingers from running, and it is the server's turns that are
/// judged, not the scheduler's.
struct Flooder {
    client: EchoClient,
    chunk: Vec<u8>,
    /// So much of the chunk is sent.
    sent: usize,
    /// Bytes that have been sent and have not come back.
    under_way: usize,
    answers: Vec<u8>,
}

impl Flooder {
    /// It keeps as many bytes under way, or a little more.
    const AHEAD: usize = 256 << 10;

    fn over(client: EchoClient) -> io::Result<Self> {
        client.socket().set_nonblocking(true)?;
        Ok(Flooder {
            client,
            chunk: lines(64 << 10),
            sent: 0,
            under_way: 0,
            answers: vec![0; 64 << 10],
        })
    }

    /// Floods until the pinger has an answer, but not longer than `limit`; answers whether it has.
    fn flood(&mut self, pinger: Option<&EchoClient>, limit: Duration) -> io::Result<bool> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let mut events = PollFlags::POLLIN;
            events.set(PollFlags::POLLOUT, self.under_way < Self::AHEAD);
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
                self.turn()?;
            }
        }
    }

    /// Sends and receives once, as far as that is possible.
    fn turn(&mut self) -> io::Result<()> {
        let mut socket = self.client.socket();
        if self.under_way < Self::AHEAD {
            let count = unless_blocked(socket.write(&self.chunk[self.sent..]))?.unwrap_or(0);
            self.sent = (self.sent + count) % self.chunk.len();
            self.under_way += count;
        }
        match unless_blocked(socket.read(&mut self.answers))? {
            Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Some(count) => self.under_way = self.under_way.saturating_sub(count),
            None => {}
        }
        Ok(())
    }

    /// Receives what is still under way.
    fn finish(mut self) -> io::Result<()> {
        self.client.socket().set_nonblocking(false)?;
        self.client.receive(self.under_way).map(drop)
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
