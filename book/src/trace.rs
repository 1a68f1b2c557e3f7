//! A recorded trace: what each of the four servers did while one scripted client did the same to
//! each.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::style::Style;

mod html;
mod json;
mod sources;

pub(crate) use json::lay_out;
pub use sources::Source;
pub(crate) use sources::{collect as collect_sources, line as line_of};

/// One scenario, played against the four servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The scenario's name.
    pub scenario: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// Whether repeated turns are folded into one, since their number differs from run to run.
    pub folded: bool,
    /// What the client did. The first step is the server's start.
    pub steps: Vec<String>,
    /// What each server did.
    pub lanes: BTreeMap<Style, Lane>,
    /// The lines around each line that made a call, by [`Event::place`].
    pub sources: BTreeMap<String, Source>,
}

/// What one server did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The program.
    pub program: String,
    /// What it was started with, beside `--port 0 --counters` and the trace's file.
    pub arguments: Vec<String>,
    /// The calls of its loop, in order.
    pub events: Vec<Event>,
    /// What it printed at its end for `--counters`.
    pub counters: BTreeMap<String, u64>,
    /// For each step of the client, what came back to it.
    pub replies: Vec<Vec<String>>,
}

/// One call of a loop, or several alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The client's step that it answers: an index of [`Trace::steps`].
    pub step: usize,
    /// `wait`, `wake`, `accept`, `recv`, `send`, `close` or `enter`.
    pub call: String,
    /// For `enter`, the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// The socket: `listener`, or `client 1` for the first that connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<String>,
    /// How many bytes were read or written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// For `wake`, how many descriptors were ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<u64>,
    /// How the call failed, such as `WouldBlock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The file of source, from the root of the workspace.
    pub file: String,
    /// The line that made the call, from 1.
    pub line: usize,
    /// What stands in that line.
    pub text: String,
    /// How often it came in a row, with the events of its turn; 1 where nothing is folded.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u64,
}

impl Trace {
    /// Reads a recorded trace.
    ///
    /// # Errors
    /// A file that is not there, or holds something else; the message names it.
    pub fn read(path: &Path) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(named)?;
        serde_json::from_str(&text).map_err(|error| named(error.into()))
    }

    /// Writes it where [`read`](Self::read) finds it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = String::new();
        json::lay_out(&serde_json::to_value(self)?, 0, &mut text);
        fs::write(path, text + "\n")
    }

    /// A table of the events, a column for each style, which the player brings to life.
    pub fn render(&self) -> String {
        html::render(self)
    }

    /// The events of one style in one step of the client.
    pub fn events(&self, style: Style, step: usize) -> impl Iterator<Item = &Event> {
        let lane = self.lanes.get(&style).into_iter();
        lane.flat_map(move |lane| lane.events.iter().filter(move |event| event.step == step))
    }
}

impl Event {
    /// Where it was called: the key of its lines in [`Trace::sources`].
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// What in the workspace is no longer as it was when the trace was recorded, one line for each
/// place. Empty for a trace that is current.
pub fn stale(trace: &Trace, workspace_root: &Path) -> Vec<String> {
    let events = trace.lanes.values().flat_map(|lane| &lane.events);
    let mut stale: Vec<String> = events
        .filter_map(|event| {
            let now = sources::line(workspace_root, &event.file, event.line);
            let differs = now.as_deref() != Some(&event.text);
            differs.then(|| {
                let now = now.unwrap_or_default();
                format!("{}: recorded `{}`, now `{now}`", event.place(), event.text)
            })
        })
        .chain(trace.sources.iter().filter_map(|(place, source)| {
            let now = sources::around(workspace_root, place).ok();
            (now.as_ref() != Some(source)).then(|| format!("{place}: the lines around it changed"))
        }))
        .collect();
    stale.sort();
    stale.dedup();
    stale
        .into_iter()
        .map(|what| format!("{}: {what}: record it again", trace.scenario))
        .collect()
}

/// A number with its thousands told apart: `32,768`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&groups.join(&b',')).into_owned()
}

fn once() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_once(times: &u64) -> bool {
    *times == 1
}
