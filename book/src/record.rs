//! Records what the pages show: the real servers are run, and a scripted client does the same to
//! each of the four.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;

use crate::style::Style;
use crate::trace::{Lane, Trace};
use crate::workspace::Workspace;

mod client;
mod compare;
mod events;
mod fold;
mod scenarios;
mod server;
mod stacks;
mod stage;

pub use compare::differences;
pub use stacks::stacks;

use scenarios::{SCENARIOS, Scenario};
use server::Programs;
use stage::Stage;

/// The names of the scenarios.
pub fn names() -> impl Iterator<Item = &'static str> {
    SCENARIOS.iter().map(|scenario| scenario.name)
}

/// Plays a scenario against the four servers, which are built first, and answers what they did.
///
/// # Errors
/// A name that is none, a build that fails, or a server or client that does what it should not.
pub fn scenario(workspace: &Workspace, name: &str) -> io::Result<Trace> {
    let known = SCENARIOS.iter().find(|scenario| scenario.name == name);
    let scenario = known.ok_or_else(|| {
        let names: Vec<_> = names().collect();
        let message = format!("there is no scenario {name:?}, but {}", names.join(", "));
        io::Error::new(ErrorKind::NotFound, message)
    })?;
    let programs = Programs::build(workspace)?;
    let mut steps = Vec::new();
    let mut lanes = BTreeMap::new();
    for (style, played) in play_all(scenario, &programs, &workspace.root) {
        let (its_steps, lane) = played
            .map_err(|error| io::Error::new(error.kind(), format!("{name}, {style:?}: {error}")))?;
        steps = its_steps;
        lanes.insert(style, lane);
    }
    let sources = crate::trace::collect_sources(&workspace.root, &lanes)?;
    Ok(Trace {
        scenario: name.to_owned(),
        about: scenario.about.to_owned(),
        folded: scenario.folded,
        steps,
        lanes,
        sources,
    })
}

/// The client's steps, and what a server did.
type Played = io::Result<(Vec<String>, Lane)>;

/// Plays the scenario against the four at the same time: nearly all of it is waiting.
fn play_all(scenario: &Scenario, programs: &Programs, root: &Path) -> Vec<(Style, Played)> {
    thread::scope(|scope| {
        let playing = Style::ALL.map(|style| {
            (
                style,
                scope.spawn(move || play(scenario, style, programs, root)),
            )
        });
        let played = playing.into_iter().map(|(style, thread)| {
            let failed = |_| Err(io::Error::other("the recorder panicked"));
            (style, thread.join().unwrap_or_else(failed))
        });
        played.collect()
    })
}

fn play(scenario: &Scenario, style: Style, programs: &Programs, root: &Path) -> Played {
    let engine: &[&str] = match style {
        Style::Reactor => &["--reactor", "tokio"], // Its default, said.
        _ => &[],
    };
    let arguments = [engine, scenario.arguments].concat();
    let mut stage = Stage::open(style, &arguments, programs, root)?;
    (scenario.play)(&mut stage)?;
    let (steps, mut lane) = stage.close()?;
    if scenario.folded {
        lane.events = fold::fold(&lane.events);
    }
    Ok((steps, lane))
}
