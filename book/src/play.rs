//! Plays a script on the real program of a server.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use common::cargo;

use crate::lab::PROFILE;
use crate::limited::{self, Finished, Limit};
use crate::style::Style;
use crate::workspace::Workspace;

/// `echo-client`, and the programs of all servers.
#[derive(Debug)]
pub struct PlayPrograms(HashMap<String, PathBuf>);

/// The packages of these programs.
const PACKAGES: [&str; 6] = [
    "common",
    "select-echo",
    "dispatcher-echo",
    "chat-echo",
    "reactor-echo",
    "steps",
];

/// The options of `lab run` that programs have, too, and the first step of the book that has each. The
/// programs' other options concern files and logs.
const OPTIONS: [(&str, usize); 7] = [
    ("--faults", 1),
    ("--recv-size", 4),
    ("--high-water", 4),
    ("--max-connections", 4),
    ("--idle-timeout", 5),
    ("--shutdown-timeout", 7),
    ("--max-line", 8),
];

impl PlayPrograms {
    /// Builds the programs, which is quick when nothing has changed.
    ///
    /// # Errors
    /// Cargo fails. Its messages are on standard error.
    pub fn build(workspace: &Workspace) -> io::Result<Self> {
        cargo::build(&mut workspace.cargo(), &Self::arguments()).map(PlayPrograms)
    }

    /// The arguments of `cargo build`.
    pub fn arguments() -> Vec<&'static str> {
        let packages = PACKAGES.iter().flat_map(|package| ["-p", package]);
        let arguments = ["--profile", PROFILE, "--bins"].into_iter().chain(packages);
        arguments.collect()
    }

    /// Programs that were built with [`arguments`](Self::arguments): their paths by their names.
    pub fn new(programs: HashMap<String, PathBuf>) -> Self {
        PlayPrograms(programs)
    }

    /// The checker, `echo-client`, as a command in the root of the workspace.
    pub fn checker(&self, workspace: &Workspace) -> Option<Command> {
        Some(workspace.command(self.0.get("echo-client")?))
    }

    /// Runs `echo-client play` on a script. `arguments` are those of `lab run`; the ones that the program
    /// doesn't have are left out.
    ///
    /// # Errors
    /// There is no such server, and those of [`limited::run`].
    pub fn play(
        &self,
        server: &str,
        arguments: &[String],
        script: &str,
        limit: Limit<'_>,
    ) -> io::Result<Finished> {
        let nobody = || io::Error::other(format!("there is no program of the server {server:?}"));
        let (program, choice, step) = program_of(server).ok_or_else(nobody)?;
        let built = |name: &str| self.0.get(name).ok_or_else(nobody);
        let mut command = Command::new(built("echo-client")?);
        command
            .args(["play", "--json", "-", "--"])
            .arg(built(program)?);
        command
            .args(choice)
            .arg("--quiet")
            .args(options(arguments, step));
        limited::run(&mut command, script.as_bytes(), limit)
    }
}

/// The program of a server, the arguments that choose the server, and the step whose options it has.
fn program_of(server: &str) -> Option<(&'static str, Vec<&str>, usize)> {
    match server {
        // The simulation has no tokio.
        "reactor" => return Some(("reactor-echo", vec!["--reactor", "mio"], 7)),
        "reactor-select" => return Some(("reactor-echo", vec!["--reactor", "select"], 7)),
        "first-dispatcher" | "first-chat" | "first-reactor" => {
            return Some(("steps", vec![server], 1));
        }
        _ => {}
    }
    if let Some(style) = Style::named(server) {
        let step = if style == Style::Chat { 8 } else { 7 };
        return Some((style.program(), Vec::new(), step));
    }
    let number = server.strip_prefix("step-")?;
    let step = number.parse().ok().filter(|step| (1..=8).contains(step))?;
    Some(("steps", vec![number], step))
}

/// Those of the arguments that a server with the options of this step has.
fn options(arguments: &[String], step: usize) -> Vec<String> {
    let has = |name: &str| {
        OPTIONS
            .iter()
            .any(|(option, first)| *option == name && *first <= step)
    };
    let mut options = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.split_once('=') {
            Some((name, _)) if has(name) => options.push(argument.clone()),
            None if has(argument) => {
                let value = arguments.next().cloned().unwrap_or_default();
                options.push(format!("{argument}={value}"));
            }
            _ => {}
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_options_that_every_program_may_get_are_passed_on() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let given = "--recv-size 16 --trace x --seed=3 --high-water=32 --queued --faults 7 --recv-size --trace";
        let passed = "--recv-size=16 --high-water=32 --faults=7 --recv-size=--trace";
        assert_eq!(options(&words(given), 7), words(passed));
        assert_eq!(options(&words(given), 1), ["--faults=7"]);
    }

    #[test]
    fn a_server_has_a_program() {
        assert_eq!(program_of("chat"), Some(("chat-echo", vec![], 8)));
        assert_eq!(program_of("step-8"), Some(("steps", vec!["8"], 8)));
        for nobody in ["step-9", "step-", "step-1 --trace", "echo", ""] {
            assert_eq!(program_of(nobody), None);
        }
    }
}
