//! The traces are true: the servers do the same on the real kernel.

#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod compare;
mod events;
mod player;
mod server;

use std::path::Path;
use std::sync::LazyLock;
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Context, Result, anyhow, ensure};
use book::scenario::{Scenario, ScenarioStep};
use book::style::Style;
use book::trace::{ScenarioTrace, StyleTrace, TraceEvent};
use book::workspace::Workspace;

use client::LINE_SIZE;
use compare::{BufferSizes, broken_invariants, differences};
use player::ScenarioPlayer;

static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| support::workspace().unwrap());

/// Every scenario with its trace.
fn all() -> Result<Vec<(Scenario, &'static ScenarioTrace)>> {
    let scenarios = WORKSPACE.scenarios()?.into_iter();
    let traced = scenarios.map(|scenario| {
        let trace = WORKSPACE.trace(&scenario.name)?;
        Ok((scenario, trace))
    });
    traced.collect()
}

/// Whether a client doesn't read, so that the sizes of the kernel's buffers decide what happens.
fn has_slow_reader(scenario: &Scenario) -> bool {
    scenario.script().contains("stop-reading")
}

const SIMULATED: BufferSizes = BufferSizes {
    high_water: 32,
    recv_size: 16,
    line: 16,
};

/// The defaults: with small sizes, a server would take long to fill the buffers of the real kernel.
const REAL: BufferSizes = BufferSizes {
    high_water: 65_536,
    recv_size: 65_536,
    line: LINE_SIZE as u64,
};

#[test]
fn a_trace_table_is_complete_without_javascript() -> Result<()> {
    let trace = WORKSPACE.trace("split-line")?;
    let html = trace.table();
    for step in &trace.steps {
        let step = step.replace('"', "&quot;");
        ensure!(html.contains(&step), "{step}");
    }
    let events: usize = trace
        .styles
        .values()
        .map(|style_trace| style_trace.events.len())
        .sum();
    ensure!(html.matches("<b data-call=").count() == events);
    let is_block = html.lines().all(|line| !line.trim().is_empty());
    ensure!(is_block, "it would end the HTML in Markdown");
    Ok(())
}

#[test]
fn counters_match_the_events() -> Result<()> {
    for (scenario, trace) in all()? {
        for (style, style_trace) in &trace.styles {
            let count = |call: &str| {
                let events = style_trace.events.iter().filter(|event| event.call == call);
                events.filter(|event| event.error.is_none()).count() as u64
            };
            let counted = [
                ("waits", "wait"),
                ("reads", "recv"),
                ("writes", "send"),
                ("accepts", "accept"),
                ("closes", "close"),
            ];
            for (counter, call) in counted {
                ensure!(
                    style_trace.counters[counter] == count(call),
                    "{}, {style:?}, {counter}",
                    scenario.name
                );
            }
        }
    }
    Ok(())
}

#[test]
fn replies_name_the_bytes_of_each_step() -> Result<()> {
    for (name, expected) in [
        (
            "split-line",
            [
                (2, "client 1 gets \"hel\" (3 bytes)"),
                (3, "client 1 gets \"lo\\n\" (3 bytes)"),
            ],
        ),
        (
            "stop-with-work",
            [
                (4, "client 1 gets 80 bytes"),
                (4, "client 1 gets the end of the stream"),
            ],
        ),
    ] {
        let replies = &WORKSPACE.trace(name)?.styles[&Style::Select].replies;
        let steps = (0..).zip(replies);
        let seen = steps.flat_map(|(step, all)| all.iter().map(move |one| (step, one.as_str())));
        let seen: Vec<_> = seen.collect();
        ensure!(seen == expected, "{name}: {seen:?}");
    }
    Ok(())
}

#[test]
fn swapped_events_are_a_difference() -> Result<()> {
    let trace = WORKSPACE.trace("one-line")?;
    let scenarios = WORKSPACE.scenarios()?;
    let scenario = scenarios.iter().find(|one| one.name == "one-line");
    let steps = scenario.context("no scenario")?.steps()?;
    let mut style_trace = trace.styles[&Style::Reactor].clone();
    ensure!(differences(trace, &steps, Style::Reactor, &style_trace).is_empty());
    let recv = style_trace
        .events
        .iter()
        .position(|event| event.call == "recv");
    let recv = recv.context("it doesn't read")?;
    style_trace.events.swap(recv, recv + 1);
    let found = differences(trace, &steps, Style::Reactor, &style_trace);
    ensure!(found.len() == 1, "{found:?}");
    ensure!(found[0].starts_with("one-line, reactor, client 1 sends"));
    Ok(())
}

#[test]
fn a_step_can_take_longer_than_a_retry() -> Result<()> {
    let trace = WORKSPACE.trace("out-of-descriptors")?;
    let scenarios = WORKSPACE.scenarios()?;
    let scenario = scenarios.iter().find(|one| one.name == trace.scenario);
    let steps = scenario.context("no scenario")?.steps()?;
    let simulated = &trace.styles[&Style::Reactor];
    let is_failed = |event: &TraceEvent| event.error.as_deref() == Some("Uncategorized");
    let events = &simulated.events;
    let last = events.iter().rposition(is_failed).context("no retry")?;
    let wait = events[last..].iter().position(|event| event.call == "wait");
    let wait = last + wait.context("no wait")?;
    let wake = events[..last].iter().rfind(|event| event.call == "wake");
    let step = events[wait].step;
    let wake = TraceEvent {
        step,
        ..wake.context("no wake-up")?.clone()
    };
    let retry = [wake, events[last].clone(), events[wait].clone()];
    let found = |times: usize| {
        let mut real = simulated.clone();
        let retries = (0..times).flat_map(|_| retry.clone());
        real.events.splice(wait + 1..wait + 1, retries);
        differences(trace, &steps, Style::Reactor, &real)
    };
    ensure!(found(0).is_empty() && found(2).is_empty(), "{:?}", found(2));
    ensure!(found(50).len() == 1, "it doesn't pause: {:?}", found(50));
    let mut real = simulated.clone();
    real.events.retain(|event| !is_failed(event));
    ensure!(!differences(trace, &steps, Style::Reactor, &real).is_empty());
    Ok(())
}

