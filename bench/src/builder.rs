//! Builds the candidates, and finds out which of them this machine lacks.

mod features;
mod peers;

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;
use common::comparison::Family;

use crate::candidate::{Candidate, Made};

/// Where Python packages are, in addition to the interpreter's own: below the target folder.
const PYTHON_PACKAGES: &str = "peers/python";

/// How cargo builds the servers that are written in Rust: one of the profiles in the root's
/// `Cargo.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Optimised across all crates, which takes minutes to build. All published figures use it.
    Measured,
    /// The profile of `cargo build --release`.
    Release,
    /// Not optimised: the profile of `cargo test`, so that the tests build nothing more.
    Dev,
}

impl Profile {
    /// Its name in cargo.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Measured => "measured",
            Profile::Release => "release",
            Profile::Dev => "dev",
        }
    }
}

/// A candidate that can be started.
#[derive(Debug)]
pub struct Ready {
    /// The candidate.
    pub candidate: &'static Candidate,
    /// The file that was built; for a script, the script.
    pub file: PathBuf,
    command: Vec<OsString>,
    packages: PathBuf,
}

impl Ready {
    /// The command that starts it: on loopback, on a port that the system picks, quiet.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .args(["--port", "0", "-q"])
            .env("PYTHONPATH", &self.packages)
            .stderr(Stdio::null());
        command
    }

    /// The command as a reader would type it, without the port.
    pub fn typed(&self) -> String {
        let target = self.packages.ancestors().nth(2).unwrap_or(&self.packages);
        let target = format!("{}/", target.display());
        let root = format!("{}/", root().display());
        let words = self.command.iter().map(|word| word.to_string_lossy());
        let words = words.map(|word| word.replace(&target, "target/").replace(&root, ""));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// A candidate that this machine lacks.
#[derive(Debug, Clone)]
pub struct Missing {
    /// The candidate.
    pub candidate: &'static Candidate,
    /// What the machine lacks.
    pub lacks: String,
    /// The command that installs it, if there is one.
    pub install: Option<String>,
}

/// The candidates that can be started, and those that can't.
#[derive(Debug, Default)]
pub struct Builder {
    /// Built and ready, in the requested order.
    pub ready: Vec<Ready>,
    /// Skipped, each with the reason.
    pub missing: Vec<Missing>,
}

impl Builder {
    /// Builds all of these that can be built here. cargo writes its messages to standard error.
    ///
    /// # Errors
    /// A program of this workspace doesn't build. A peer that doesn't build isn't an error: it is
    /// missing.
    pub fn open(
        candidates: impl IntoIterator<Item = &'static Candidate>,
        profile: Profile,
    ) -> io::Result<Self> {
        let candidates: Vec<_> = candidates.into_iter().collect();
        // First, since the default build of such a program has the same place.
        let separate = features::build(&candidates, profile)?;
        let programs = build(&candidates, profile)?;
        let asked_for = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let packages = target_folder(&programs, asked_for)?.join(PYTHON_PACKAGES);
        let mut builder = Builder::default();
        for candidate in candidates {
            let found = match &candidate.made {
                Made::Cargo { arguments, .. } if candidate.is_variant() => {
                    features::find(&separate, candidate.name, arguments)
                }
                Made::Cargo {
                    program, arguments, ..
                } => cargo(&programs, program, arguments),
                Made::C(source) => peers::c(source, &packages.with_file_name(candidate.name)),
                Made::Python(script, modules) => peers::python(script, modules, &packages),
                Made::Go(folder) => peers::go(folder, &packages.with_file_name(candidate.name)),
            };
            match found {
                Ok((file, command)) => builder.ready.push(Ready {
                    candidate,
                    file,
                    command,
                    packages: packages.clone(),
                }),
                Err((lacks, install)) => builder.missing.push(Missing {
                    candidate,
                    lacks,
                    install,
                }),
            }
        }
        Ok(builder)
    }

    /// The candidate of that name, if it is ready.
    pub fn get(&self, name: &str) -> Option<&Ready> {
        self.ready.iter().find(|ready| ready.candidate.name == name)
    }
}

/// The workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The file and the command that starts it, or what is missing and the command that installs it, if any.
type Found = Result<(PathBuf, Vec<OsString>), (String, Option<String>)>;

/// Builds the programs of this workspace in a profile. The four servers are built as their users
/// build them, and separately from the peers: otherwise cargo would build `common` with this crate's
/// features too. The tests use the programs that `cargo test` has built: for the examples, cargo takes
/// the same features as for tests.
fn build(candidates: &[&Candidate], profile: Profile) -> io::Result<HashMap<String, PathBuf>> {
    if profile == Profile::Dev {
        let mut programs = cargo_build(profile, &["--workspace", "--bins", "--examples"])?;
        let is_example = |file: &Path| file.parent().is_some_and(|it| it.ends_with("examples"));
        programs.retain(|_, file| !is_example(file));
        return Ok(programs);
    }
    let mut programs = HashMap::new();
    for family in [Family::Ours, Family::Rust] {
        let mut chosen = Vec::new();
        let of_family = candidates.iter().filter(|one| one.family == family);
        for candidate in of_family.filter(|one| !one.is_variant()) {
            let Made::Cargo {
                package,
                program,
                feature,
                ..
            } = candidate.made
            else {
                continue;
            };
            let one = ["--package", package, "--bin", program];
            match feature {
                Some(feature) => {
                    let one = [&one[..], &["--features", feature]].concat();
                    programs.extend(cargo_build(profile, &one)?);
                }
                None => chosen.extend(one),
            }
        }
        if !chosen.is_empty() {
            programs.extend(cargo_build(profile, &chosen)?);
        }
    }
    Ok(programs)
}

/// Runs in the current folder, so that a relative CARGO_TARGET_DIR means the same as to the user.
pub(crate) fn cargo_build(
    profile: Profile,
    chosen: &[&str],
) -> io::Result<HashMap<String, PathBuf>> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    let manifest = root().join("Cargo.toml");
    let manifest = manifest.to_string_lossy();
    let always = ["--locked", "--manifest-path", &manifest, "--profile"];
    let arguments = [&always[..], &[profile.name()], chosen].concat();
    common::cargo::build(&mut cargo, &arguments)
}

