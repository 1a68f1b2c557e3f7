//! Servers with a bug on purpose: each must break a rule.
//!
//! `tests/mutants.toml` lists the bugs. Each is applied to a copy of the crates, so that the sources
//! contain none. Bugs of different crates are built together, as long as each checked style has
//! only one.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

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
    /// Whether this bug also changes what that style does.
    fn disturbs(&self, style: &str) -> bool {
        let krate = self.file.split('/').next().unwrap_or_default();
        match krate {
            "common" => true,
            "select-echo" => style == "select",
            "dispatcher-echo" => style == "dispatcher" || style == "chat",
            "chat-echo" => style == "chat",
            _ => style.starts_with("reactor"),
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
        let source = fs::read_to_string(root().join(&mutant.file))?;
        let count = source.matches(&mutant.right).count();
        assert_eq!(count, 1, "`{}`: its lines in {}", mutant.bug, mutant.file);
        assert_ne!(mutant.right, mutant.wrong, "{}", mutant.bug);
    }
    Ok(())
}

#[test]
#[ignore = "builds the four styles dozens of times, for many minutes"]
fn each_is_found() -> io::Result<()> {
    expect_found(table()?)
}

#[test]
#[ignore = "builds the four styles many times, for some minutes"]
fn every_fourth_is_found() -> io::Result<()> {
    expect_found(table()?.into_iter().step_by(4).collect())
}

/// While the programs of one batch run, the next batch is built.
fn expect_found(mut left: Vec<Mutant>) -> io::Result<()> {
    let copy = Copy::make()?;
    let missed = thread::scope(|scope| {
        let mut runs = Vec::new();
        while !left.is_empty() {
            let batch = take_batch(&mut left);
            let program = copy.build_with(&batch, runs.len())?;
            runs.push(scope.spawn(move || missed(&program, &batch)));
        }
        let missed = runs.into_iter().map(|run| run.join().expect("a run"));
        missed.collect::<io::Result<Vec<_>>>()
    })?
    .concat();
    assert!(
        missed.is_empty(),
        "no rule is broken by\n{}",
        missed.join("\n")
    );
    Ok(())
}

/// Removes and returns bugs that don't disturb each other.
fn take_batch(left: &mut Vec<Mutant>) -> Vec<Mutant> {
    let mut batch: Vec<Mutant> = Vec::new();
    left.retain(|mutant| {
        let disturbs = |one: &Mutant, two: &Mutant| one.disturbs(&two.style);
        let fits = |other: &Mutant| !disturbs(mutant, other) && !disturbs(other, mutant);
        let is_taken = batch.iter().all(fits);
        if is_taken {
            batch.push(mutant.clone());
        }
        !is_taken
    });
    batch
}

/// What the styles share, and the styles.
const CRATES: [&str; 5] = [
    "common",
    "select-echo",
    "dispatcher-echo",
    "chat-echo",
    "reactor-echo",
];

/// A copy of the crates, to which bugs can be applied.
struct Copy {
    root: PathBuf,
}

impl Copy {
    /// The folder stays, so that the next time only changed files are built.
    fn make() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
        fs::create_dir_all(&root)?;
        for name in CRATES.iter().chain(&["book/lab", "book/steps"]) {
            copy_folder(&self::root().join(name), &root.join(name))?;
        }
        // The four styles take their versions from the workspace, which has no other members here.
        let manifest = fs::read_to_string(self::root().join("Cargo.toml"))?;
        let manifest = manifest.replace("\"bench\", \"book\", ", "");
        write_if_changed(&root.join("Cargo.toml"), manifest.as_bytes())?;
        // The program has another name than the lab's.
        let mut manifest = fs::OpenOptions::new()
            .append(true)
            .open(root.join("book/lab/Cargo.toml"))?;
        manifest.write_all(b"\n[[bin]]\nname = \"mutant\"\npath = \"src/main.rs\"\n")?;
        Ok(Copy { root })
    }

    /// Builds with these bugs. The program has this number in its name.
    fn build_with(&self, batch: &[Mutant], number: usize) -> io::Result<PathBuf> {
        let mut originals = Vec::new();
        for mutant in batch {
            let file = self.root.join(&mutant.file);
            let original = fs::read_to_string(&file)?;
            fs::write(&file, original.replace(&mutant.right, &mutant.wrong))?;
            originals.push((file, original));
        }
        let built = self.build();
        for (file, original) in originals {
            fs::write(file, original)?;
        }
        let program = self.root.join(format!("mutant-{number}"));
        fs::copy(built?, &program)?;
        Ok(program)
    }

    /// Builds in the folder of all builds, where the dependencies are built already. Of the crates
    /// that every batch builds again, none is optimised: their runs take less time than that.
    fn build(&self) -> io::Result<PathBuf> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--quiet", "--bin", "mutant"]);
        command.args(["--config", "profile.dev.debug=false"]);
        for name in CRATES[1..].iter().chain(&["lab", "steps"]) {
            let setting = format!("profile.dev.package.{name}.opt-level=0");
            command.args(["--config", &setting]);
        }
        let output = command
            .arg("--manifest-path")
            .arg(self.root.join("book/lab/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        Ok(target.join("debug/mutant"))
    }
}

/// Runs the program for each bug, deletes it, and returns the bugs that no run shows.
fn missed(program: &Path, batch: &[Mutant]) -> io::Result<Vec<String>> {
    let mut missed = Vec::new();
    let mut checked = BTreeSet::new();
    for mutant in batch {
        assert!(
            checked.insert(&mutant.style),
            "two bugs of {}",
            mutant.style
        );
        // A bug can make a run or its trace endless.
        let output = Command::new("sh")
            .args(["-c", "ulimit -t 300; ulimit -v 4000000; exec \"$0\" \"$@\""])
            .arg(program)
            .args(["simulate", "--style", &mutant.style, "--seeds", RUNS])
            .output()?;
        if !shows_a_bug(&output) {
            missed.push(format!("{}: {}", mutant.style, mutant.bug));
        }
    }
    fs::remove_file(program)?;
    Ok(missed)
}

/// Whether it reported a broken rule, or a panic. Anything else is no finding.
fn shows_a_bug(output: &Output) -> bool {
    let text = String::from_utf8_lossy(&output.stdout);
    let is_told = text.contains("breaks a rule") || text.contains("makes the server panic");
    is_told && output.status.code() == Some(1)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if name != "target" {
                copy_folder(&from, &to)?;
            }
        } else {
            write_if_changed(&to, &fs::read(&from)?)?;
        }
    }
    Ok(())
}

/// Unchanged files aren't built again.
fn write_if_changed(file: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(file).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(file, bytes)
}
