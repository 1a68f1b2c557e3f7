//! A program whose output a page gets line by line, as it comes.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::poll::PollTimeout;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::polling::{readable, wait};

/// The body of a response that comes in pieces.
pub trait Pieces: Send {
    /// The next piece. `None` is the end, which comes early if the browser closes the connection.
    fn next(&mut self, browser: BorrowedFd<'_>) -> Option<String>;
}

/// One of a limited number of things that are under way. Dropping it makes room for another.
#[derive(Debug)]
pub struct Slot(Arc<AtomicUsize>);

impl Slot {
    /// Takes one of `most` slots. `taken` counts them.
    ///
    /// # Errors
    /// All are taken. The error's kind is `ResourceBusy`.
    pub fn take(taken: &Arc<AtomicUsize>, most: usize) -> io::Result<Self> {
        let slot = Slot(Arc::clone(taken));
        match taken.fetch_add(1, Ordering::Relaxed) < most {
            true => Ok(slot),
            false => Err(io::ErrorKind::ResourceBusy.into()),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A program that is running. Dropping it ends it (SIGTERM), and what it has started in its process group.
#[derive(Debug)]
pub struct RunningProgram {
    program: Child,
    output: BufReader<ChildStdout>,
    errors: Option<ChildStderr>,
}

impl RunningProgram {
    /// Starts it, with nothing to read.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut program = command.process_group(0).spawn()?;
        let output = program.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(RunningProgram {
            output: BufReader::new(output),
            errors: program.stderr.take(),
            program,
        })
    }

    /// The next line of its output, without the line's end. `None` is the end of the output.
    ///
    /// # Errors
    /// The output can't be read, or isn't text. If `browser` has closed its connection, the error's kind is
    /// `ConnectionAborted`.
    pub fn line(&mut self, browser: Option<BorrowedFd<'_>>) -> io::Result<Option<String>> {
        if let (Some(browser), []) = (browser, self.output.buffer()) {
            let mut files = [self.output.get_ref().as_fd(), browser].map(readable);
            wait(&mut files, PollTimeout::NONE)?;
            // It has sent all that it has to say, so what there is to read is the end.
            if files[1].any() == Some(true) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => Ok(None),
            _ => Ok(Some(line.trim_end().to_owned())),
        }
    }

    /// Waits for its end. Returns its status, and what it wrote to standard error, if that is a pipe.
    ///
    /// # Errors
    /// The pipe can't be read, or contains no text.
    pub fn finish(&mut self) -> io::Result<(ExitStatus, String)> {
        let mut text = String::new();
        if let Some(mut errors) = self.errors.take() {
            errors.read_to_string(&mut text)?;
        }
        Ok((self.program.wait()?, text))
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        if !matches!(self.program.try_wait(), Ok(Some(_))) {
            let _ = killpg(
                Pid::from_raw(self.program.id().cast_signed()),
                Signal::SIGTERM,
            );
            let _ = self.program.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    fn shell(script: &str) -> io::Result<RunningProgram> {
        RunningProgram::start(
            Command::new("sh")
                .args(["-c", script])
                .stderr(Stdio::piped()),
        )
    }

    #[test]
    fn lines_come_until_the_end() -> io::Result<()> {
        let (browser, _other_end) = UnixStream::pair()?;
        let mut program = shell("echo one; echo two; echo why >&2; exit 3")?;
        assert_eq!(program.line(None)?.as_deref(), Some("one"));
        assert_eq!(program.line(Some(browser.as_fd()))?.as_deref(), Some("two"));
        assert_eq!(program.line(Some(browser.as_fd()))?, None);
        let (status, errors) = program.finish()?;
        assert_eq!((status.code(), &*errors), (Some(3), "why\n"));
        Ok(())
    }

    #[test]
    fn a_browser_that_goes_ends_the_program_and_what_it_has_started() -> io::Result<()> {
        let (browser, other_end) = UnixStream::pair()?;
        let mut program = shell("sleep 60 & echo $!; wait")?;
        let child = program.line(Some(browser.as_fd()))?.unwrap_or_default();
        let started = Instant::now();
        drop(other_end);
        let error = program.line(Some(browser.as_fd())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        drop(program);
        let child = Pid::from_raw(child.parse().map_err(io::Error::other)?);
        // It has got the signal, and ends soon.
        while nix::sys::signal::kill(child, None).is_ok() {
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "{child} is alive"
            );
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}