/// The folder that cargo builds into, as an absolute path: two levels above any program. Without a
/// program it is CARGO_TARGET_DIR, or cargo's own choice.
fn target_folder(
    programs: &HashMap<String, PathBuf>,
    asked_for: Option<PathBuf>,
) -> io::Result<PathBuf> {
    let folder = match programs.values().next() {
        Some(program) => program.ancestors().nth(2),
        None => return path::absolute(asked_for.unwrap_or_else(|| root().join("target"))),
    };
    folder
        .map(Path::to_owned)
        .ok_or_else(|| io::Error::other("cargo doesn't say where the programs are"))
}

fn cargo(programs: &HashMap<String, PathBuf>, program: &str, arguments: &[&str]) -> Found {
    let lacks = || {
        (
            format!("{program} was not built"),
            Some("cargo build".to_owned()),
        )
    };
    let file = programs.get(program).ok_or_else(lacks)?.clone();
    let words = std::iter::once(file.clone().into_os_string());
    let words = words.chain(arguments.iter().map(Into::into)).collect();
    Ok((file, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The compilers of the peers run in other folders, where a relative path means something else.
    #[test]
    fn a_relative_target_folder_becomes_absolute() -> io::Result<()> {
        let none = HashMap::new();
        let expected = env::current_dir()?.join("elsewhere");
        assert_eq!(target_folder(&none, Some("elsewhere".into()))?, expected);
        assert_eq!(target_folder(&none, None)?, root().join("target"));
        Ok(())
    }

    #[test]
    fn programs_that_were_built_show_the_target_folder() -> io::Result<()> {
        let program = PathBuf::from("/elsewhere/release/select-echo");
        let programs = HashMap::from([("select-echo".to_owned(), program)]);
        let folder = target_folder(&programs, Some("ignored".into()))?;
        assert_eq!(folder, Path::new("/elsewhere"));
        Ok(())
    }
}