/// A change to the events of one style.
type Change = fn(&mut Vec<TraceEvent>);

#[test]
fn a_slow_reader_is_compared_by_invariants() -> Result<()> {
    let trace = WORKSPACE.trace("slow-reader")?;
    let broken = |change: Change| {
        let mut style_trace = trace.styles[&Style::Dispatcher].clone();
        change(&mut style_trace.events);
        broken_invariants(&trace.steps, &style_trace, &SIMULATED)
    };
    // Whether a call was refused, and which handlers are entered, is different each time.
    ensure!(broken(|_| {}).is_empty(), "{:?}", broken(|_| {}));
    ensure!(broken(|events| events.retain(|event| event.call != "enter")).is_empty());
    ensure!(broken(|events| events.retain(|event| event.error.is_none())).is_empty());
    let changes: [(&str, Change); 4] = [
        ("it accepts one client", |events| {
            events.retain(|event| event.call != "accept");
        }),
        ("it closes the client's socket once", |events| {
            events.retain(|event| event.call != "close");
        }),
        ("its pending output is limited", |events| {
            events.retain(|event| event.call != "send");
        }),
        ("it waits when the client does not read", |events| {
            events.retain(|event| event.call != "wait");
        }),
    ];
    for (name, change) in changes {
        let found = broken(change);
        let is_named = found.iter().any(|found| found.ends_with(name));
        ensure!(is_named, "{name}: {found:?}");
    }
    Ok(())
}

#[test]
fn servers_make_the_same_calls_on_the_real_kernel() -> Result<()> {
    let programs = &support::programs(&WORKSPACE)?;
    let found: Result<Vec<_>> = thread::scope(|scope| {
        let compare = |(scenario, trace)| scope.spawn(move || compared(&scenario, trace, programs));
        let compared: Vec<_> = all()?.into_iter().map(compare).collect();
        let panicked = |_| Err(anyhow!("the comparison panicked"));
        let end = |thread: ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(panicked);
        compared.into_iter().map(end).collect()
    });
    let found = found?.concat();
    ensure!(found.is_empty(), "\n{}", found.join("\n"));
    Ok(())
}

/// How the servers on the real kernel differ from a scenario's trace.
fn compared(scenario: &Scenario, trace: &ScenarioTrace, programs: &Path) -> Result<Vec<String>> {
    let steps = scenario.steps()?;
    let mut found = Vec::new();
    for (style, played) in play_all(scenario, &steps, programs) {
        let at = format!("{}, {}", scenario.name, style.name());
        let real = played.context(at.clone())?;
        if has_slow_reader(scenario) {
            let simulated = broken_invariants(&trace.steps, &trace.styles[&style], &SIMULATED);
            let real = broken_invariants(&trace.steps, &real, &REAL);
            let simulated = simulated
                .iter()
                .map(|what| format!("{at}, simulated: {what}"));
            found.extend(simulated);
            found.extend(real.iter().map(|what| format!("{at}, real: {what}")));
        } else {
            found.extend(differences(trace, &steps, style, &real));
        }
    }
    Ok(found)
}

/// Plays the scenario on the four at the same time: nearly all of it is waiting.
fn play_all(
    scenario: &Scenario,
    steps: &[ScenarioStep],
    programs: &Path,
) -> Vec<(Style, Result<StyleTrace>)> {
    thread::scope(|scope| {
        let playing = Style::ALL.map(|style| {
            let played = scope.spawn(move || play(scenario, steps, style, programs));
            (style, played)
        });
        let played = playing.into_iter().map(|(style, thread)| {
            let panicked = |_| Err(anyhow!("the player panicked"));
            (style, thread.join().unwrap_or_else(panicked))
        });
        played.collect()
    })
}

fn play(
    scenario: &Scenario,
    steps: &[ScenarioStep],
    style: Style,
    programs: &Path,
) -> Result<StyleTrace> {
    let mut arguments = scenario.server.clone();
    if has_slow_reader(scenario) {
        // Real buffers are larger, and a busy machine can need long to move what they hold.
        let replaced = ["--recv-size=", "--high-water=", "--shutdown-timeout="];
        let is_replaced = |option: &String| replaced.iter().any(|name| option.starts_with(name));
        arguments.retain(|option| !is_replaced(option));
        arguments.push("--shutdown-timeout=15".to_owned());
    }
    if style == Style::Reactor {
        arguments.push("--reactor=mio".to_owned()); // As in the simulation.
    }
    let mut player = ScenarioPlayer::open(style, &arguments, programs)?;
    if scenario.limits_descriptors() {
        player.leave_descriptors(1)?;
    }
    for step in steps {
        player.play(step).with_context(|| step.text.clone())?;
    }
    Ok(player.close()?)
}
