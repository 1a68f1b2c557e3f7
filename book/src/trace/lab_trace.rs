//! Reads what `lab trace` prints.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::{HIDDEN, StyleTrace, TraceEvent, describe_bytes};
use crate::scenario::ScenarioStep;

/// A run of one server: what `common::sys::sim::Trace` is as JSON.
#[derive(Debug, Deserialize)]
pub(crate) struct LabTrace {
    records: Vec<Record>,
    ending: Value,
    clients: Vec<ClientTrace>,
    counters: BTreeMap<String, u64>,
    lost_edges: Vec<Value>,
    steps_left: usize,
}

/// A step of the script, or a call; and the state after it.
#[derive(Debug, Deserialize)]
struct Record {
    step: Option<String>,
    #[serde(flatten)]
    call: Option<CallRecord>,
    connections: Vec<Connection>,
}

#[derive(Debug, Deserialize)]
struct CallRecord {
    call: String,
    handler: Option<String>,
    fd: Option<i32>,
    bytes: Option<u64>,
    ready: Option<u64>,
    error: Option<String>,
    file: String,
    line: usize,
}

#[derive(Debug, Deserialize)]
struct Connection {
    name: String,
    fd: Option<i32>,
    client_received: usize,
    client_ended: Option<ClientEnd>,
}

#[derive(Debug, Deserialize)]
struct ClientTrace {
    client: u32,
    /// With escapes.
    received: String,
    ended: Option<ClientEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClientEnd {
    EndOfStream,
    Reset,
    NotConnected,
}

impl ClientEnd {
    fn describe(self) -> &'static str {
        match self {
            ClientEnd::EndOfStream => "the end of the stream",
            ClientEnd::Reset => "a reset",
            ClientEnd::NotConnected => "no connection",
        }
    }
}

impl LabTrace {
    /// Replaces the root of all files.
    pub(crate) fn moved(mut self, from: &Path, to: &Path) -> Self {
        let calls = self
            .records
            .iter_mut()
            .filter_map(|record| record.call.as_mut());
        for call in calls {
            if let Ok(file) = Path::new(&call.file).strip_prefix(from) {
                call.file = to.join(file).to_string_lossy().into_owned();
            }
        }
        self
    }

    /// Checks that the server returns without an error, and not before the last step.
    ///
    /// # Errors
    /// It doesn't.
    pub(crate) fn ends_well(&self) -> Result<()> {
        let (ending, left) = (&self.ending, self.steps_left);
        ensure!(
            ending == "returned",
            "the server doesn't return, but {ending}"
        );
        ensure!(left == 0, "the server returns {left} steps early");
        Ok(())
    }

    /// Returns what the server does in each step that a page shows. Paths of files start at `root`.
    ///
    /// # Errors
    /// A server that neither returns nor fails, or files that are not below `root`.
    pub(crate) fn into_style_trace(
        self,
        steps: &[ScenarioStep],
        root: &Path,
    ) -> Result<StyleTrace> {
        let LabTrace {
            ending,
            lost_edges,
            steps_left,
            ..
        } = &self;
        let failure = ending.get("failed").and_then(Value::as_str);
        ensure!(
            failure.is_some() || ending == "returned",
            "the server doesn't return, but {ending}"
        );
        ensure!(
            lost_edges.is_empty(),
            "the server lost an edge: {lost_edges:?}"
        );
        // For each line of the script, its step. The first step is the start.
        let lines = steps.iter().zip(1..);
        let mut lines = lines.flat_map(|(step, number)| step.lines.iter().map(move |_| number));
        let mut replies = Replies::new(&self.clients, steps.len() + 1);
        let (mut events, mut names, mut now) = (Vec::new(), HashMap::new(), 0);
        for record in &self.records {
            if record.step.is_some() {
                replies.add_step(now, record);
                now = lines.next().context("a line of the script is two steps")?;
            }
            let is_known = record.step.is_some() || record.call.is_some();
            ensure!(is_known, "a record is neither a step nor a call");
            if let Some(call) = &record.call {
                let fd = name(&mut names, call, &record.connections);
                if !HIDDEN.contains(&call.call.as_str()) {
                    events.push(call.event(now, fd, root)?);
                }
            }
        }
        ensure!(
            lines.count() == *steps_left,
            "a line of the script is no step"
        );
        replies.add_last_step(now, &self.clients);
        replies.by_step[now].extend(failure.map(|error| format!("the server fails: {error}")));
        Ok(StyleTrace {
            events,
            counters: self.counters,
            replies: replies.by_step,
        })
    }
}

