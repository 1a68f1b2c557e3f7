//! The lab, `book/lab`: a program of its own workspace that runs the four styles over the simulated
//! kernel. It's built from a copy of the crates that also contains the published bugs.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use bugs::published;
use common::cargo;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::limited::{self, Finished, Limit};
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

/// The copy's folder, in the folder that cargo builds in, and the program.
const COPY: &str = "lab-with-bugs";

const MANIFEST: &str = "book/lab/Cargo.toml";

/// The target for pages.
const WEB: &str = "wasm32-wasip1";

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
        Ok(Lab {
            program: build(workspace, &copy, &["--profile", profile])?,
            root: workspace.root.canonicalize()?,
            copy,
        })
    }

    /// Runs `lab run` with these arguments, on a script.
    ///
    /// # Errors
    /// Those of [`limited::run`].
    pub(crate) fn run(
        &self,
        arguments: &[String],
        script: &str,
        limit: Limit<'_>,
    ) -> io::Result<Finished> {
        let mut lab = Command::new(&self.program);
        limited::run(lab.arg("run").args(arguments), script.as_bytes(), limit)
    }

    /// The published bugs, and what runs of them show.
    ///
    /// # Errors
    /// The lab can't be run, or a bug's script isn't one.
    pub(crate) fn matrix<T: DeserializeOwned>(&self) -> Result<T> {
        self.output(&["matrix".to_owned()], "")
    }

    /// Plays a scenario on a server, with the options of a style.
    ///
    /// # Errors
    /// The lab can't be run, or refuses the script or its options.
    pub(crate) fn play(&self, scenario: &Scenario, server: &str, style: Style) -> Result<LabTrace> {
        let mut arguments = vec!["trace".to_owned(), "--style".to_owned(), server.to_owned()];
        arguments.extend(scenario.options(style));
        let trace: LabTrace = self.output(&arguments, scenario.script())?;
        Ok(trace.moved(&self.copy, &self.root))
    }

    /// Runs a script on several servers, with the same options. Returns the result as `lab run` prints it.
    ///
    /// # Errors
    /// As [`Lab::play`].
    pub(crate) fn result(
        &self,
        servers: &[&str],
        options: &[String],
        script: &str,
    ) -> Result<Value> {
        let servers = servers.iter().map(|server| format!("--server={server}"));
        let arguments = [String::from("run")].into_iter().chain(servers);
        let arguments: Vec<String> = arguments.chain(options.iter().cloned()).collect();
        self.output(&arguments, script)
    }

    fn output<T: DeserializeOwned>(&self, arguments: &[String], script: &str) -> Result<T> {
        let mut lab = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("the lab")?;
        // It reads the script to its end before it prints anything.
        let mut input = lab.stdin.take();
        let written = input
            .as_mut()
            .map(|input| input.write_all(script.as_bytes()));
        drop(input);
        let output = lab.wait_with_output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        written.transpose().context("the lab's input")?;
        Ok(serde_json::from_slice(&output.stdout)?)
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

/// Builds the program from the copy. Returns its path.
fn build(workspace: &Workspace, copy: &Path, arguments: &[&str]) -> Result<PathBuf> {
    let (target, manifest) = (workspace.target.to_string_lossy(), copy.join(MANIFEST));
    let manifest = manifest.to_string_lossy();
    let manifest = ["--manifest-path", &manifest, "--target-dir", &target];
    let arguments = [arguments, &manifest, &["--bin", COPY]].concat();
    let programs = cargo::build(&mut workspace.cargo(), &arguments);
    let program = programs.context("book/lab")?.remove(COPY);
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
        true => {
            let copy = make_copy(workspace)?;
            build(workspace, &copy, &["--profile", "web", "--target", WEB]).map(Some)
        }
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
        // The simulation makes these others than the workspace's, so they are built twice anyway.
        let own = ["common", "lab"];
        for (package, setting) in &lab.1 {
            let is_shared = !own.contains(&package.as_str());
            assert!(
                !is_shared || Some(setting) == workspace.1.get(package),
                "{package}"
            );
        }
    }
}
