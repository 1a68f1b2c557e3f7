//! Programs of this workspace that are built with and without a feature.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::client::program::Program;

use super::{Found, PYTHON_PACKAGES, Profile, cargo, cargo_build, target_folder};
use crate::candidate::{Candidate, Made};

/// Builds these candidates, and copies each program to the peers, since a build without the
/// feature has the same place. The tests build nothing more, so they leave these candidates out.
/// Returns the programs by candidate.
pub(super) fn build(
    candidates: &[&'static Candidate],
    profile: Profile,
) -> io::Result<HashMap<String, PathBuf>> {
    let mut built = HashMap::new();
    if profile == Profile::Dev {
        return Ok(built);
    }
    for candidate in candidates {
        if let Made::Cargo {
            package,
            program,
            feature: Some(feature),
            ..
        } = candidate.made
            && candidate.is_variant()
        {
            let chosen = ["--package", package, "--bin", program, "--features"];
            let programs = cargo_build(profile, &[&chosen[..], &[feature]].concat())?;
            let packages = target_folder(&programs, None)?.join(PYTHON_PACKAGES);
            let copy = packages.with_file_name(candidate.name);
            let (file, _) = cargo(&programs, program, &[]).map_err(|it| io::Error::other(it.0))?;
            fs::create_dir_all(packages.parent().unwrap_or(&packages))?;
            fs::copy(file, &copy)?;
            built.insert(candidate.name.to_owned(), copy);
        }
    }
    Ok(built)
}

/// The program of a candidate, if it starts: the system can lack or forbid what it needs.
pub(super) fn find(built: &HashMap<String, PathBuf>, name: &str, arguments: &[&str]) -> Found {
    let (file, words) = cargo(built, name, arguments)?;
    let mut command = Command::new(&file);
    command.args(arguments).args(["--port", "0", "-q"]);
    match Program::start(command.stderr(Stdio::null())).and_then(Program::stop) {
        Ok(_) => Ok((file, words)),
        Err(_) => Err((
            "io_uring is missing or forbidden here (it needs Linux 6.1)".to_owned(),
            None,
        )),
    }
}
