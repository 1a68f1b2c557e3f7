//! A writer that never blocks its caller.
//!
//! The reader of a log can be a full pipe, a terminal that isn't being read, or a disk that
//! hangs. A loop that writes to it blocks in write(2), and then it serves no client. So if the
//! file might not take a line at once, the line goes into a bounded buffer, and a thread writes it.
//!
//! The thread starts when it is first needed, and usually it never is. A process with one thread
//! makes cheaper calls: with a second one, glibc 2.36 adds 60 instructions to each recv and send,
//! because they are cancellation points. `cargo run --release -p bench --bin counts` shows it.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::libc::PIPE_BUF;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};
use tracing::warn;

use crate::output::write_whole;

/// Writes whole lines to a file without blocking. It drops and counts lines that don't fit into
/// its buffer. Clones share the file.
#[derive(Debug, Clone)]
pub struct BackgroundWriter(Arc<SharedFile>);

#[derive(Debug)]
struct SharedFile {
    /// The file's name in messages.
    name: String,
    kind: FileKind,
    state: Mutex<State>,
    /// Notified when a line arrives, and when the thread has finished a write.
    changed: Condvar,
    /// The size of the buffer in bytes.
    capacity: usize,
    /// Makes the line that replaces dropped ones, with its line end.
    note: fn(u64) -> String,
}

struct State {
    /// The file, until the thread takes it.
    file: Option<Box<dyn Output>>,
    waiting: Vec<u8>,
    /// Whether the thread is writing what it took from `waiting`.
    is_writing: bool,
    /// Lines dropped since the last one that fit.
    dropped: u64,
    /// Why nothing more can be written.
    error: Option<io::Error>,
}

/// A file, a pipe, a terminal.
pub trait Output: Write + AsFd + Send {}

impl<F: Write + AsFd + Send> Output for F {}

impl BackgroundWriter {
    /// Writes to `file`, which messages call `name`. At most `capacity` bytes wait for it. In place
    /// of dropped lines, it writes the line that `note` makes from their number.
    pub fn new(
        name: impl Into<String>,
        file: impl Output + 'static,
        capacity: usize,
        note: fn(u64) -> String,
    ) -> Self {
        BackgroundWriter(Arc::new(SharedFile {
            name: name.into(),
            kind: FileKind::of(&file),
            state: Mutex::new(State {
                file: Some(Box::new(file)),
                waiting: Vec::new(),
                is_writing: false,
                dropped: 0,
                error: None,
            }),
            changed: Condvar::new(),
            capacity,
            note,
        }))
    }

    /// Writes a line, which includes its line end, or passes it to the thread. Drops the line if
    /// the buffer is full.
    pub fn add(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.error.is_some() {
            return;
        }
        match &mut state.file {
            Some(file) if self.0.kind.takes_at_once(&**file, line.len()) => {
                let error = write_whole(file, line).err();
                state.error = error;
                if let Some(error) = &state.error {
                    let error = self.0.failed(error);
                    drop(state);
                    warn!("{error}"); // In the log, unless the log itself failed.
                }
                return;
            }
            Some(_) => {
                self.start_thread(&mut state);
                if state.error.is_some() {
                    return; // Nothing will ever be written, so don't keep the line.
                }
            }
            None => {}
        }
        let mut note = String::new();
        if state.dropped > 0 {
            note = (self.0.note)(state.dropped);
        }
        if state.waiting.len() + note.len() + line.len() > self.0.capacity {
            state.dropped += 1;
            return;
        }
        state.dropped = 0;
        state.waiting.extend_from_slice(note.as_bytes());
        state.waiting.extend_from_slice(line);
        drop(state);
        self.0.changed.notify_all();
    }

    /// Waits until all lines are written, but at most for `limit`.
    ///
    /// # Errors
    /// A line was not written: write(2) failed, the buffer stayed full, or the file took no more
    /// within `limit` (`TimedOut`).
    pub fn finish(&self, limit: Duration) -> io::Result<()> {
        let is_busy = |state: &mut State| !state.waiting.is_empty() || state.is_writing;
        let shared = &self.0;
        let (state, timeout) = shared
            .changed
            .wait_timeout_while(shared.lock(), limit, is_busy)
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &state.error {
            return Err(shared.failed(error));
        }
        if timeout.timed_out() {
            return Err(shared.failed(&io::ErrorKind::TimedOut.into()));
        }
        match state.dropped {
            0 => Ok(()),
            dropped => Err(shared.failed(&io::Error::other((shared.note)(dropped).trim_end()))),
        }
    }

