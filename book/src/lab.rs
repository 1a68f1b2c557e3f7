//! The lab, `book/lab`: a program of its own workspace that runs the four styles over the simulated
//! kernel.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use common::cargo;

use crate::limited::{self, Finished};
use crate::scenario::Scenario;
use crate::style::Style;
use crate::trace::LabTrace;
use crate::workspace::Workspace;

/// The profile that this program was built in. The lab shares crates with it that way.
pub(crate) const PROFILE: &str = if cfg!(debug_assertions) {
    "dev"
} else {
    "release"
};

const MANIFEST: &str = "book/lab/Cargo.toml";

/// The target for pages.
const WEB: &str = "wasm32-wasip1";

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
        Self::build_in(workspace, PROFILE)
    }

    /// Builds it, optimised.
    fn optimised(workspace: &Workspace) -> Result<Self> {
        Self::build_in(workspace, "simulate")
    }

    fn build_in(workspace: &Workspace, profile: &str) -> Result<Self> {
        let program = build(workspace, &["--profile", profile])?;
        Ok(Lab { program })
    }

    /// Runs `lab run` with these arguments, on a script.
    ///
    /// # Errors
    /// Those of [`limited::run`].
    pub(crate) fn run(
        &self,
        arguments: &[String],
        script: &str,
        limit: Duration,
    ) -> io::Result<Finished> {
        let mut lab = Command::new(&self.program);
        limited::run(lab.arg("run").args(arguments), script.as_bytes(), limit)
    }

    /// Plays a scenario on a server, with the options of a style.
    ///
    /// # Errors
    /// The lab can't be run, or refuses the script or its options.
    pub(crate) fn play(&self, scenario: &Scenario, server: &str, style: Style) -> Result<LabTrace> {
        let mut lab = Command::new(&self.program)
            .args(["trace", "--style", server])
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

/// Builds the program. Returns its path.
fn build(workspace: &Workspace, arguments: &[&str]) -> Result<PathBuf> {
    let target = workspace.target.to_string_lossy();
    let manifest = ["--manifest-path", MANIFEST, "--target-dir", &target];
    let arguments = [arguments, &manifest, &["--bin", "lab"]].concat();
    let programs = cargo::build(&mut workspace.cargo(), &arguments);
    let program = programs.context("book/lab")?.remove("lab");
    program.context("book/lab makes no program")
}

/// Builds the program as WebAssembly. Returns the path of the module, or `None` if the toolchain has no such
/// target.
///
/// # Errors
/// The program doesn't build.
pub(crate) fn build_for_web(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut rustc = workspace.command(rustc);
    let output = rustc
        .args(["--print", "target-libdir", "--target", WEB])
        .output();
    // A rustc that doesn't know the target fails.
    let folder = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    let folder = String::from_utf8_lossy(&folder).trim().to_owned();
    let is_there = Path::new(&folder).is_dir() && workspace.root.join(MANIFEST).is_file();
    match is_there {
        true => build(workspace, &["--profile", "web", "--target", WEB]).map(Some),
        false => Ok(None),
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

    /// A profile, and its settings for single packages. Both are empty if the manifest has no such profile.
    fn profile(manifest: &Table, name: &str) -> (Table, Table) {
        let profile = manifest.get("profile").and_then(|all| all.get(name));
        let profile = profile.and_then(Value::as_table).cloned();
        let mut profile = profile.unwrap_or_default();
        let packages = profile.remove("package");
        let packages = packages.as_ref().and_then(Value::as_table).cloned();
        (profile, packages.unwrap_or_default())
    }

    /// Cargo builds a crate once for both if nothing about it differs: its version, and how it is
    /// built.
    #[test]
    fn the_lab_shares_its_crates_with_the_workspace() {
        let workspace = Workspace::here().unwrap();
        let manifests = ["book/lab/Cargo.toml", "Cargo.toml"].map(|path| parsed(&workspace, path));
        let versions = |path| versions(&parsed(&workspace, path));
        let (own, all) = (versions("book/lab/Cargo.lock"), versions("Cargo.lock"));
        let others: Vec<_> = own.difference(&all).collect();
        assert!(others.is_empty(), "{others:?}");

        let [lab, workspace] = manifests
            .each_ref()
            .map(|manifest| profile(manifest, "dev"));
        assert_eq!(lab.0, workspace.0);
        assert_eq!(lab.1["*"], workspace.1["*"]);

        let [mut lab, workspace] = manifests.map(|manifest| profile(&manifest, "release"));
        assert_eq!(
            lab.0.remove("opt-level"),
            workspace.1["*"].get("opt-level").cloned()
        );
        assert_eq!(lab.0, workspace.0);
        for (package, setting) in &lab.1 {
            assert_eq!(Some(setting), workspace.1.get(package), "{package}");
        }
    }
}
