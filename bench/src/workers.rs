//! What several workers change: servers with one worker and with two, under the same load.
//!
//! Client and servers share all cores, and the system decides which thread runs where. With two
//! cores, the client's threads and the workers compete for them. So the rate can only show how much of the
//! client's core was left over; the processor time per message says how much more cores could bring.

use std::io;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::Duration;

use common::client::load::LoadSettings;
use common::comparison::{Balance, Estimate, Family, WorkersRow};
use serde::Deserialize;

use crate::builder::Ready;
use crate::candidate::{self, Candidate, TOKIO_THREADS};
use crate::harness::{Harness, Server};
use crate::trial::{Sample, Trial};

/// The numbers of workers to compare.
const WORKERS: [usize; 2] = [1, 2];

/// Connections in each run that counts how they are distributed.
const BALANCED: u64 = 50;

/// The servers that are compared.
pub fn candidates() -> impl Iterator<Item = &'static Candidate> {
    let ours = [
        "select",
        "dispatcher",
        "chat",
        "reactor-mio",
        "reactor-tokio",
    ];
    let named = ours.into_iter().chain(["go-net"]);
    named.filter_map(candidate::named).chain([&TOKIO_THREADS])
}

/// The load. The client has two threads if it can have a core for each without taking one from the two workers.
pub fn load() -> LoadSettings {
    let cores = available_parallelism().map_or(1, usize::from);
    LoadSettings {
        threads: if cores >= 4 { 2 } else { 1 },
        ..LoadSettings::default()
    }
}

/// A running server and its samples.
struct Measured {
    server: Server,
    workers: usize,
    echoes: Vec<Sample>,
    floods: Vec<Sample>,
}

/// Measures all servers with one worker and with two, in rounds whose order rotates. Calls `watch` before
/// each round.
///
/// # Errors
/// A server doesn't start or stop, or a connection fails.
pub fn rows(
    ready: &[Ready],
    rounds: usize,
    slice: Duration,
    mut watch: impl FnMut(usize),
) -> io::Result<Vec<WorkersRow>> {
    let harness = Harness::without_cores();
    let mut all = Vec::new();
    for ready in ready {
        for workers in WORKERS {
            all.push(Measured {
                server: harness.start_with(ready.candidate, &mut command(ready, workers))?,
                workers,
                echoes: Vec::new(),
                floods: Vec::new(),
            });
        }
    }
    let echo = Trial::Echo(load());
    for measured in &all {
        echo.run(&measured.server, slice)?; // A warm-up.
    }
    for round in 0..rounds {
        watch(round);
        all.rotate_left(1);
        for measured in &mut all {
            measured.server.rest()?;
            measured.echoes.push(echo.run(&measured.server, slice)?);
            measured.server.rest()?;
            let flood = Trial::Fairness.run(&measured.server, slice)?;
            measured.floods.push(flood);
        }
    }
    let count = all.len().max(1);
    all.rotate_right(rounds % count);
    all.into_iter().map(Measured::finish).collect()
}

impl Measured {
    fn finish(self) -> io::Result<WorkersRow> {
        let Measured {
            server,
            workers,
            echoes,
            floods,
        } = self;
        let of = |samples: &[Sample], field: fn(&Sample) -> Option<f64>| {
            Estimate::of(samples.iter().filter_map(field))
        };
        let seconds = of(&echoes, |sample| Some(sample.seconds));
        let bottleneck = echoes.iter().filter(|it| it.client_was_the_bottleneck);
        let row = WorkersRow {
            candidate: server.candidate.name.to_owned(),
            workers,
            rate: seconds
                .ok_or_else(|| io::Error::other("no samples"))?
                .inverse(),
            p99: of(&echoes, |sample| sample.p99),
            server_cpu: of(&echoes, |sample| sample.server_cpu),
            client_cpu: of(&echoes, |sample| sample.client_cpu),
            client_was_the_bottleneck: bottleneck.count() as f64 / echoes.len() as f64,
            flood_p50: of(&floods, |sample| sample.p50),
            flood_p99: of(&floods, |sample| sample.p99),
        };
        server.stop()?;
        Ok(row)
    }
}

/// Counts how the connections of each of our servers are distributed among two workers, in this many runs:
/// with a listener for each, and with a shared one.
///
/// # Errors
/// A server doesn't start, serve, or stop.
pub fn balances(ready: &[Ready], runs: usize) -> io::Result<Vec<Balance>> {
    let mut balances = Vec::new();
    let ours = ready
        .iter()
        .filter(|it| it.candidate.family == Family::Ours);
    for ready in ours {
        for is_shared in [false, true] {
            let busier = (0..runs).map(|_| busier(ready, is_shared));
            let mut busier = busier.collect::<io::Result<Vec<_>>>()?;
            busier.sort_unstable();
            balances.push(Balance {
                candidate: ready.candidate.name.to_owned(),
                is_shared,
                connections: BALANCED,
                busier,
            });
        }
    }
    Ok(balances)
}

/// The part of `--counters` that says what each worker has accepted.
#[derive(Deserialize)]
struct Counters {
    workers: Vec<Accepts>,
}

#[derive(Deserialize)]
struct Accepts {
    accepts: u64,
}

/// How many of the connections the busier worker accepts. With a limit on connections, the workers
/// share one listener.
fn busier(ready: &Ready, is_shared: bool) -> io::Result<u64> {
    let mut command = command(ready, 2);
    command.arg("--counters");
    if is_shared {
        command.args(["--max-connections", "1000"]);
    }
    let harness = Harness::without_cores();
    let mut server = harness.start_with(ready.candidate, &mut command)?;
    server.hold(BALANCED as usize)?;
    let lines = server.stop()?;
    let line = lines.first().map_or("", String::as_str);
    let counters: Counters = serde_json::from_str(line)?;
    let accepts = counters.workers.iter().map(|worker| worker.accepts);
    Ok(accepts.max().unwrap_or(0))
}

/// The command that starts a server with this many threads that serve.
fn command(ready: &Ready, workers: usize) -> Command {
    let (mut command, workers) = (ready.command(), workers.to_string());
    match ready.candidate.family {
        Family::Ours => command.args(["--workers", &workers]),
        _ => command
            .env("GOMAXPROCS", &workers)
            .env("TOKIO_WORKER_THREADS", &workers),
    };
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{Builder, Profile};

    #[test]
    fn one_round_measures_each_server_and_its_balance() -> io::Result<()> {
        let select = candidates().filter(|one| one.name == "select");
        let builder = Builder::open(select, Profile::Dev)?;
        let rows = rows(&builder.ready, 1, Duration::from_millis(20), |_| {})?;
        assert_eq!(
            rows.iter().map(|row| row.workers).collect::<Vec<_>>(),
            WORKERS
        );
        for row in &rows {
            let [p50, p99] = [row.flood_p50, row.flood_p99].map(|it| it.map(|it| it.median));
            assert!(
                row.rate.median > 0.0 && p50.is_some() && p99 >= p50,
                "{row:?}"
            );
        }
        let balances = balances(&builder.ready, 2)?;
        assert_eq!(balances.len(), 2);
        for balance in &balances {
            let bounds = BALANCED / 2..=BALANCED;
            assert!(
                balance.busier.iter().all(|it| bounds.contains(it)),
                "{balance:?}"
            );
        }
        Ok(())
    }
}
