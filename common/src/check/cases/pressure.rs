//! Clients that do not read, or that send without end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::check::Case;
use crate::check::traffic::{
    LINE, TOO_MUCH, expect_same, fill, lines, narrow, ping, receive_lines, receive_rest,
};
use crate::check::trial::{Problem, Trial, Verdict, While, ensure};
use crate::client::EchoClient;

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
        "beside a flooder ten pingers see a p99 of at most 2 ms",
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

/// The 99th percentile of the times that ten pingers see in one round.
fn ping_beside_flood(trial: &Trial) -> Result<Duration, Problem> {
    let mut pingers = (0..10)
        .map(|_| trial.connect())
        .collect::<Result<Vec<_>, _>>()?;
    let mut flooder = trial.connect()?;
    let over = AtomicBool::new(false);
    let (flooded, times) = thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&mut flooder, &over));
        let times = ping_for(&mut pingers, Duration::from_millis(400));
        over.store(true, Ordering::Relaxed);
        (flood.join(), times)
    });
    let mut times = times?;
    flooded.unwrap_or(Ok(())).while_("the flooder")?;
    times.sort_unstable();
    Ok(times[times.len() * 99 / 100])
}

/// Keeps the server's input full and reads every answer.
fn flood(client: &mut EchoClient, over: &AtomicBool) -> std::io::Result<()> {
    let chunk = lines(64 << 10);
    let ahead = 4;
    for _ in 0..ahead {
        client.send(&chunk)?;
    }
    while !over.load(Ordering::Relaxed) {
        client.receive(chunk.len())?;
        client.send(&chunk)?;
    }
    client.receive(chunk.len() * ahead).map(drop)
}

/// All pingers at once, again and again, with a pause of 1 ms: how long each answer took.
fn ping_for(pingers: &mut [EchoClient], time: Duration) -> Result<Vec<Duration>, Problem> {
    let message = lines(LINE);
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed() < time {
        let sent = Instant::now();
        for pinger in &mut *pingers {
            pinger.send(&message)?;
        }
        for pinger in &mut *pingers {
            expect_same(
                &message,
                &pinger.receive(LINE).while_("a ping beside the flood")?,
            )?;
            times.push(sent.elapsed());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(times)
}
