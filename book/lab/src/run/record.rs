//! The records of a trace in a compact form: places as numbers, and of the state what has changed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use common::sys::sim::{CallRecord, Caller, Connection, Record, TraceEvent};
use serde::Serialize;
use serde_json::{Map, Value};

/// A step of the script or a call of the server, and what has changed.
#[derive(Debug, Serialize)]
pub(super) struct RunRecord {
    /// Virtual time since the start, in microseconds.
    t: u64,
    #[serde(flatten)]
    event: RunEvent,
    #[serde(skip_serializing_if = "Changes::is_empty")]
    state: Changes,
    #[serde(skip_serializing_if = "Option::is_none")]
    listening: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RunEvent {
    Step {
        /// Its index in the script.
        step: usize,
    },
    Call(RunCall),
}

/// A call, as [`CallRecord`] has it.
#[derive(Debug, Serialize)]
struct RunCall {
    call: &'static str,
    /// Its index in [`Places`].
    place: usize,
    by: Caller,
    #[serde(skip_serializing_if = "Option::is_none")]
    fd: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<&'static str>,
}

/// Fields of a [`Connection`].
type Fields = Map<String, Value>;

/// For each connection that has changed, the fields that have; `None` if it is gone.
pub(super) type Changes = BTreeMap<String, Option<Fields>>;

/// Places of calls in the source, each once.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Places {
    names: Vec<String>,
    #[serde(skip)]
    indices: HashMap<(&'static str, u32), usize>,
}

impl Places {
    fn index(&mut self, file: &'static str, line: u32) -> usize {
        *self.indices.entry((file, line)).or_insert_with(|| {
            self.names
                .push(format!("{}:{line}", original(from_root(file))));
            self.names.len() - 1
        })
    }
}

/// A source file, seen from the root of the workspace of the four styles.
fn from_root(file: &str) -> &str {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let inside = root.and_then(|root| Path::new(file).strip_prefix(root).ok());
    inside.and_then(Path::to_str).unwrap_or(file)
}

/// The file of a function with a bug is in a folder such as `@3`, next to the file that it is a part of.
fn original(file: &str) -> String {
    let folders = file.split('/').filter(|folder| !folder.starts_with('@'));
    folders.collect::<Vec<_>>().join("/")
}

/// The records in their compact form.
pub(super) fn compact(
    records: &[Record],
    places: &mut Places,
) -> serde_json::Result<Vec<RunRecord>> {
    let (mut connections, mut listening, mut step) = (&[][..], false, 0);
    let compacted = records.iter().map(|record| {
        let event = match &record.event {
            TraceEvent::Step(_) => {
                step += 1;
                RunEvent::Step { step: step - 1 }
            }
            TraceEvent::Call(call) => RunEvent::Call(RunCall::new(call, places)),
        };
        let before = std::mem::replace(&mut connections, &record.connections);
        let was_listening = std::mem::replace(&mut listening, record.listening);
        Ok(RunRecord {
            t: record.microseconds,
            event,
            state: changes(before, &record.connections)?,
            listening: (listening != was_listening).then_some(listening),
        })
    });
    compacted.collect()
}

impl RunCall {
    fn new(call: &CallRecord, places: &mut Places) -> Self {
        RunCall {
            call: call.call,
            place: places.index(call.file, call.line),
            by: call.by,
            fd: call.fd,
            client: call.peer.clone(),
            bytes: call.bytes,
            error: call.error.clone(),
            ready: call.ready,
            milliseconds: call.milliseconds,
            handler: call.handler,
        }
    }
}

/// What has changed from one state of all connections to the next.
pub(super) fn changes(before: &[Connection], now: &[Connection]) -> serde_json::Result<Changes> {
    let mut changes = Changes::new();
    if before == now {
        return Ok(changes);
    }
    let named = before.iter().map(|one| (one.name.as_str(), one));
    let mut gone: BTreeMap<&str, &Connection> = named.collect();
    for connection in now {
        let old = gone.remove(connection.name.as_str());
        if old != Some(connection) {
            let changed = changed_fields(old, connection)?;
            changes.insert(connection.name.clone(), Some(changed));
        }
    }
    changes.extend(gone.into_keys().map(|name| (name.to_owned(), None)));
    Ok(changes)
}

/// All fields if the connection is new.
fn changed_fields(old: Option<&Connection>, new: &Connection) -> serde_json::Result<Fields> {
    let (old, mut fields) = (old.map(fields).transpose()?, fields(new)?);
    if let Some(old) = old {
        fields.retain(|name, value| old.get(name) != Some(value));
    }
    Ok(fields)
}

/// All fields but the name.
fn fields(connection: &Connection) -> serde_json::Result<Fields> {
    let mut fields = match serde_json::to_value(connection)? {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    };
    fields.remove("name");
    Ok(fields)
}
