//! Builds programs with cargo.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs `cargo build` with these arguments. Returns the paths of the programs, new or up to date,
/// by name. Cargo writes its messages to standard error.
///
/// # Errors
/// Cargo can't be run, or it fails.
pub fn build(cargo: &mut Command, arguments: &[&str]) -> io::Result<HashMap<String, PathBuf>> {
    let output = prepare_build(cargo, arguments).output()?;
    if !output.status.success() {
        return Err(io::Error::other("cargo build failed"));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let artifacts = messages.lines().filter_map(Artifact::parse);
    let programs = artifacts.filter_map(|artifact| Some((artifact.name, artifact.program?)));
    Ok(programs.collect())
}

/// Makes this command a `cargo build` that prints a line for each [`Artifact`].
pub fn prepare_build<'cargo>(
    cargo: &'cargo mut Command,
    arguments: &[&str],
) -> &'cargo mut Command {
    cargo.args(["build", "--message-format=json-render-diagnostics"]);
    cargo.args(arguments).stderr(Stdio::inherit())
}

/// A part of a build that cargo has finished: a library, a program, or a build script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The target's name in its manifest, such as `echo-client`.
    pub name: String,
    /// The path of the program, if it is one.
    pub program: Option<PathBuf>,
    /// Whether it was up to date already.
    pub is_fresh: bool,
}

impl Artifact {
    /// Reads a message of cargo. Most are about an artifact.
    pub fn parse(message: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(message).ok()?;
        if message["reason"] != "compiler-artifact" {
            return None;
        }
        Some(Artifact {
            name: message["target"]["name"].as_str()?.to_owned(),
            program: message["executable"].as_str().map(PathBuf::from),
            is_fresh: message["fresh"] == true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_has_a_name_and_may_be_a_program() {
        let artifact = |name: &str, program: Option<&str>, is_fresh| {
            let (name, program) = (name.to_owned(), program.map(PathBuf::from));
            Some(Artifact {
                name,
                program,
                is_fresh,
            })
        };
        let built = r#"{"reason": "compiler-artifact", "target": {"name": "x"}, "executable": "/x", "fresh": false}"#;
        assert_eq!(Artifact::parse(built), artifact("x", Some("/x"), false));
        let library = r#"{"reason": "compiler-artifact", "target": {"name": "y"}, "executable": null, "fresh": true}"#;
        assert_eq!(Artifact::parse(library), artifact("y", None, true));
        let other = r#"{"reason": "build-script-executed", "target": {"name": "y"}}"#;
        assert_eq!(Artifact::parse(other), None);
        assert_eq!(Artifact::parse("warning: unused"), None);
    }
}
