//! The peers in other languages.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Found, root};

/// The Python packages that the peers import.
const PYTHON_REQUIREMENTS: &str = "bench/peers/python/requirements.txt";

/// Compiles a C source.
pub(super) fn c(source: &str, file: &Path) -> Found {
    let mut compile = Command::new("cc");
    compile.args(["-O2", "-o"]).arg(file).arg(source);
    compiled(compile, file, "cc", "apt install gcc")
}

/// Compiles a Go program.
pub(super) fn go(folder: &str, file: &Path) -> Found {
    let mut compile = Command::new("go");
    compile.args(["build", "-o"]).arg(file).arg(".");
    compile.current_dir(root().join(folder));
    compiled(compile, file, "go", "apt install golang")
}

fn compiled(mut compile: Command, file: &Path, compiler: &str, install: &str) -> Found {
    if compile.get_current_dir().is_none() {
        compile.current_dir(root());
    }
    let folder = file.parent().unwrap_or(file);
    let status = fs::create_dir_all(folder).and_then(|()| compile.status());
    match status {
        Ok(status) if status.success() => Ok((file.to_owned(), vec![file.as_os_str().to_owned()])),
        Ok(status) => Err((format!("{compiler} failed: {status}"), install.to_owned())),
        Err(_) => Err((format!("no {compiler}"), install.to_owned())),
    }
}

/// Finds a Python script's modules.
pub(super) fn python(script: &str, modules: &[&str], packages: &Path) -> Found {
    let interpreter = "python3";
    for module in modules {
        let mut import = Command::new(interpreter);
        import
            .args(["-W", "ignore", "-c", &format!("import {module}")])
            .env("PYTHONPATH", packages)
            .stderr(Stdio::null());
        match import.status() {
            Ok(status) if status.success() => {}
            Ok(_) => {
                // One command for all of them: pip skips what is already there.
                let install = format!(
                    "{interpreter} -m pip install --upgrade --target {} -r {}",
                    packages.display(),
                    root().join(PYTHON_REQUIREMENTS).display()
                );
                return Err((format!("no Python module {module}"), install));
            }
            Err(_) => break,
        }
    }
    let version = Command::new(interpreter).arg("--version").output();
    if version.is_err() {
        return Err((
            format!("no {interpreter}"),
            "apt install python3".to_owned(),
        ));
    }
    let file = root().join(script);
    let words = vec![interpreter.into(), file.clone().into_os_string()];
    Ok((file, words))
}
