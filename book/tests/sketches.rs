//! The sketches in Python are Python.

mod support;

use std::process::Command;

use anyhow::{Result, ensure};
use book::workspace::files_under;

#[test]
fn every_python_sketch_compiles() -> Result<()> {
    let sketches = support::workspace()?.book().join("sketches");
    let scratch = tempfile::tempdir()?;
    let mut compile = Command::new("python3");
    compile.args(["-m", "py_compile"]);
    compile.args(files_under(&sketches, "py")?);
    compile.env("PYTHONPYCACHEPREFIX", scratch.path());
    let Ok(output) = compile.output() else {
        return Ok(()); // There is no python3, and nothing else needs one.
    };
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(())
}
