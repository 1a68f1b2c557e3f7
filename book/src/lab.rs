//! The lab, `book/lab`: a program of its own workspace that runs the four styles over the simulated
//! kernel.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::scenario::Scenario;
use crate::style::Style;
use crate::trace::Run;
use crate::workspace::Workspace;

/// The profile that this program was built in. The lab shares crates with it that way.
const PROFILE: &str = if cfg!(debug_assertions) {
    "dev"
} else {
    "release"
};

/// What the lab doesn't share. For traces, optimising it would take some 20 seconds of two cores longer
/// and save nothing.
const OWN: [&str; 12] = [
    "lab",
    "common",
    "select-echo",
    "dispatcher-echo",
    "chat-echo",
    "reactor-echo",
    "nix",
    "serde_core",
    "serde_json",
    "tokio",
    "tracing",
    "tracing-subscriber",
];

/// The lab's program, built.
#[derive(Debug)]
pub struct Lab {
    program: PathBuf,
}

impl Lab {
    /// Builds it, which is quick when nothing has changed.
    ///
    /// # Errors
    /// Cargo can't be run, or fails. Its messages are on standard error.
    pub fn build(workspace: &Workspace) -> Result<Self> {
        let mut command = workspace.cargo();
        command.args(["build", "--profile", PROFILE]);
        for package in OWN {
            let setting = format!("profile.release.package.{package}.opt-level=0");
            command.args(["--config", &setting]);
        }
        Self::build_with(workspace, command)
    }

    /// Builds it, optimised.
    fn optimised(workspace: &Workspace) -> Result<Self> {
        let mut command = workspace.cargo();
        command.args(["build", "--release"]);
        Self::build_with(workspace, command)
    }

    fn build_with(workspace: &Workspace, mut command: Command) -> Result<Self> {
        command.args(["--bin", "lab"]);
        command.args(["--message-format", "json-render-diagnostics"]);
        command.args(["--manifest-path", "book/lab/Cargo.toml", "--target-dir"]);
        command.arg(&workspace.target);
        let output = command.stderr(Stdio::inherit()).output();
        let output = output.context("cargo, which builds the lab")?;
        ensure!(output.status.success(), "book/lab does not build");
        let made = String::from_utf8_lossy(&output.stdout);
        let made = made
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let mut programs =
            made.filter_map(|made: Value| made["executable"].as_str().map(PathBuf::from));
        Ok(Lab {
            program: programs.next().context("book/lab makes no program")?,
        })
    }

    /// Plays a scenario on a server.
    ///
    /// # Errors
    /// The lab can't be run, or refuses the script or its options.
    pub(crate) fn play(&self, scenario: &Scenario, style: Style) -> Result<Run> {
        let mut lab = Command::new(&self.program)
            .args(["trace", "--style", style.name()])
            .args(scenario.options(style))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("the lab")?;
        // It reads the script to its end before it prints anything.
        let written = lab.stdin.take().map(|mut input| {
            let script = scenario.script().as_bytes();
            input.write_all(script)
        });
        let output = lab.wait_with_output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        written.transpose().context("the lab's input")?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Builds the lab optimised, and runs `lab simulate`. Returns how that ended.
///
/// # Errors
/// As [`Lab::build`], and a lab that can't be run.
pub fn simulate(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitStatus> {
    let lab = Lab::optimised(workspace)?;
    let mut command = Command::new(&lab.program);
    let status = command.arg("simulate").args(arguments).status();
    status.context("the lab")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use toml::{Table, Value};

    fn parsed(workspace: &Workspace, path: &str) -> Table {
        workspace.read(path).unwrap().parse().unwrap()
    }

    fn versions(lock: &Table) -> BTreeSet<String> {
        let packages = lock["package"].as_array().unwrap().iter();
        let registered = packages.filter(|package| package.get("source").is_some());
        let named = registered.map(|package| format!("{} {}", package["name"], package["version"]));
        named.collect()
    }

    /// Without the settings of single packages. A profile that isn't there has none.
    fn profile(manifest: &Table, name: &str) -> Table {
        let profile = manifest.get("profile").and_then(|all| all.get(name));
        let mut profile = profile
            .and_then(Value::as_table)
            .cloned()
            .unwrap_or_default();
        profile.remove("package");
        profile
    }

    /// Cargo builds a crate once for both if nothing about it differs.
    #[test]
    fn the_lab_shares_its_crates_with_the_workspace() {
        let workspace = Workspace::here().unwrap();
        let versions = |path| versions(&parsed(&workspace, path));
        let (own, all) = (versions("book/lab/Cargo.lock"), versions("Cargo.lock"));
        let others: Vec<_> = own.difference(&all).collect();
        assert!(others.is_empty(), "{others:?}");
        for name in ["dev", "release"] {
            let profile = |path| profile(&parsed(&workspace, path), name);
            assert_eq!(
                profile("book/lab/Cargo.toml"),
                profile("Cargo.toml"),
                "{name}"
            );
        }
    }
}
