//! Running out of descriptors: EMFILE, and FD_SETSIZE for select(2).

use std::thread;
use std::time::{Duration, Instant};

use super::crowd::allow_descriptors;
use crate::client::check::Case;
use crate::client::check::case_run::{CaseError, CaseResult, CaseRun, While, ensure};
use crate::client::check::proc;
use crate::client::check::server::Server;
use crate::client::check::traffic::{LINE, expect_same, lines, ping, will_reset};
use crate::client::{EchoClient, TIME_LIMIT};

const DESCRIPTORS: &str = "contract: out of descriptors; accept(2)";

pub(super) const CASES: &[Case] = &[
    Case::process(
        "out-of-descriptors",
        "out of descriptors, connected clients are served, and waiting ones within 1 s after a close",
        DESCRIPTORS,
        out_of_descriptors,
    )
    .waits(),
    Case::process(
        "out-of-descriptors-quiet",
        "meanwhile the server uses at most 1 % CPU and logs one line per second",
        DESCRIPTORS,
        out_of_descriptors_quiet,
    )
    .waits(),
    Case::process(
        "beyond-fd-setsize",
        "1,100 clients: 900 are served at once, and those that wait once 300 have left",
        "contract: FD_SETSIZE; select(2)",
        beyond_fd_setsize,
    ),
];

/// How long to watch a client without an answer before it counts as waiting: 300 ms, and up to
/// three times as long where the machine can be busy.
fn watch_time(case: &CaseRun) -> Duration {
    let shortest = Duration::from_millis(300);
    case.limit(300).clamp(shortest, shortest * 3)
}

fn out_of_descriptors(case: &CaseRun) -> CaseResult {
    let (server, mut served, mut waiting) = exhausted(case)?;
    for client in &mut served {
        ping(client)?;
    }
    let count = served.len();
    drop(served);
    let started = Instant::now();
    for client in &mut waiting {
        client.set_time_limit(TIME_LIMIT)?;
        expect_same(
            &lines(LINE),
            &client.receive(LINE).while_("a client that had waited")?,
        )?;
    }
    let after = started.elapsed();
    ensure!(server.ended().is_none(), "the server ended");
    let seen = format!(
        "{count} served, 5 waited and were served {:.0} ms after a close",
        after.as_secs_f64() * 1e3
    );
    ensure!(after <= case.limit(1000), "{seen}");
    Ok(seen)
}

fn out_of_descriptors_quiet(case: &CaseRun) -> CaseResult {
    let (server, served, _waiting) = exhausted(case)?;
    let lines = server.log_lines();
    let (used, time) = proc::usage_during(server.pid(), Duration::from_secs(2))?;
    let logged = server.log_lines() - lines;
    let share = used.share_of(time);
    let seen = format!(
        "{:.2} % CPU and {logged} log lines in {:.1} s with {} served",
        share * 100.0,
        time.as_secs_f64(),
        served.len()
    );
    ensure!(
        share <= case.share(0.01) && logged <= most_lines(time),
        "{seen}"
    );
    ensure!(server.ended().is_none(), "the server ended");
    Ok(seen)
}

/// How many lines a server can log in `time` if it logs one per second: one more than the whole
/// seconds, since the first can come at once. A line can take up to half a second to arrive.
fn most_lines(time: Duration) -> usize {
    let time = time + Duration::from_millis(500);
    1 + time.as_secs() as usize
}

/// A server limited to 32 descriptors, the clients that it serves, and five that wait.
fn exhausted(case: &CaseRun) -> Result<(Server, Vec<EchoClient>, Vec<EchoClient>), CaseError> {
    let server = case.launch()?.script("ulimit -n 32; exec \"$@\"").start()?;
    let watch_time = watch_time(case);
    let mut served = Vec::new();
    let mut waiting = Vec::new();
    while waiting.len() < 5 {
        ensure!(
            served.len() < 32,
            "32 clients were served with 32 descriptors"
        );
        let mut client = server.connect()?;
        client.send(&lines(LINE))?;
        client.set_time_limit(watch_time)?;
        let is_served = waiting.is_empty() && client.receive(LINE).is_ok();
        client.set_time_limit(TIME_LIMIT)?;
        if is_served {
            served.push(client)
        } else {
            waiting.push(client)
        }
    }
    ensure!(
        served.len() >= 5,
        "only {} clients were served with 32 descriptors",
        served.len()
    );
    // The server can log the moment when it happens; only later lines count.
    thread::sleep(watch_time);
    Ok((server, served, waiting))
}

fn beyond_fd_setsize(case: &CaseRun) -> CaseResult {
    const CLIENTS: usize = 1100;
    const SURE: usize = 900;
    allow_descriptors(CLIENTS as u64 + 100)?;
    let server = case.start()?;
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        let mut client = server.connect()?;
        client.send(&lines(LINE))?;
        // Leaves no TIME-WAIT behind.
        will_reset(&client)?;
        clients.push(client);
    }
    let rest = clients.split_off(SURE);
    for client in &mut clients {
        expect_same(
            &lines(LINE),
            &client.receive(LINE).while_("one of the first 900")?,
        )?;
    }
    let (answered, waiting, refused) = sort_out(rest, watch_time(case))?;
    ensure!(refused <= 3, "{refused} clients were refused");
    ping(&mut clients[SURE - 1])?;
    clients.drain(..300);
    let started = Instant::now();
    let waited = waiting.len();
    for mut client in waiting {
        client.set_time_limit(TIME_LIMIT)?;
        expect_same(
            &lines(LINE),
            &client.receive(LINE).while_("a client that had waited")?,
        )?;
    }
    let after = started.elapsed();
    ensure!(
        after <= case.limit(1000),
        "those that waited were served only after {:.1} s",
        after.as_secs_f64()
    );
    let at_once = SURE + answered.len();
    Ok(format!(
        "{at_once} served at once, {waited} after 300 had left, {refused} refused"
    ))
}

/// Sorts clients into those that got an answer and those that wait, and counts those refused.
fn sort_out(
    clients: Vec<EchoClient>,
    watch_time: Duration,
) -> Result<(Vec<EchoClient>, Vec<EchoClient>, usize), CaseError> {
    let (mut answered, mut waiting, mut refused) = (Vec::new(), Vec::new(), 0);
    for mut client in clients {
        let patience = if waiting.is_empty() {
            watch_time
        } else {
            Duration::from_millis(1)
        };
        client.set_time_limit(patience)?;
        match client.receive(LINE) {
            Ok(_) => answered.push(client),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => waiting.push(client),
            Err(_) => refused += 1,
        }
    }
    Ok((answered, waiting, refused))
}
