//! The tools that count, and which of them this machine lacks.

use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};

use crate::builder::Ready;
use crate::candidate::Made;

/// The tools that are installed.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Whether strace exists and is allowed to trace.
    pub strace: bool,
    /// Whether valgrind exists.
    pub valgrind: bool,
    /// The Python interpreter itself: the name can be that of a script that chooses one.
    python: OsString,
}

/// A missing tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lacking {
    /// The tool's name.
    pub tool: &'static str,
    /// What can't be counted without it.
    pub counts: &'static str,
    /// The command that installs it.
    pub install: &'static str,
}

impl Tools {
    /// Searches for the tools, and tries them.
    pub fn find() -> Self {
        // Where a container forbids tracing, strace is installed but of no use.
        let strace = said("strace", &["-c", "-o", "/dev/stdout", "true"]);
        let valgrind = said("valgrind", &["--tool=callgrind", "--version"]);
        let python = said("python3", &["-c", "import sys; print(sys.executable)"]);
        Tools {
            strace: strace.is_some_and(|summary| summary.contains("total")),
            valgrind: valgrind.is_some(),
            python: python.map_or("python3".into(), |path| path.trim().into()),
        }
    }

    /// The missing tools.
    pub fn lacking(&self) -> Vec<Lacking> {
        let lacking = |there: bool, tool, counts, install| {
            (!there).then_some(Lacking {
                tool,
                counts,
                install,
            })
        };
        let all = [
            lacking(self.strace, "strace", "system calls", "apt install strace"),
            lacking(
                self.valgrind,
                "valgrind",
                "instructions",
                "apt install valgrind",
            ),
        ];
        all.into_iter().flatten().collect()
    }

    /// The command that starts a candidate under a tool, with these arguments of the tool.
    pub(super) fn command<S: AsRef<OsStr>>(
        &self,
        ready: &Ready,
        tool: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let server = ready.command();
        let program = match ready.candidate.made {
            Made::Python(..) => self.python.as_os_str(),
            _ => server.get_program(),
        };
        let mut command = Command::new(tool);
        command
            .args(arguments)
            .arg(program)
            .args(server.get_args())
            .stderr(Stdio::null());
        for (name, value) in server.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    }
}

/// The output of a program; `None` if there is no such program, or if it fails.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(said)
}
