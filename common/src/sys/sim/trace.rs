//! The trace of a run: every call and every step, the state after each, and how it ended.

use std::panic::Location;

use serde::{Serialize, Serializer};

use crate::script::{ClientEnd, ClientTrace};
use crate::sys::Counters;
use crate::sys::call::Call;

/// A whole run, as [`run`](super::run) returns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// The calls of the server and the steps of the script, in order.
    pub records: Vec<Record>,
    /// How the server's part of the run ended.
    pub ending: Ending,
    /// How the run ended for each client, in the order of their numbers. If the server didn't return
    /// by itself, this is before its connections are closed.
    pub clients: Vec<ClientTrace>,
    /// The connections at that moment: what the server had sent has arrived.
    pub connections: Vec<Connection>,
    /// Counts of what the server did.
    #[serde(serialize_with = "as_json")]
    pub counters: Counters,
    /// Waits that lost an edge: the server shouldn't have begun them.
    pub lost_edges: Vec<LostEdge>,
    /// Steps of the script that didn't happen.
    pub steps_left: usize,
    /// Descriptors that the server opened and hadn't closed when it returned, besides the standard
    /// ones.
    pub open_descriptors: Vec<i32>,
    /// Virtual time from the start to the end, in microseconds.
    pub microseconds: u64,
}

/// How a server's part of a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It returned without an error.
    Returned,
    /// It returned this error.
    Failed(String),
    /// The script was over, and it waited without a timeout, or again and again with one.
    Waiting,
    /// It called the kernel very often without a wait or any progress.
    Spinning,
    /// The trace has as many records as the options allow.
    Cut,
}

/// One call or step, and the state after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Virtual time since the start, in microseconds.
    pub microseconds: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: TraceEvent,
    /// Whether the loop waits until a listener is readable.
    pub listening: bool,
    /// Each connection of the server, including those that wait to be accepted.
    pub connections: Vec<Connection>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceEvent {
    /// A step of the script, in its text form.
    Step(String),
    /// A call of the server.
    #[serde(untagged)]
    Call(CallRecord),
}

/// A call of the server. A field that doesn't belong to the call is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// `wait`, `wake`, `accept`, `recv`, `send`, …; `enter` at the beginning of a handler, and
    /// `dropped` for a close that happens because a value is dropped.
    pub call: &'static str,
    /// For `enter`, the handler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<&'static str>,
    /// For `wait`, the longest time; `None` is without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// For `wake`, the number of ready descriptors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<usize>,
    /// The descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fd: Option<i32>,
    /// What the descriptor refers to: `client 1` or another peer's address, `listener`, or `stop signal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The bytes that were read or written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// The kind of error that the call returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Which code makes the call.
    pub by: Caller,
    /// The source file of the call.
    pub file: &'static str,
    /// The line in it.
    pub line: u32,
}

/// The file with the code that a user of a style writes, in each of the four crates.
const USERS_FILE: &str = "/echo.rs";

impl CallRecord {
    pub(super) fn new(
        call: Call,
        peer: Option<String>,
        caller: &'static Location<'static>,
    ) -> Self {
        CallRecord {
            by: match caller.file().ends_with(USERS_FILE) {
                true => Caller::User,
                false => Caller::Style,
            },
            call: call.name,
            handler: call.handler,
            milliseconds: call.milliseconds,
            ready: call.ready,
            fd: call.fd,
            peer,
            bytes: call.bytes,
            error: call.error.map(|error| format!("{error:?}")),
            file: caller.file(),
            line: caller.line(),
        }
    }
}

/// Which code makes a call, according to the call's file and line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// The code that a user of a style writes.
    User,
    /// The style.
    Style,
}

/// The state of a connection: where its bytes are. They travel from `client_to_send` down to
/// `server_holds`, and from there to `client_received`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// The peer: `client 1`, or its address.
    pub name: String,
    /// The server's descriptor. `None` before it is accepted and after it is closed.
    pub fd: Option<i32>,
    /// The state of the connection.
    pub state: ConnectionState,
    /// Whether the loop waits until it is readable.
    pub watched_for_reading: bool,
    /// Whether the loop waits until it is writable.
    pub watched_for_writing: bool,
    /// Whether the server has to remember that the connection is readable: its kernel reports edges, has
    /// reported this one, and is silent until more arrives.
    pub remembered_for_reading: bool,
    /// Whether the server has to remember that the connection is writable: its kernel reports edges, and the
    /// server holds bytes and doesn't watch for writing, so no event will say that it can send them. (It
    /// also holds a line without an end, which a server of lines doesn't send.)
    pub remembered_for_writing: bool,
    /// Whether the loop has paused reading: it doesn't watch the open connection for more input.
    pub is_reading_paused: bool,
    /// Bytes that the client's program has not handed to its kernel.
    pub client_to_send: usize,
    /// Bytes in the send buffer of the client's kernel.
    pub client_send_buffer: usize,
    /// Bytes in the receive buffer of the server's kernel.
    pub server_receive_buffer: usize,
    /// Bytes that the server has read, minus those that it has written.
    pub server_holds: i64,
    /// Bytes in the send buffer of the server's kernel.
    pub server_send_buffer: usize,
    /// Bytes in the receive buffer of the client's kernel.
    pub client_receive_buffer: usize,
    /// Bytes that the client's program has read.
    pub client_received: usize,
    /// How the server's stream ended for the client, as far as it has read.
    pub client_ended: Option<ClientEnd>,
}

/// The state of a connection, seen from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// The server is connecting, and has no answer yet.
    Connecting,
    /// The connection waits to be accepted.
    Waiting,
    /// Both sides can send.
    Open,
    /// The peer has ended its stream.
    PeerFinished,
    /// The server has ended its stream.
    ServerFinished,
    /// Both sides have.
    Finished,
    /// It ended with a reset, or was never established.
    Reset,
    /// The server has closed it. The kernel still sends what is in the send buffer.
    Closed,
}

/// A wait that began although a connection was ready: the server forgot what an edge had reported,
/// and it is possible that no further edge comes.
///
/// Each connection is reported once for reading and once for writing. Two cases are reported:
///
/// - The server watches the connection for reading, there is something to read, and the server has
///   written as many bytes as it has read. So it has no pending output, and no reason to pause.
/// - The kernel refused bytes of the server's last send, and takes more now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostEdge {
    /// The index of the wait in the trace's records.
    pub record: usize,
    /// The connection.
    pub name: String,
    /// Whether the server would find something to read; otherwise it could write.
    pub is_read: bool,
}

fn as_json<S: Serializer>(counters: &Counters, serializer: S) -> Result<S::Ok, S::Error> {
    let fields = counters.fields();
    serializer.collect_map(fields)
}
