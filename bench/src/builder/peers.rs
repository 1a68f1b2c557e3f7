//! The peers in other languages.

use std::fs;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Found, root};

/// The Python packages that the peers import.
const PYTHON_REQUIREMENTS: &str = "bench/peers/python/requirements.txt";

/// How often this process has compiled, for the names of new files.
static COMPILED: AtomicU64 = AtomicU64::new(0);

/// Compiles a C source.
pub(super) fn c(source: &str, file: &Path) -> Found {
    let mut compile = Command::new("cc");
    compile.args(["-O2", source]).current_dir(root());
    compiled(compile, file, "cc", "apt install gcc")
}

/// Compiles a Go program.
pub(super) fn go(folder: &str, file: &Path) -> Found {
    let mut compile = Command::new("go");
    compile.arg("build").current_dir(root().join(folder));
    compiled(compile, file, "go", "apt install golang")
}

/// Compiles to `file`. Another process can compile and start the same program meanwhile, so the old file
/// stays in its place until the new one is complete.
fn compiled(mut compile: Command, file: &Path, compiler: &str, install: &str) -> Found {
    let folder = file.parent().unwrap_or(file);
    let number = COMPILED.fetch_add(1, Ordering::Relaxed);
    let new = file.with_extension(format!("{}-{number}", process::id()));
    let status = fs::create_dir_all(folder).and_then(|()| compile.arg("-o").arg(&new).status());
    match status {
        Ok(status) if status.success() => match fs::rename(&new, file) {
            Ok(()) => Ok((file.to_owned(), vec![file.as_os_str().to_owned()])),
            Err(error) => Err((format!("{}: {error}", file.display()), None)),
        },
        Ok(status) => Err((
            format!("{compiler} failed: {status}"),
            Some(install.to_owned()),
        )),
        Err(_) => Err((format!("no {compiler}"), Some(install.to_owned()))),
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
                return Err((format!("no Python module {module}"), Some(install)));
            }
            Err(_) => break,
        }
    }
    let version = Command::new(interpreter).arg("--version").output();
    if version.is_err() {
        return Err((
            format!("no {interpreter}"),
            Some("apt install python3".to_owned()),
        ));
    }
    let file = root().join(script);
    let words = vec![interpreter.into(), file.clone().into_os_string()];
    Ok((file, words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    #[test]
    fn a_program_can_be_started_while_it_is_compiled_again() -> io::Result<()> {
        if Command::new("cc").arg("--version").output().is_err() {
            return Ok(());
        }
        let folder = std::env::temp_dir().join(format!("echo-peers-{}", process::id()));
        let file = folder.join("c-select");
        let compile = || c("bench/peers/c/select.c", &file).map_err(|(lacks, _)| lacks);
        assert!(compile().is_ok());
        thread::scope(|scope| {
            let again = scope.spawn(compile);
            while !again.is_finished() {
                let mode = fs::metadata(&file)?.permissions().mode();
                assert_eq!(mode & 0o111, 0o111, "it can't be started");
            }
            assert!(again.join().is_ok_and(|found| found.is_ok()));
            Ok::<_, io::Error>(())
        })?;
        assert_eq!(fs::read_dir(&folder)?.count(), 1);
        fs::remove_dir_all(folder)
    }
}
