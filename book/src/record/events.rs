//! From the lines of a trace file to the events of a lane.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::trace::{Event, line_of};

/// What a server has traced so far.
pub(super) struct Events {
    /// Of the workspace, where the servers' sources are.
    root: PathBuf,
    all: Vec<Event>,
    /// Whose descriptor has which number now.
    names: HashMap<i64, String>,
    clients: usize,
}

/// One line of the file.
#[derive(Deserialize)]
struct Line {
    call: String,
    handler: Option<String>,
    fd: Option<i64>,
    bytes: Option<u64>,
    ready: Option<u64>,
    error: Option<String>,
    file: String,
    line: usize,
}

impl Events {
    /// Nothing yet. The sources are those of the workspace with this root.
    pub(super) fn new(root: &Path) -> Self {
        Events {
            root: root.to_owned(),
            all: Vec::new(),
            names: HashMap::new(),
            clients: 0,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Whether the last thing that the server did was to begin to wait.
    pub(super) fn is_waiting(&self) -> bool {
        self.all.last().is_some_and(|event| event.call == "wait")
    }

    /// Takes new lines of the trace, as of this step. Answers whether there were any.
    ///
    /// # Errors
    /// A line that is no event.
    pub(super) fn take(&mut self, lines: &[String], step: usize) -> io::Result<bool> {
        for line in lines {
            let line: Line = serde_json::from_str(line)?;
            let event = self.event(line, step);
            self.all.push(event);
        }
        Ok(!lines.is_empty())
    }

    pub(super) fn into_all(self) -> Vec<Event> {
        self.all
    }

    fn event(&mut self, traced: Line, step: usize) -> Event {
        let fd = traced.fd.map(|fd| self.name(&traced, fd));
        let is_done = traced.error.is_none();
        let moves = matches!(traced.call.as_str(), "recv" | "send") && is_done;
        let text = line_of(&self.root, &traced.file, traced.line).unwrap_or_default();
        Event {
            step,
            fd,
            bytes: traced.bytes.filter(|_| moves),
            ready: traced.ready.filter(|_| is_done),
            call: traced.call,
            handler: traced.handler,
            error: traced.error,
            file: traced.file,
            line: traced.line,
            text,
            times: 1,
        }
    }

    /// A socket is named when it is accepted. One that never was is the listener.
    fn name(&mut self, traced: &Line, fd: i64) -> String {
        if traced.call == "accept" && traced.error.is_none() {
            self.clients += 1;
            self.names.insert(fd, format!("client {}", self.clients));
        }
        let name = self.names.get(&fd).cloned();
        if traced.call == "close" {
            self.names.remove(&fd);
        }
        name.unwrap_or_else(|| "listener".to_owned())
    }
}
