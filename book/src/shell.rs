//! A shell that runs one command after the other.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// How long a command can take: long enough for a whole run of the checker.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// How long programs that are still running can take to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// What the shell prints at the end of a command.
const END: &str = "=== the command is over ===";

/// A running `sh`. Dropping it ends all programs that it has started.
pub struct Shell {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Shell {
    /// Starts a shell in the root, which finds the programs of a folder, and the examples below it, by
    /// name.
    ///
    /// # Errors
    /// The shell can't be started.
    pub fn start(workspace: &Workspace, programs: &Path) -> Result<Self> {
        let others = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(
            [programs.to_owned(), programs.join("examples")]
                .into_iter()
                .chain(env::split_paths(&others)),
        )?;
        let mut process = workspace
            .command("sh")
            .env("PATH", path)
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let output = process.stdout.take().context("no output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let input = process.stdin.take();
        let mut shell = Shell {
            process,
            input,
            lines,
        };
        shell.write("exec 2>&1; trap 'kill $(jobs -p) 2>/dev/null' EXIT")?;
        Ok(shell)
    }

    /// Runs the command. Returns what it printed until its end and, if it continues in the background,
    /// until a line that begins with `until`.
    ///
    /// # Errors
    /// The command takes too long, or it ends the shell.
    pub fn run(&mut self, command: &str, until: Option<&str>) -> Result<Vec<String>> {
        self.write(&format!("{{ {command}\n}} </dev/null; echo '{END}'"))?;
        let deadline = Instant::now() + TIME_LIMIT;
        let (mut printed, mut is_over, mut is_seen) = (Vec::new(), false, until.is_none());
        while !(is_over && is_seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                bail!("it did not end; it has printed: {}", printed.join("\n"));
            };
            let (text, end) = match line.strip_suffix(END) {
                Some(text) => (text.to_owned(), true),
                None => (line, false),
            };
            is_over |= end;
            is_seen |= until.is_some_and(|until| text.starts_with(until));
            if !(end && text.is_empty()) {
                printed.push(text);
            }
        }
        Ok(printed)
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let input = self.input.as_mut().context("the shell has ended")?;
        writeln!(input, "{text}").context("the shell has ended")
    }

    /// Kills all programs of the shell's process group.
    fn kill(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.input = None; // At the end of its input, the shell ends what it has started.
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        // The reading thread ends when no program is left that can print.
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.kill();
                    break;
                }
            }
        }
        let _ = self.process.wait();
    }
}
