//! The messages of the serving program on standard error.

use std::collections::BTreeSet;
use std::fmt::Arguments;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::background_writer::BackgroundWriter;

use crate::problem::Problem;

/// Most bytes that wait for a slow reader.
const CAPACITY: usize = 64 * 1024;

/// How long the program waits for a slow reader at its end.
const READER_LIMIT: Duration = Duration::from_millis(100);

/// Prints lines to standard error, and never blocks on its reader.
pub struct Notices {
    writer: BackgroundWriter,
    warned: Mutex<BTreeSet<String>>,
}

impl Notices {
    pub fn new() -> Self {
        let dropped = |count| format!("({count} lines were dropped here)\n");
        Notices {
            writer: BackgroundWriter::new("messages", io::stderr(), CAPACITY, dropped),
            warned: Mutex::default(),
        }
    }

    /// Prints a line.
    pub fn add(&self, line: Arguments<'_>) {
        self.writer.add(format!("{line}\n").as_bytes());
    }

    /// Prints a line, but only the first time.
    pub fn warn(&self, line: String) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if !warned.contains(&line) {
            self.add(format_args!("{line}"));
            warned.insert(line);
        }
    }

    /// Prints the book's problems.
    pub fn add_problems(&self, problems: &[Problem]) {
        for problem in problems {
            self.add(format_args!("{problem}"));
        }
    }

    /// Waits a moment for the reader of the last lines.
    pub fn finish(&self) {
        // A reader that has gone or doesn't read misses them.
        let _ = self.writer.finish(READER_LIMIT);
    }
}
