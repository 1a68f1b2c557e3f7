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
    cargo.args(["build", "--message-format=json-render-diagnostics"]);
    let output = cargo.args(arguments).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other("cargo build failed"));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    Ok(messages.lines().filter_map(program).collect())
}

/// The program that a message from cargo is about, if any.
fn program(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let file = message["executable"].as_str()?;
    Some((message["target"]["name"].as_str()?.to_owned(), file.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_name() {
        let built =
            r#"{"reason": "compiler-artifact", "target": {"name": "x"}, "executable": "/x"}"#;
        assert_eq!(program(built), Some(("x".to_owned(), "/x".into())));
        let library =
            r#"{"reason": "compiler-artifact", "target": {"name": "y"}, "executable": null}"#;
        assert_eq!(program(library), None);
        assert_eq!(program("warning: unused"), None);
    }
}
