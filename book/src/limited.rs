//! Runs a program with a limit for its time, and one for its output.

use std::io::{self, ErrorKind, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Most bytes that a program can print.
const MOST_OUTPUT: u64 = 64 * 1024 * 1024;

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

/// Runs a command with this input, to its end. After `limit` the program is ended (SIGTERM, then SIGKILL).
///
/// # Errors
/// The program can't be started, prints more than 64 MiB, or was ended: then the error's kind is
/// `TimedOut`.
pub fn run(command: &mut Command, input: &[u8], limit: Duration) -> io::Result<Finished> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (ended, end) = mpsc::channel();
    let (output, errors, in_time) = thread::scope(|scope| {
        // If the program doesn't read its input to the end, it says why on standard error.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        let errors = scope.spawn(move || read_all(stderr));
        let output = scope.spawn(move || {
            let output = read_all(stdout);
            let _ = ended.send(());
            output
        });
        let in_time = end.recv_timeout(limit).is_ok();
        if !in_time {
            // A program that has started others ends them first.
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
            if end.recv_timeout(END_LIMIT).is_err() {
                let _ = child.kill();
            }
        }
        (output.join(), errors.join(), in_time)
    });
    let status = child.wait()?;
    if !in_time {
        return Err(ErrorKind::TimedOut.into());
    }
    let panicked = || io::Error::other("a thread has panicked");
    Ok(Finished {
        status,
        output: output.map_err(|_| panicked())??,
        errors: errors.map_err(|_| panicked())??,
    })
}

fn read_all(from: Option<impl Read>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(MOST_OUTPUT + 1).read_to_end(&mut bytes)?;
    }
    match bytes.len() as u64 > MOST_OUTPUT {
        true => Err(io::Error::other(format!(
            "it prints more than {MOST_OUTPUT} bytes"
        ))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_gets_its_input_and_is_killed_after_its_time() -> io::Result<()> {
        let long = Duration::from_secs(60);
        let input = vec![b'x'; 1_000_000];
        let finished = run(&mut shell("cat; echo why >&2; exit 3"), &input, long)?;
        assert_eq!(finished.output, input);
        assert_eq!(
            (finished.status.code(), &*finished.errors),
            (Some(3), &b"why\n"[..])
        );
        assert!(run(&mut shell("exit 0"), &input, long)?.status.success());
        let error = run(&mut shell("exec sleep 100"), b"", Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        Ok(())
    }

    #[test]
    fn a_program_cannot_print_without_end() {
        let error = run(
            &mut shell("exec cat /dev/zero"),
            b"",
            Duration::from_secs(60),
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "it prints more than 67108864 bytes");
    }
}
