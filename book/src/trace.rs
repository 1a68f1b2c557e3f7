//! A trace: what each of the four servers does while the clients of one scenario do the same to each.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::lab::Lab;
use crate::scenario::{Scenario, ScenarioStep};
use crate::style::Style;

mod html;
mod lab_trace;

use html::Lane;
pub(crate) use lab_trace::LabTrace;

/// One scenario, played on the four servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioTrace {
    /// The scenario's name.
    pub scenario: String,
    /// What it shows, in a sentence or more.
    pub about: String,
    /// What happens to the servers. The first step is their start.
    pub steps: Vec<String>,
    /// What each server does.
    pub styles: BTreeMap<Style, StyleTrace>,
}

/// What one server does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StyleTrace {
    /// The calls of its loop, in order, without those in [`HIDDEN`].
    pub events: Vec<TraceEvent>,
    /// What it prints for `--counters` when it ends.
    pub counters: BTreeMap<String, u64>,
    /// For each step, what comes back to the clients.
    pub replies: Vec<Vec<String>>,
}

/// Calls that pages don't show: a style that waits with epoll makes one or two for each connection, so
/// its column would be much longer, and no page is about these calls.
pub const HIDDEN: [&str; 4] = ["listen", "register", "reregister", "deregister"];

/// One call of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEvent {
    /// The step in which it happens: an index of [`ScenarioTrace::steps`].
    pub step: usize,
    /// `wait`, `wake`, `accept`, `recv`, `send`, `shutdown`, `close`, `dropped`, or `enter`.
    pub call: String,
    /// For `enter`, the handler.
    pub handler: Option<String>,
    /// The socket: `listener`, or `client 1`.
    pub fd: Option<String>,
    /// How many bytes were read or written.
    pub bytes: Option<u64>,
    /// For `wake`, how many descriptors are ready.
    pub ready: Option<u64>,
    /// How the call failed, such as `WouldBlock`.
    pub error: Option<String>,
    /// The source file, seen from the root of the workspace.
    pub file: String,
    /// The line that makes the call, from 1.
    pub line: usize,
}

impl ScenarioTrace {
    /// Plays a scenario on all four servers.
    ///
    /// # Errors
    /// A scenario that isn't right, a run that fails, or a source file that can't be read.
    pub fn simulate(lab: &Lab, scenario: &Scenario, root: &Path) -> Result<Self> {
        let steps = scenario.steps()?;
        // Cargo names source files without symbolic links.
        let root = &root.canonicalize()?;
        let styles = Style::ALL.into_iter().map(|style| {
            let named = || format!("{}, {}", scenario.name, style.name());
            let run = lab.play(scenario, style.name(), style);
            let run = run.with_context(named)?;
            run.ends_well().with_context(named)?;
            let style_trace = run.into_style_trace(&steps, root).with_context(named)?;
            Ok((style, style_trace))
        });
        let styles = styles.collect::<Result<BTreeMap<_, _>>>()?;
        Ok(ScenarioTrace {
            scenario: scenario.name.clone(),
            about: scenario.about.clone(),
            steps: names(&steps),
            styles,
        })
    }

    /// A table of the events, a column for each style.
    pub fn table(&self) -> String {
        html::of_styles(self)
    }

    /// The events of one style in one step.
    pub fn events(&self, style: Style, step: usize) -> impl Iterator<Item = &TraceEvent> {
        let style_trace = self.styles.get(&style).into_iter();
        style_trace.flat_map(move |style_trace| style_trace.events_in(step))
    }
}

impl StyleTrace {
    /// The events in one step.
    pub fn events_in(&self, step: usize) -> impl Iterator<Item = &TraceEvent> {
        self.events.iter().filter(move |event| event.step == step)
    }
}

/// What happens to the servers. The first step is their start.
fn names(steps: &[ScenarioStep]) -> Vec<String> {
    let start = ["the server starts".to_owned()];
    let steps = steps.iter().map(|step| step.text.clone());
    start.into_iter().chain(steps).collect()
}

/// Plays a scenario on servers of `book/steps`, with the options of the select loop, which they grow
/// into. Returns the table of the events, a column for each server.
///
/// # Errors
/// As [`ScenarioTrace::simulate`], but a server can return before the last step.
pub(crate) fn table_of_servers(
    lab: &Lab,
    scenario: &Scenario,
    root: &Path,
    servers: &[&str],
) -> Result<String> {
    let steps = scenario.steps()?;
    let root = &root.canonicalize()?;
    let traces = servers.iter().map(|server| {
        let named = || format!("{}, {server}", scenario.name);
        let run = lab.play(scenario, server, Style::Select);
        let run = run.with_context(named)?;
        run.into_style_trace(&steps, root).with_context(named)
    });
    let traces = traces.collect::<Result<Vec<_>>>()?;
    let lanes = servers.iter().zip(&traces).map(|(server, trace)| Lane {
        name: server,
        heading: server.replace('-', " "),
        trace,
    });
    let lanes: Vec<Lane> = lanes.collect();
    Ok(html::table(
        &scenario.name,
        &scenario.about,
        &names(&steps),
        &lanes,
    ))
}

impl TraceEvent {
    /// Where it was called, as `FILE:LINE`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// Bytes as pages show them: short text as it is, everything else as a number.
pub fn describe_bytes(bytes: &[u8]) -> String {
    match (std::str::from_utf8(bytes), bytes.len()) {
        (Ok(text), 1..=40) => format!("{text:?} ({} bytes)", bytes.len()),
        _ => format!("{} bytes", grouped(bytes.len() as u64)),
    }
}

/// A number with its thousands set apart: `32,768`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&groups.join(&b',')).into_owned()
}
