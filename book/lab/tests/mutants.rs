//! Servers with a bug on purpose: each must break a rule.
//!
//! `tests/mutants.toml` lists the bugs. They are turned on, one after the other, in a copy of the
//! crates, so that the sources contain none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use bugs::Change;
use serde::Deserialize;

/// The number of runs in which a bug must show.
const RUNS: &str = "20000";

#[derive(Deserialize)]
struct MutantList {
    mutant: Vec<Mutant>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Mutant {
    /// What the bug is, in a few words.
    bug: String,
    /// The style to check.
    style: String,
    /// The file, from the root of the repository.
    file: String,
    /// The lines as they are.
    right: String,
    /// The lines with the bug.
    wrong: String,
}

impl Mutant {
    fn name(&self) -> String {
        format!("{}: {}", self.style, self.bug)
    }

    fn change(&self) -> Change {
        Change {
            name: self.name(),
            file: self.file.clone(),
            right: self.right.clone(),
            wrong: self.wrong.clone(),
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn table() -> io::Result<Vec<Mutant>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutants.toml");
    let table: MutantList = toml::from_str(&fs::read_to_string(file)?).map_err(io::Error::other)?;
    Ok(table.mutant)
}

#[test]
fn each_style_has_ten_and_each_is_written_for_the_sources_as_they_are() -> io::Result<()> {
    let table = table()?;
    for style in ["select", "dispatcher", "chat", "reactor"] {
        let count = table.iter().filter(|mutant| mutant.style == style).count();
        assert!(count >= 10, "{style} has {count}");
    }
    for mutant in &table {
        bugs::wrong_source(&root(), &mutant.change())?;
        assert_ne!(mutant.right, mutant.wrong, "{}", mutant.bug);
    }
    Ok(())
}

#[test]
#[ignore = "runs up to 20,000 scripts for each bug"]
fn each_is_found() -> io::Result<()> {
    let table = table()?;
    let program = build(&table)?;
    let kept = simulate(&program, "", "select")?;
    assert!(kept.status.success(), "without a bug: {kept:?}");
    let cores = thread::available_parallelism()?.get();
    let part = table.len().div_ceil(cores);
    let missed = thread::scope(|scope| {
        let threads: Vec<_> = (table.chunks(part))
            .map(|mutants| scope.spawn(|| missed(&program, mutants)))
            .collect();
        let missed = threads.into_iter().map(|thread| thread.join().unwrap());
        missed.collect::<io::Result<Vec<_>>>()
    })?;
    let missed = missed.concat();
    assert!(
        missed.is_empty(),
        "no rule is broken by\n{}",
        missed.join("\n")
    );
    Ok(())
}

/// Returns those that no run shows.
fn missed(program: &Path, mutants: &[Mutant]) -> io::Result<Vec<String>> {
    let mut missed = Vec::new();
    for mutant in mutants {
        let output = simulate(program, &mutant.name(), &mutant.style)?;
        if !shows_a_bug(&output) {
            missed.push(mutant.name());
        }
    }
    Ok(missed)
}

/// Builds the lab from a copy with these bugs, in the folder of all builds, where the dependencies are
/// built already.
fn build(table: &[Mutant]) -> io::Result<PathBuf> {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    let changes: Vec<_> = table.iter().map(Mutant::change).collect();
    bugs::make_copy(&root(), &copy, &changes, &[])?;
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--bin", "mutants"])
        .arg("--manifest-path")
        .arg(copy.join("book/lab/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Ok(target.join("debug/mutants"))
}

/// A bug can make a run or its trace endless.
fn simulate(program: &Path, bug: &str, style: &str) -> io::Result<Output> {
    Command::new("sh")
        .args(["-c", "ulimit -t 300; ulimit -v 4000000; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["simulate", "--style", style, "--seeds", RUNS])
        .env("ECHO_BUG", bug)
        .output()
}

/// Whether it reported a broken rule, or a panic. Anything else is no finding.
fn shows_a_bug(output: &Output) -> bool {
    let text = String::from_utf8_lossy(&output.stdout);
    let is_told = text.contains("breaks a rule") || text.contains("makes the server panic");
    is_told && output.status.code() == Some(1)
}
