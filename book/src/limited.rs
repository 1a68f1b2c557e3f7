//! Runs a program with a limit for its time, and one for its output.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollTimeout};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::polling::{readable, wait};

/// Most bytes that a program can print.
const MOST_OUTPUT: usize = 64 * 1024 * 1024;

/// How long to wait for a program's end after SIGTERM.
const END_LIMIT: Duration = Duration::from_secs(1);

/// How a program ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed to standard output.
    pub output: Vec<u8>,
    /// What it printed to standard error.
    pub errors: Vec<u8>,
}

/// For how long a program can run.
#[derive(Debug, Clone, Copy)]
pub struct Limit<'a> {
    /// The longest time.
    pub time: Duration,
    /// The connection that waits for the result. It has nothing more to say, so that there is something to
    /// read means that it has been closed: then no one waits.
    pub browser: BorrowedFd<'a>,
}

/// Runs a command with this input, to its end. At the limit the program is ended (SIGTERM, then SIGKILL).
///
/// # Errors
/// The program can't be started, prints more than 64 MiB, or was ended: then the error's kind is `TimedOut`,
/// or `ConnectionAborted` if no one waits for it.
pub fn run(command: &mut Command, input: &[u8], limit: Limit<'_>) -> io::Result<Finished> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut stdout = stdout.ok_or(ErrorKind::BrokenPipe)?;
    let (output, errors) = thread::scope(|scope| {
        // If the program doesn't read its input to the end, it says why on standard error.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        let errors = scope.spawn(move || {
            let mut bytes = Vec::new();
            let read = stderr.map(|stderr| stderr.take(MOST_OUTPUT as u64).read_to_end(&mut bytes));
            read.transpose().map(|_| bytes)
        });
        let output = read_all(&mut stdout, limit.time, Some(limit.browser));
        if output.is_err() {
            // A program that has started others ends them first.
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
            if read_all(&mut stdout, END_LIMIT, None).is_err() {
                let _ = child.kill();
            }
        }
        (output, errors.join())
    });
    let status = child.wait()?;
    Ok(Finished {
        status,
        output: output?,
        errors: errors.map_err(|_| io::Error::other("a thread has panicked"))??,
    })
}

/// Reads to the end, as long as `browser` is there.
fn read_all(
    from: &mut (impl Read + AsFd),
    limit: Duration,
    browser: Option<BorrowedFd<'_>>,
) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + limit;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while bytes.len() <= MOST_OUTPUT {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        let files = [Some(from.as_fd()), browser].into_iter().flatten();
        let mut files: Vec<_> = files.map(readable).collect();
        wait(
            &mut files,
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
        )?;
        let is_readable = |file: Option<&PollFd<'_>>| file.and_then(PollFd::any) == Some(true);
        if is_readable(files.get(1)) {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        if is_readable(files.first()) {
            match from.read(&mut buffer)? {
                0 => return Ok(bytes),
                count => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    }
    Err(io::Error::other(format!(
        "it prints more than {MOST_OUTPUT} bytes"
    )))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_gets_its_input_and_is_killed_after_its_time() -> io::Result<()> {
        let (browser, _other_end) = UnixStream::pair()?;
        let limit = |time| Limit {
            time,
            browser: browser.as_fd(),
        };
        let long = limit(Duration::from_secs(60));
        let input = vec![b'x'; 1_000_000];
        let finished = run(&mut shell("cat; echo why >&2; exit 3"), &input, long)?;
        assert_eq!(finished.output, input);
        assert_eq!(
            (finished.status.code(), &*finished.errors),
            (Some(3), &b"why\n"[..])
        );
        assert!(run(&mut shell("exit 0"), &input, long)?.status.success());
        let error = run(
            &mut shell("exec sleep 100"),
            b"",
            limit(Duration::from_millis(50)),
        )
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        Ok(())
    }

    #[test]
    fn a_program_is_killed_when_no_one_waits_for_it() -> io::Result<()> {
        let (browser, other_end) = UnixStream::pair()?;
        let limit = Limit {
            time: Duration::from_secs(60),
            browser: browser.as_fd(),
        };
        let started = Instant::now();
        drop(other_end);
        let error = run(&mut shell("exec sleep 60"), b"", limit).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        assert!(started.elapsed() < Duration::from_secs(30));
        Ok(())
    }

    #[test]
    fn a_program_cannot_print_without_end() -> io::Result<()> {
        let (browser, _other_end) = UnixStream::pair()?;
        let limit = Limit {
            time: Duration::from_secs(60),
            browser: browser.as_fd(),
        };
        let error = run(&mut shell("exec cat /dev/zero"), b"", limit).unwrap_err();
        assert_eq!(error.to_string(), "it prints more than 67108864 bytes");
        Ok(())
    }
}