    /// Hands the file to a thread.
    fn start_thread(&self, state: &mut State) {
        let Some(mut file) = state.file.take() else {
            return;
        };
        state.waiting.reserve_exact(self.0.capacity);
        let shared = Arc::clone(&self.0);
        let started = thread::Builder::new()
            .name("writer".into())
            .stack_size(128 * 1024)
            .spawn(move || shared.write_all_to(&mut file));
        state.error = started.err();
    }
}

impl SharedFile {
    /// The thread's loop: takes all that waits, writes it, and waits for more.
    fn write_all_to(&self, file: &mut Box<dyn Output>) {
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
            let error = write_whole(file, &taken).err();
            taken.clear();
            let message = error.as_ref().map(|error| self.failed(error));
            let mut state = self.lock();
            state.is_writing = false;
            state.error = error;
            if state.error.is_some() {
                state.waiting.clear();
            }
            drop(state);
            self.changed.notify_all();
            if let Some(message) = message {
                warn!("{message}"); // In the log, unless the log itself failed.
                return;
            }
        }
    }

    fn failed(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("cannot write {}: {error}", self.name))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much a file takes without blocking.
#[derive(Debug, Clone, Copy)]
enum FileKind {
    /// All of it: a file on a disk, or /dev/null.
    Disk,
    /// PIPE_BUF bytes if it polls as writable (pipe(7)).
    Pipe,
    /// Unknown: a terminal or a socket that polls as writable can take a part of a line and
    /// block on the rest.
    Other,
}

impl FileKind {
    fn of(file: &(impl AsFd + ?Sized)) -> Self {
        let mode = fstat(file.as_fd()).map_or(0, |status| status.st_mode);
        match SFlag::from_bits_truncate(mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => FileKind::Disk,
            SFlag::S_IFCHR if !file.as_fd().is_terminal() => FileKind::Disk,
            SFlag::S_IFIFO => FileKind::Pipe,
            _ => FileKind::Other,
        }
    }

    /// Whether a write of `length` bytes surely doesn't block.
    fn takes_at_once(self, file: &(impl AsFd + ?Sized), length: usize) -> bool {
        match self {
            FileKind::Disk => true,
            FileKind::Pipe => {
                let mut waiting = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
                length <= PIPE_BUF && poll(&mut waiting, PollTimeout::ZERO) == Ok(1)
            }
            FileKind::Other => false,
        }
    }
}

/// Each call takes one whole line: `tracing_subscriber` writes them that way.
impl Write for BackgroundWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("dropped", &self.dropped)
            .field("error", &self.error)
            .finish_non_exhaustive()
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
        let writer = BackgroundWriter::new("the socket", there, 1000, note);
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
        let writer = BackgroundWriter::new("the socket", there, 10_000, note);
        // More than any socket buffer holds: `add` would block forever if it wrote.
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..10_000 {
            writer.add(line.as_bytes());
        }
        assert!(writer.finish(Duration::ZERO).is_err());
        let mut lines = BufReader::new(here).lines();
        let (mut written, mut dropped) = (0, 0);
        while written + dropped < 10_000 {
            // A note precedes the first line that fits again.
            writer.add(b"short\n");
            let line = lines.next().transpose()?.unwrap_or_default();
            match line.strip_prefix('(') {
                Some(note) => {
                    let count = note.trim_end_matches(" dropped)").parse::<u64>();
                    dropped += count.map_err(io::Error::other)?;
                }
                None => written += u64::from(line.len() == 999),
            }
        }
        assert!(dropped > 1000, "{dropped} lines were dropped");
        Ok(())
    }

    #[test]
    fn a_reader_that_has_gone_is_an_error_at_the_end_only() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        drop(here);
        let writer = BackgroundWriter::new("the socket", there, 1000, note);
        writer.add(b"one\n");
        let error = writer.finish(LIMIT).expect_err("the reader has gone");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        writer.add(b"two\n");
        Ok(())
    }

    #[test]
    fn a_file_that_does_not_block_is_waited_for() -> io::Result<()> {
        let (here, there) = UnixStream::pair()?;
        there.set_nonblocking(true)?;
        let writer = BackgroundWriter::new(
            "the socket",
            File::from(OwnedFd::from(there)),
            4 << 20,
            note,
        );
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
