//! What the server uses while it has nothing to do, and what it holds for a client that doesn't
//! read.

use std::time::Duration;

use socket2::SockRef;

use crate::client::check::case_run::{CaseResult, CaseRun, ensure};
use crate::client::check::proc;
use crate::client::check::server::Server;
use crate::client::check::traffic::{
    LINE, expect_end, expect_same, fill, lines, narrow, ping, receive_lines,
};
use crate::client::check::{Case, Kind};

const PRESSURE: &str = "contract: back-pressure";
const TIMERS: &str = "contract: no timer that serves no connection";
const IDLE: &str = "contract: 0 wake-ups when idle";

pub(super) const CASES: &[Case] = &[
    Case::process(
        "memory-never-reader",
        "a client that never reads costs at most 256 KiB",
        PRESSURE,
        memory_never_reader,
    ),
    Case::process(
        "quiet-idle",
        "100 idle clients cause no wake-up in 5 s",
        IDLE,
        quiet_idle,
    )
    .waits(),
    Case::process(
        "quiet-never-reader",
        "a client that never reads causes no wake-up in 1 s",
        PRESSURE,
        quiet_never_reader,
    )
    .waits(),
    Case::process(
        "quiet-after-slow-reader",
        "once a slow reader has everything, interest in writing is gone: no wake-up in 1 s",
        IDLE,
        quiet_after_slow_reader,
    )
    .waits(),
    Case::process(
        "quiet-after-urgent-data",
        "urgent data that the server doesn't watch for doesn't make the loop spin",
        IDLE,
        quiet_after_urgent_data,
    )
    .waits(),
    Case::process(
        "quiet-idle-timeout",
        "with --idle-timeout 0.2 and no client, there is no wake-up in 2 s",
        TIMERS,
        quiet_idle_timeout,
    )
    .waits(),
    Case::process(
        "quiet-after-leaving",
        "with --idle-timeout 2, clients that have left cause no wake-up when their time would be up",
        TIMERS,
        quiet_after_leaving,
    )
    .waits(),
    Case::process(
        "quiet-after-draining",
        "with --shutdown-timeout 2, clients that sent too long a line and have left cause no wake-up later",
        TIMERS,
        quiet_after_draining,
    )
    .only(Kind::Line)
    .waits(),
];

fn memory_never_reader(case: &CaseRun) -> CaseResult {
    const MOST: u64 = 256 << 10;
    let server = case.start()?;
    let mut ordinary = server.connect()?;
    let message = lines(128 << 10);
    for _ in 0..8 {
        expect_same(&message, &ordinary.echo(&message)?)?;
    }
    let before = proc::anonymous_memory(server.pid())?;
    let client = narrow(server.address())?;
    let sent = fill(&client)?;
    let held = proc::anonymous_memory(server.pid())?.saturating_sub(before);
    let seen = format!(
        "{} KiB more for a client that had sent {} KiB",
        held >> 10,
        sent >> 10
    );
    ensure!(held <= MOST, "{seen}");
    Ok(seen)
}

fn quiet_idle(case: &CaseRun) -> CaseResult {
    let server = case.start()?;
    let mut clients = (0..100)
        .map(|_| server.connect())
        .collect::<Result<Vec<_>, _>>()?;
    for client in &mut clients {
        ping(client)?;
    }
    expect_quiet(case, &server, Duration::from_secs(5))
}

fn quiet_never_reader(case: &CaseRun) -> CaseResult {
    let server = case.start()?;
    let client = narrow(server.address())?;
    fill(&client)?;
    expect_quiet(case, &server, Duration::from_secs(1))
}

fn quiet_after_slow_reader(case: &CaseRun) -> CaseResult {
    let server = case.start()?;
    let mut client = narrow(server.address())?;
    let sent = fill(&client)?;
    receive_lines(&mut client, 0, sent - sent % LINE)?;
    expect_quiet(case, &server, Duration::from_secs(1))
}

fn quiet_after_urgent_data(case: &CaseRun) -> CaseResult {
    let server = case.start()?;
    let mut client = server.connect()?;
    ping(&mut client)?;
    SockRef::from(client.socket()).send_out_of_band(b"!")?;
    expect_quiet(case, &server, Duration::from_secs(1))
}

fn quiet_idle_timeout(case: &CaseRun) -> CaseResult {
    let server = case.launch()?.option("--idle-timeout", "0.2").start()?;
    expect_quiet(case, &server, Duration::from_secs(2))
}

fn quiet_after_leaving(case: &CaseRun) -> CaseResult {
    let server = case.launch()?.option("--idle-timeout", "2").start()?;
    for _ in 0..3 {
        let mut client = server.connect()?;
        ping(&mut client)?;
        client.finish()?;
        expect_end(&mut client)?;
    }
    expect_quiet(case, &server, Duration::from_millis(2500))
}

fn quiet_after_draining(case: &CaseRun) -> CaseResult {
    let launch = case.launch()?.option("--shutdown-timeout", "2");
    let server = launch.option("--max-line", "8").start()?;
    for _ in 0..3 {
        let mut client = server.connect()?;
        client.send(&[b'x'; 64])?;
        expect_end(&mut client)?;
    }
    expect_quiet(case, &server, Duration::from_millis(2500))
}

/// Expects no wake-up, almost no CPU time, and a server that sleeps: a loop that spins has no wake-ups
/// either, and on a busy machine it gets little CPU time.
fn expect_quiet(case: &CaseRun, server: &Server, time: Duration) -> CaseResult {
    // The server can still be reading or logging what has just been done.
    server.let_it_rest(Duration::from_millis(50), case.limit(100));
    let (used, real) = proc::usage_during(server.pid(), time)?;
    let (wake_ups, cpu) = (used.wake_ups, used.cpu.as_secs_f64() * 1e3);
    let seen = format!(
        "{wake_ups} wake-ups and {cpu:.1} ms of CPU in {:.1} s",
        real.as_secs_f64()
    );
    ensure!(wake_ups == 0 && used.cpu <= time / 100, "{seen}");
    ensure!(server.is_asleep(), "{seen}, but it doesn't sleep");
    Ok(seen)
}
