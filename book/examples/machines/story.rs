//! What happens to the servers while the clients talk to them.

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use book::machines::{Machines, PHASES, Phase, Sample, Seen};

use crate::clients::{Client, LINES, Stage};
use crate::proxy::Proxy;
use crate::servers::{STYLES, Server, Servers};

/// Clients of each style.
const CLIENTS: usize = 6;

/// A phase lasts at least this long, and after a restart again as long.
const PHASE: Duration = Duration::from_millis(700);

const BETWEEN_SAMPLES: Duration = Duration::from_millis(20);

/// Starts the servers, HAProxy, and the clients, and returns what the clients have seen.
pub fn play(
    haproxy: Command,
    version: String,
    programs: &Path,
    config: &Path,
) -> io::Result<Machines> {
    let folder = tempfile::tempdir()?;
    let mut servers = Servers::start(programs, folder.path())?;
    let addresses = servers.addresses();
    let styles = STYLES.into_iter();
    let proxy = Proxy::start(haproxy, config, folder.path(), styles, &addresses)?;
    proxy.wait_until("all servers are up", |states| {
        let states = states.iter().filter(|(name, _)| is_server(name));
        states.filter(|(_, state)| state.status == "UP").count() == 2 * STYLES.len()
    })?;
    let stage = Arc::new(Stage::default());
    let mut clients = Vec::new();
    for style in STYLES {
        for number in 0..CLIENTS {
            let name = format!("{style} client {number}");
            let lines = number * LINES / CLIENTS;
            let client = Client::start(name, lines, proxy.address(style)?, &stage);
            clients.push((style, client));
        }
    }
    let started = Instant::now();
    let (times, samples) = thread::scope(|scope| {
        let sampler = scope.spawn(|| sample(&proxy, &stage, started));
        let times = act(&mut servers, &proxy, &stage, started);
        stage.end();
        (times, sampler.join())
    });
    let mut phases: Vec<Phase> = times?
        .into_iter()
        .zip(PHASES)
        .map(|((begins, restarts), (name, _))| Phase {
            name: name.to_owned(),
            begins,
            restarts,
            styles: STYLES.map(of_style).to_vec(),
        })
        .collect();
    let mut used = Vec::new();
    for (style, client) in clients {
        let client = client.join().map_err(|_| panicked())?;
        used.extend(client.addresses);
        for (phase, seen) in phases.iter_mut().zip(&client.seen) {
            let total = phase.styles.iter_mut().find(|total| total.style == style);
            total.into_iter().for_each(|total| total.add(seen));
        }
    }
    let logged = servers.logged_clients()?;
    Ok(Machines {
        haproxy: version,
        cores: thread::available_parallelism()?.get(),
        clients: CLIENTS,
        lines: LINES,
        connections: used.len(),
        logged: used
            .iter()
            .filter(|address| logged.contains(address))
            .count(),
        phases,
        samples: samples.map_err(|_| panicked())??,
    })
}

fn panicked() -> io::Error {
    io::Error::other("a thread panicked")
}

fn of_style(style: &str) -> Seen {
    Seen {
        style: style.to_owned(),
        ..Seen::default()
    }
}

fn is_server(name: &str) -> bool {
    name.ends_with("/one") || name.ends_with("/two")
}

/// When a phase begins, and when the servers that it stops are started again.
type Times = (u64, Option<u64>);

/// Runs the phases, in their order.
fn act(
    servers: &mut Servers,
    proxy: &Proxy,
    stage: &Stage,
    started: Instant,
) -> io::Result<Vec<Times>> {
    let now = || started.elapsed().as_millis() as u64;
    let mut times = Vec::new();
    for (phase, (name, _)) in PHASES.into_iter().enumerate() {
        stage.enter(phase);
        times.push((now(), None));
        match name {
            "sigterm" => stop(&mut servers.one)?,
            "drained" => {
                drain(&servers.one, proxy)?;
                stop(&mut servers.one)?;
            }
            "killed" => servers.two.iter_mut().for_each(Server::kill),
            _ => {}
        }
        thread::sleep(PHASE);
        let stopped = match name {
            "sigterm" | "drained" => &mut servers.one,
            "killed" => &mut servers.two,
            _ => continue,
        };
        times[phase].1 = Some(now());
        for server in stopped.iter_mut() {
            server.restart()?;
            proxy.set_state(&server.name, "ready")?;
        }
        wait_until_up(stopped, proxy)?;
        thread::sleep(PHASE);
    }
    Ok(times)
}

fn stop(servers: &mut [Server]) -> io::Result<()> {
    servers.iter_mut().try_for_each(Server::stop)
}

/// Lets HAProxy give these servers no new connections, and waits until no client has one.
fn drain(servers: &[Server], proxy: &Proxy) -> io::Result<()> {
    for server in servers {
        proxy.set_state(&server.name, "drain")?;
    }
    proxy.wait_until("the servers have no client", |states| {
        let states = servers.iter().map(|server| states.get(&server.name));
        states.flatten().all(|state| state.connections == 0)
    })
}

fn wait_until_up(servers: &[Server], proxy: &Proxy) -> io::Result<()> {
    proxy.wait_until("the servers are up again", |states| {
        let states = servers.iter().map(|server| states.get(&server.name));
        states.flatten().all(|state| state.status == "UP")
    })
}

/// Counts the connections again and again, until the run is over.
fn sample(proxy: &Proxy, stage: &Stage, started: Instant) -> io::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    while !stage.is_over() {
        let states = proxy.servers()?;
        let count = |number: &str| {
            let servers = states.iter().filter(|(name, _)| name.ends_with(number));
            servers.map(|(_, state)| state.connections).sum()
        };
        samples.push(Sample {
            at: started.elapsed().as_millis() as u64,
            one: count("/one"),
            two: count("/two"),
        });
        thread::sleep(BETWEEN_SAMPLES);
    }
    Ok(samples)
}
