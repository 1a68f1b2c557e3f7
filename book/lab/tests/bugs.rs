//! The table of published bugs fits the sources, and the compiler refuses what it says it refuses. That
//! each bug is found is checked when the book is built.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use bugs::published::{self, Bug};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Each bug with each style in which it has lines.
fn forms(bugs: &[Bug]) -> impl Iterator<Item = (&Bug, &'static str, &published::InStyle)> {
    let forms = bugs.iter().flat_map(|bug| {
        let styles = bug.styles.iter();
        styles.map(move |(style, form)| (bug, style, form))
    });
    forms.filter(|(.., form)| form.file.is_some())
}

#[test]
fn the_lines_of_each_bug_are_there_once() -> io::Result<()> {
    let bugs = published::read(&root())?;
    assert!(bugs.len() >= 12, "{}", bugs.len());
    for (bug, style, form) in forms(&bugs) {
        let change = bug.change(style).expect("it has a file");
        bugs::wrong_source(&root(), &change)?;
        let source = fs::read_to_string(root().join(&change.file))?;
        let line = source.lines().nth(form.line.expect("it has a line") - 1);
        let first = change.right.lines().next();
        let is_there = line
            .zip(first)
            .is_some_and(|(line, first)| line.contains(first));
        assert!(is_there, "{}: {line:?} of {}", bug.name, change.file);
    }
    Ok(())
}

#[test]
#[ignore = "type-checks a style for each of these bugs, which takes a minute"]
fn the_compiler_refuses_impossible_bugs_with_the_error_in_the_table() -> io::Result<()> {
    let bugs = published::read(&root())?;
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("refused");
    bugs::make_copy(&root(), &copy, &[], &[])?;
    let mut count = 0;
    for (bug, style, form) in forms(&bugs) {
        let Some(error) = &form.error else { continue };
        let change = bug.change(style).expect("it has a file");
        let file = copy.join(&change.file);
        let right = fs::read_to_string(&file)?;
        fs::write(&file, bugs::wrong_source(&root(), &change)?)?;
        let messages = check(&copy, &change.file)?;
        fs::write(&file, right)?;
        let is_refused = messages.contains(&format!("error[{error}]"));
        assert!(is_refused, "{} of {style}: {error}\n{messages}", bug.name);
        count += 1;
    }
    assert!(count > 0);
    Ok(())
}

/// Type-checks the crate of a file, in the folder of all builds, where the dependencies are checked already.
/// Returns the compiler's messages.
fn check(copy: &Path, file: &str) -> io::Result<String> {
    let krate = file.split('/').next().unwrap_or_default();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--lib", "--offline", "--manifest-path"])
        .arg(copy.join(krate).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join(".."))
        .output()?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}
