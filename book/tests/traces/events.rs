//! Reads the trace file of a server.

use std::collections::HashMap;
use std::io;

use book::trace::{HIDDEN, TraceEvent};
use serde::Deserialize;

/// What a server has traced so far.
#[derive(Default)]
pub struct TraceReader {
    all: Vec<TraceEvent>,
    /// The name of each descriptor's owner, at present.
    names: HashMap<i64, String>,
    clients: usize,
}

/// One line of the file.
#[derive(Deserialize)]
struct TraceLine {
    call: String,
    handler: Option<String>,
    fd: Option<i64>,
    bytes: Option<u64>,
    ready: Option<u64>,
    error: Option<String>,
    file: String,
    line: usize,
}

impl TraceReader {
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Whether the server's last action was to begin to wait.
    pub fn is_waiting(&self) -> bool {
        self.all.last().is_some_and(|event| event.call == "wait")
    }

    /// Reads new lines of the trace, which belong to this step. Returns whether there were any.
    pub fn add_lines(&mut self, lines: &[String], step: usize) -> io::Result<bool> {
        for line in lines {
            let line: TraceLine = serde_json::from_str(line)?;
            let event = self.event(line, step);
            if !HIDDEN.contains(&event.call.as_str()) {
                self.all.push(event);
            }
        }
        Ok(!lines.is_empty())
    }

    pub fn into_events(self) -> Vec<TraceEvent> {
        self.all
    }

    fn event(&mut self, traced: TraceLine, step: usize) -> TraceEvent {
        let fd = traced.fd.map(|fd| self.name(&traced, fd));
        let is_done = traced.error.is_none();
        let moves = matches!(traced.call.as_str(), "recv" | "send") && is_done;
        TraceEvent {
            step,
            fd,
            bytes: traced.bytes.filter(|_| moves),
            ready: traced.ready.filter(|_| is_done),
            call: traced.call,
            handler: traced.handler,
            error: traced.error,
            file: traced.file,
            line: traced.line,
        }
    }

    /// A socket gets a name when it is accepted. One that never was is the listener.
    fn name(&mut self, traced: &TraceLine, fd: i64) -> String {
        if traced.call == "accept" && traced.error.is_none() {
            self.clients += 1;
            self.names.insert(fd, format!("client {}", self.clients));
        }
        let name = match traced.call.as_str() {
            "close" | "dropped" => self.names.remove(&fd),
            _ => self.names.get(&fd).cloned(),
        };
        name.unwrap_or_else(|| "listener".to_owned())
    }
}
