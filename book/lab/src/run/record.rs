//! The records of a trace in a compact form: places as numbers, and of the state what has changed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use common::sys::sim::{CallRecord, Caller, Connection, Record, TraceEvent};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

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

/// For each connection that has changed, the fields that have; `None` if it is gone.
pub(super) type Changes = BTreeMap<String, Option<ChangedFields>>;

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
pub(super) fn compact(records: &[Record], places: &mut Places) -> Vec<RunRecord> {
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
        RunRecord {
            t: record.microseconds,
            event,
            state: changes(before, &record.connections),
            listening: (listening != was_listening).then_some(listening),
        }
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
pub(super) fn changes(before: &[Connection], now: &[Connection]) -> Changes {
    if before == now {
        return Changes::new();
    }
    let named = before.iter().map(|one| (one.name.as_str(), one));
    let mut gone: BTreeMap<&str, &Connection> = named.collect();
    let mut changes = Changes::new();
    for new in now {
        let old = gone.remove(new.name.as_str());
        if old != Some(new) {
            let (old, new) = (old.cloned(), new.clone());
            changes.insert(new.name.clone(), Some(ChangedFields { old, new }));
        }
    }
    changes.extend(gone.into_keys().map(|name| (name.to_owned(), None)));
    changes
}

/// The fields of a connection that have changed. A run has hundreds of these, so they are written as they are,
/// without a [`serde_json::Value`] in between.
#[derive(Debug)]
pub(super) struct ChangedFields {
    /// `None` if the connection is new: then all fields have changed.
    old: Option<Connection>,
    new: Connection,
}

impl Serialize for ChangedFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        macro_rules! write_changed {
            ($($field:ident),*) => {
                let Connection { name: _, $($field),* } = &self.new;
                $(if self.old.as_ref().is_none_or(|old| old.$field != *$field) {
                    fields.serialize_entry(stringify!($field), $field)?;
                })*
            };
        }
        // All fields but the name, in the order of the alphabet.
        write_changed!(
            client_ended,
            client_receive_buffer,
            client_received,
            client_send_buffer,
            client_to_send,
            fd,
            is_reading_paused,
            remembered_for_reading,
            remembered_for_writing,
            server_holds,
            server_receive_buffer,
            server_send_buffer,
            state,
            watched_for_reading,
            watched_for_writing
        );
        fields.end()
    }
}
