//! Servers behind HAProxy, under load: what clients see while servers stop, fail, and come back.

#![cfg(target_os = "linux")]

mod support;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use book::machines::{Machines, PHASES, Phase};
use common::client::server_process::ProcessGroup;

/// Runs the example `machines`. Returns nothing if HAProxy isn't installed.
fn run() -> Result<Option<Machines>> {
    let workspace = support::workspace()?;
    let programs = support::programs(&workspace)?;
    let mut command = Command::new(programs.join("examples/machines"));
    command.arg("--json").arg("--programs").arg(&programs);
    let mut group = ProcessGroup::start(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let stdout = group.take_stdout().context("no output")?;
    let status = group.wait_within(Duration::from_secs(90))?;
    ensure!(status.success(), "{status}");
    let mut text = String::new();
    stdout.take(1 << 20).read_to_string(&mut text)?;
    match text.is_empty() {
        true => Ok(None),
        false => Ok(Some(serde_json::from_str(&text)?)),
    }
}

fn phase<'m>(machines: &'m Machines, name: &str) -> Result<&'m Phase> {
    let found = machines.phases.iter().find(|phase| phase.name == name);
    found.with_context(|| format!("there is no phase {name}"))
}

#[test]
fn clients_of_haproxy_are_served_while_servers_stop_fail_and_come_back() -> Result<()> {
    let Some(machines) = run()? else {
        return Ok(()); // The example has said so.
    };
    for phase in &machines.phases {
        for seen in &phase.styles {
            ensure!(seen.wrong == 0, "{phase:?}");
            ensure!(seen.answered > 0, "{phase:?}");
            ensure!(seen.longest_pause < 5000.0, "{phase:?}");
        }
    }
    // No client notices a server that was drained before its stop, or one that comes back.
    for name in ["both", "drained", "again"] {
        let phase = phase(&machines, name)?;
        ensure!(
            phase.styles.iter().all(|seen| seen.is_undisturbed()),
            "{phase:?}"
        );
    }
    // A kill ends connections, and their clients are served by the other server.
    let killed = phase(&machines, "killed")?.total();
    ensure!(killed.sent_again + killed.closed_idle > 0, "{killed:?}");
    // The last one is back in service, and has clients.
    let last = machines.samples.last().context("no samples")?;
    ensure!(last.one > 0 && last.two > 0, "{last:?}");
    // The servers know the clients' addresses from HAProxy's headers.
    ensure!(machines.connections > 0, "no client ended a connection");
    ensure!(machines.logged == machines.connections, "{machines:?}");
    Ok(())
}

#[test]
fn the_recorded_run_has_all_phases_and_kept_the_promises() -> Result<()> {
    let machines = Machines::read(&support::workspace()?)?;
    let names: Vec<_> = machines.phases.iter().map(|phase| &*phase.name).collect();
    ensure!(
        names == PHASES.map(|(name, _)| name),
        "record it again: {names:?}"
    );
    ensure!(phase(&machines, "drained")?.total().is_undisturbed());
    for phase in &machines.phases {
        let seen = phase.total();
        // The page says so.
        ensure!(seen.wrong + seen.resets + seen.refused == 0, "{phase:?}");
    }
    Ok(())
}
