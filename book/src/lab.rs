//! The lab, `book/lab`: a program of its own workspace that runs the four styles over the simulated
//! kernel. It's built from a copy of the crates that also contains the published bugs.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use bugs::published;
use common::cargo;

use crate::scenario::Scenario;
use crate::style::Style;
use crate::trace::LabTrace;
use crate::workspace::Workspace;

/// The profile that this program was built in. The lab shares crates with it that way.
const PROFILE: &str = if cfg!(debug_assertions) {
    "dev"
} else {
    "release"
};

/// The copy's folder, in the folder that cargo builds in, and the program.
const COPY: &str = "lab-with-bugs";

/// The lab's program, built.
#[derive(Debug)]
pub struct Lab {
    program: PathBuf,
    /// The root of the workspace, and that of the copy, whose files have the same lines.
    root: PathBuf,
    copy: PathBuf,
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
        let copy = make_copy(workspace)?;
        let manifest = copy.join("book/lab/Cargo.toml");
        let (target, manifest) = (
            workspace.target.to_string_lossy(),
            manifest.to_string_lossy(),
        );
        let mut arguments = vec!["--profile", profile, "--bin", COPY, "--target-dir", &target];
        arguments.extend(["--manifest-path", &manifest]);
        let programs = cargo::build(&mut workspace.cargo(), &arguments);
        let program = programs.context("book/lab")?.remove(COPY);
        Ok(Lab {
            program: program.context("book/lab makes no program")?,
            root: workspace.root.canonicalize()?,
            copy,
        })
    }

    /// What runs of the published bugs show, as JSON.
    ///
    /// # Errors
    /// The lab can't be run, or a bug's script isn't one.
    pub(crate) fn matrix(&self) -> Result<Vec<u8>> {
        let mut lab = Command::new(&self.program);
        let output = lab.arg("matrix").output().context("the lab")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(output.stdout)
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
        let trace: LabTrace = serde_json::from_slice(&output.stdout)?;
        Ok(trace.moved(&self.copy, &self.root))
    }
}

/// Makes or updates the copy of the crates. Returns its root.
fn make_copy(workspace: &Workspace) -> Result<PathBuf> {
    let copy = workspace.target.join(COPY);
    let table = published::read(&workspace.root).context(published::TABLE)?;
    let changes = published::changes(&table);
    bugs::make_copy(&workspace.root, &copy, &changes, &table).context(published::TABLE)?;
    Ok(copy.canonicalize()?)
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