/// A socket has the name of its client from accept to close. One that was not accepted is the listener.
fn name(
    names: &mut HashMap<i32, String>,
    call: &CallRecord,
    connections: &[Connection],
) -> Option<String> {
    let fd = call.fd?;
    if call.call == "accept" && call.error.is_none() {
        let accepted = connections.iter().find(|one| one.fd == Some(fd));
        names.extend(accepted.map(|one| (fd, one.name.clone())));
    }
    let name = match call.call.as_str() {
        "close" | "dropped" => names.remove(&fd),
        _ => names.get(&fd).cloned(),
    };
    Some(name.unwrap_or_else(|| "listener".to_owned()))
}

impl CallRecord {
    fn event(&self, step: usize, fd: Option<String>, root: &Path) -> Result<TraceEvent> {
        let is_done = self.error.is_none();
        let moves = matches!(self.call.as_str(), "recv" | "send") && is_done;
        let file = Path::new(&self.file);
        let file = file.strip_prefix(root).with_context(|| {
            let (file, root) = (file.display(), root.display());
            format!("{file} is not below {root}")
        })?;
        Ok(TraceEvent {
            step,
            fd,
            bytes: self.bytes.filter(|_| moves),
            ready: self.ready.filter(|_| is_done),
            call: self.call.clone(),
            handler: self.handler.clone(),
            error: self.error.clone(),
            file: crate::workspace::slashed(file),
            line: self.line,
        })
    }
}

/// What comes back to the clients, step by step.
struct Replies {
    /// For each client, all that it receives, and how many bytes of that were added so far.
    received: BTreeMap<String, (Vec<u8>, usize)>,
    ended: BTreeMap<String, ClientEnd>,
    by_step: Vec<Vec<String>>,
}

impl Replies {
    fn new(clients: &[ClientTrace], steps: usize) -> Self {
        let received = clients.iter().map(|client| {
            let received = unescape(&client.received);
            (format!("client {}", client.client), (received, 0))
        });
        Replies {
            received: received.collect(),
            ended: BTreeMap::new(),
            by_step: vec![Vec::new(); steps],
        }
    }

    /// Adds what came back in a step, from the record of the next one.
    fn add_step(&mut self, step: usize, next: &Record) {
        for connection in &next.connections {
            let Connection {
                name,
                client_received,
                client_ended,
                ..
            } = connection;
            self.add(step, name, *client_received, *client_ended);
        }
    }

    /// Adds what came back in the last step, from the clients at the end.
    fn add_last_step(&mut self, step: usize, clients: &[ClientTrace]) {
        for client in clients {
            let name = format!("client {}", client.client);
            self.add(step, &name, usize::MAX, client.ended);
        }
    }

    fn add(&mut self, step: usize, name: &str, count: usize, ended: Option<ClientEnd>) {
        let Some((bytes, before)) = self.received.get_mut(name) else {
            return;
        };
        let count = count.min(bytes.len());
        let words = (count > *before).then(|| describe_bytes(&bytes[*before..count]));
        *before = count;
        let ended = ended.filter(|ended| self.ended.insert(name.to_owned(), *ended).is_none());
        let words = words
            .into_iter()
            .chain(ended.map(|end| end.describe().to_owned()));
        self.by_step[step].extend(words.map(|words| format!("{name} gets {words}")));
    }
}

/// The bytes that `<[u8]>::escape_ascii` has made this text of.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut unescaped = Vec::new();
    while let Some(byte) = bytes.next() {
        let escaped = (byte == b'\\').then(|| bytes.next()).flatten();
        unescaped.push(match escaped {
            None => byte,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'x') => {
                let mut digit = || char::from(bytes.next().unwrap_or(b'0')).to_digit(16);
                let (high, low) = (digit().unwrap_or(0), digit().unwrap_or(0));
                (16 * high + low) as u8
            }
            Some(byte) => byte,
        });
    }
    unescaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_escaping() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unescape(&all.escape_ascii().to_string()), all);
    }
}
