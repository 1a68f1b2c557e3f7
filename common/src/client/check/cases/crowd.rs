//! Many connections, at once or one after the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

use crate::client::EchoClient;
use crate::client::check::Case;
use crate::client::check::case_run::{CaseError, CaseResult, CaseRun, While, ensure};
use crate::client::check::proc;
use crate::client::check::server::Server;
use crate::client::check::traffic::{LINE, expect_end, expect_same, lines, ping, will_reset};

/// Connections with mixed endings in one batch. The case inspects the server after each batch.
const BATCH: usize = 10_000;

pub(super) const CASES: &[Case] = &[
    Case::wire(
        "short-connections",
        "2,000 connections one after the other",
        "contract: isolation",
        short_connections,
    ),
    Case::wire(
        "thousand-at-once",
        "1,000 connects at once are all served within 0.2 s",
        "contract: backlog 4,096; listen(2)",
        thousand_at_once,
    ),
    Case::process(
        "nothing-left-behind",
        "memory and descriptors return after 20,000 connections of mixed endings",
        "contract: descriptors and memory return",
        nothing_left_behind,
    ),
];

fn short_connections(case: &CaseRun) -> CaseResult {
    let started = Instant::now();
    for _ in 0..2000 {
        let mut client = case.connect()?;
        ping(&mut client)?;
        // Leaves no TIME-WAIT behind, so that you can run the checker again and again. A table with
        // thousands of them also takes long to read.
        will_reset(&client)?;
    }
    Ok(format!(
        "{:.0} per second",
        2000.0 / started.elapsed().as_secs_f64()
    ))
}

/// If the checker knows the process, it stops it while the clients connect, as a busy machine
/// can. Then only the backlog takes them. Time when other processes had the processors doesn't count.
fn thousand_at_once(case: &CaseRun) -> CaseResult {
    const CLIENTS: usize = 1000;
    allow_descriptors(CLIENTS as u64 + 100)?;
    ping(&mut case.connect()?)?;
    let held = case.server().filter(|_| kernel_backlog() >= CLIENTS);
    let mut clients = Vec::with_capacity(CLIENTS);
    let message = lines(LINE);
    let held_up = || {
        let server = case.server().map(Server::pid);
        server
            .and_then(|pid| proc::held_up(pid).ok())
            .unwrap_or_default()
    };
    let (mut started, mut before) = (Instant::now(), held_up());
    if let Some(server) = held {
        server.pause()?;
    }
    for number in 0..CLIENTS {
        let mut client = EchoClient::connect_within(case.address()?, Duration::from_millis(800))
            .while_(&format!("connect number {number}"))?;
        client.set_time_limit(crate::client::TIME_LIMIT)?;
        client.send(&message)?;
        clients.push(client);
    }
    if let Some(server) = held {
        (started, before) = (Instant::now(), held_up());
        server.resume()?;
    }
    for (number, client) in clients.iter_mut().enumerate() {
        expect_same(
            &message,
            &client
                .receive(LINE)
                .while_(&format!("answer number {number}"))?,
        )?;
    }
    let took = started.elapsed();
    let by_others = held_up().saturating_sub(before);
    clients.iter().try_for_each(will_reset)?;
    let seen = format!("all answered after {:.0} ms", took.as_secs_f64() * 1e3);
    ensure!(took <= case.limit(200) + by_others, "{seen}");
    Ok(seen)
}

/// An allocator or a server can keep some memory for the next connections, and a reset can be
/// lost on a busy machine. So the case runs batches: after the first, one of five must leave
/// nothing behind. A leak grows with each of them, but a server's reserve only until it has had the
/// most connections at once.
fn nothing_left_behind(case: &CaseRun) -> CaseResult {
    const MOST: u64 = 256 << 10;
    let server = case.start()?;
    churn(server.address(), BATCH)?;
    let mut seen = String::new();
    for _ in 0..5 {
        let (descriptors, memory) = left_by_batch(case, &server)?;
        seen = format!(
            "{descriptors} descriptors and {} KiB more after {BATCH} connections",
            memory >> 10
        );
        ensure!(descriptors <= 2, "{seen}");
        if descriptors == 0 && memory <= MOST {
            return Ok(seen);
        }
    }
    Err(CaseError::Fail(seen))
}

/// How many descriptors, and bytes of memory, a batch of connections has left behind.
fn left_by_batch(case: &CaseRun, server: &Server) -> Result<(usize, u64), CaseError> {
    let pid = server.pid();
    let descriptors = descriptors_at_rest(server, usize::MAX, case.limit(1000))?;
    let memory = proc::anonymous_memory(pid)?;
    churn(server.address(), BATCH)?;
    Ok((
        descriptors_at_rest(server, descriptors, case.limit(1000))?.saturating_sub(descriptors),
        proc::anonymous_memory(pid)?.saturating_sub(memory),
    ))
}

/// How many descriptors the server has open when it rests: before, clients that have already left can
/// still wait to be accepted. Waits until there are at most `most`, or the time is up.
fn descriptors_at_rest(server: &Server, most: usize, limit: Duration) -> Result<usize, CaseError> {
    let started = Instant::now();
    loop {
        server.let_it_rest(Duration::from_millis(50), limit);
        let descriptors = proc::descriptors(server.pid())?;
        if descriptors <= most || started.elapsed() >= limit {
            return Ok(descriptors);
        }
    }
}

/// Opens this many connections, eight at a time, that end in all possible ways.
fn churn(server: SocketAddr, connections: usize) -> Result<(), CaseError> {
    const SIDE_BY_SIDE: usize = 8;
    let several =
        || (0..connections / SIDE_BY_SIDE).try_for_each(|number| one_of_many(server, number));
    thread::scope(|scope| {
        let all: Vec<_> = (0..SIDE_BY_SIDE).map(|_| scope.spawn(several)).collect();
        all.into_iter()
            .try_for_each(|thread| thread.join().unwrap_or(Ok(())))
    })
}

fn one_of_many(server: SocketAddr, number: usize) -> Result<(), CaseError> {
    let mut client = EchoClient::connect(server).while_("connecting")?;
    // Only a few end in order: each of those leaves a socket in TIME-WAIT for a minute.
    match number % 100 {
        0 => ping(&mut client).map(drop)?,
        1 => {
            client.send(b"half-close\n")?;
            client.finish()?;
            expect_same(
                b"half-close\n",
                &client.receive(11).while_("after a half-close")?,
            )?;
            expect_end(&mut client)?;
        }
        2..=33 => {
            ping(&mut client)?;
            client.reset()?;
        }
        34..=66 => {
            client.send(b"never read\n")?;
            will_reset(&client)?;
        }
        _ => will_reset(&client)?,
    }
    Ok(())
}

/// Raises this process's own limit on descriptors where that is allowed. Servers that it starts
/// later inherit it.
pub(super) fn allow_descriptors(needed: u64) -> Result<(), CaseError> {
    // FreeBSD's limits are signed.
    let needed = needed as rlim_t;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(std::io::Error::from)?;
    if soft >= needed {
        return Ok(());
    }
    let raised = hard >= needed && setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_ok();
    match raised {
        true => Ok(()),
        false => Err(CaseError::Skip(format!(
            "needs a limit of {needed} descriptors (ulimit -n); it is {soft}"
        ))),
    }
}

/// The longest backlog that the kernel grants, whatever listen(2) requests.
fn kernel_backlog() -> usize {
    let text = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}
