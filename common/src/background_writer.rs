//! A writer that never makes its caller wait.
//!
//! The reader of a log can be a pipe that is full, a terminal that nobody looks at, or a disk that
//! hangs. A loop that writes to it blocks in write(2), and then it serves nobody. So the loop only
//! copies its line into a bounded buffer, and a thread of its own writes that buffer out.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::warn;

use crate::output::write_whole;

/// Whole lines on their way to a file. What doesn't fit into the buffer is dropped and counted.
#[derive(Debug)]
pub struct BackgroundWriter {
    /// The file, as messages name it.
    name: String,
    state: Mutex<State>,
    /// Notified when a line arrives, and when the thread has written what it had taken.
    changed: Condvar,
    /// Most bytes that wait in the buffer.
    capacity: usize,
    /// The line that stands in for dropped ones, with its line end.
    note: fn(u64) -> String,
}

#[derive(Debug)]
struct State {
    waiting: Vec<u8>,
    /// The thread is writing what it has taken from `waiting`.
    is_writing: bool,
    /// Lines dropped since the last one that fitted.
    dropped: u64,
    /// Why nothing more can be written.
    error: Option<io::Error>,
}

impl BackgroundWriter {
    /// Starts the thread that writes to `file`. At most `capacity` bytes wait for it. Where lines
    /// were dropped, the line that `note` makes from their number is written instead.
    ///
    /// # Errors
    /// The system doesn't start one more thread (pthread_create(3), EAGAIN).
    pub fn start(
        name: impl Into<String>,
        file: impl Write + AsFd + Send + 'static,
        capacity: usize,
        note: fn(u64) -> String,
    ) -> io::Result<Arc<Self>> {
        let writer = Arc::new(BackgroundWriter {
            name: name.into(),
            state: Mutex::new(State {
                waiting: Vec::with_capacity(capacity),
                is_writing: false,
                dropped: 0,
                error: None,
            }),
            changed: Condvar::new(),
            capacity,
            note,
        });
        let taker = Arc::clone(&writer);
        thread::Builder::new()
            .name("writer".into())
            .stack_size(128 * 1024)
            .spawn(move || taker.write_all_to(file))
            .map_err(|error| writer.failed(&error))?;
        Ok(writer)
    }

    /// Adds a line, which includes its line end, or drops it if the buffer is full.
    pub fn add(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.error.is_some() {
            return;
        }
        let mut note = String::new();
        if state.dropped > 0 {
            note = (self.note)(state.dropped);
        }
        if state.waiting.len() + note.len() + line.len() > self.capacity {
            state.dropped += 1;
            return;
        }
        state.dropped = 0;
        state.waiting.extend_from_slice(note.as_bytes());
        state.waiting.extend_from_slice(line);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until all lines are written, but at most for `limit`.
    ///
    /// # Errors
    /// A line was not written: write(2) failed, the buffer was full to the end, or the file took no
    /// more within `limit` (`TimedOut`).
    pub fn finish(&self, limit: Duration) -> io::Result<()> {
        let is_busy = |state: &mut State| !state.waiting.is_empty() || state.is_writing;
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), limit, is_busy)
            .unwrap_or_else(PoisonError::into_inner);
        let (state, timeout) = waited;
        if let Some(error) = &state.error {
            return Err(self.failed(error));
        }
        if timeout.timed_out() {
            return Err(self.failed(&io::ErrorKind::TimedOut.into()));
        }
        match state.dropped {
            0 => Ok(()),
            dropped => Err(self.failed(&io::Error::other((self.note)(dropped).trim_end()))),
        }
    }

    fn failed(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("cannot write {}: {error}", self.name))
    }

    /// What the thread does: takes all that waits, writes it, and waits for more.
    fn write_all_to(&self, mut file: impl Write + AsFd) {
        let mut taken = Vec::with_capacity(self.capacity);
        loop {
            let is_idle = |state: &mut State| state.waiting.is_empty();
            let mut state = self
                .changed
                .wait_while(self.lock(), is_idle)
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut state.waiting, &mut taken);
            state.is_writing = true;
            drop(state);
            let written = write_whole(&mut file, &taken);
            taken.clear();
            let mut state = self.lock();
            state.is_writing = false;
            let error = written.err();
            if let Some(error) = &error {
                state.waiting.clear();
                state.error = Some(io::Error::new(error.kind(), error.to_string()));
            }
            drop(state);
            self.changed.notify_all();
            if let Some(error) = error {
                warn!("{}", self.failed(&error)); // In the log, unless it is the log that failed.
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one whole line with each call, as `tracing_subscriber` writes them.
impl Write for &BackgroundWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{BufRead, BufReader, Read};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    const LIMIT: Duration = Duration::from_secs(10);

    fn note(dropped: u64) -> String {
        format!("({dropped} dropped)\n")
    }

    #[test]
    fn lines_are_written_in_order() -> io::Result<()> {
        let (mut here, there) = UnixStream::pair()?;
        here.set_read_timeout(Some(LIMIT))?;
        let writer = BackgroundWriter::start("the socket", there, 1000, note)?;
        writer.add(b"one\n");
        writer.add(b"two\n");
        writer.finish(LIMIT)?;
        let mut text = [0; 8];
        here.read_exact(&mut text)?;
        assert_eq!(&text, b"one\ntwo\n");
        Ok(())
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_no_time() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        here.set_read_timeout(Some(LIMIT))?;
        let writer = BackgroundWriter::start("the socket", there, 10_000, note)?;
        // More than any socket buffer holds: `add` would block for ever if it wrote.
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..10_000 {
            writer.add(line.as_bytes());
        }
        assert!(writer.finish(Duration::ZERO).is_err());
        let mut lines = BufReader::new(here).lines();
        let mut dropped = None;
        while dropped.is_none() {
            // The first line that fits again is preceded by the note.
            writer.add(b"last\n");
            let line = lines.next().transpose()?.unwrap_or_default();
            dropped = line.strip_suffix(" dropped)").map(str::to_owned);
        }
        let count = dropped.unwrap_or_default();
        assert!(
            count
                .trim_start_matches('(')
                .parse::<u64>()
                .is_ok_and(|count| count > 1000),
            "{count}"
        );
        Ok(())
    }

    #[test]
    fn a_reader_that_has_gone_is_an_error_at_the_end_only() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        drop(here);
        let writer = BackgroundWriter::start("the socket", there, 1000, note)?;
        writer.add(b"one\n");
        let error = writer.finish(LIMIT).expect_err("nobody reads it");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        writer.add(b"two\n");
        Ok(())
    }

    #[test]
    fn a_file_that_does_not_block_is_waited_for() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        there.set_nonblocking(true)?;
        let writer = BackgroundWriter::start(
            "the socket",
            File::from(OwnedFd::from(there)),
            4 << 20,
            note,
        )?;
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..2000 {
            writer.add(line.as_bytes());
        }
        here.set_read_timeout(Some(LIMIT))?;
        let mut text = vec![0; 2_000_000];
        (&here).read_exact(&mut text)?;
        writer.finish(LIMIT)
    }
}
