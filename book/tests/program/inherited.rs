//! What the program inherits: descriptors, signals, limits, and the environment.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::libc::O_NONBLOCK;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Checkout, ServedBook, TIME_LIMIT, wait};

fn full() -> Result<File> {
    Ok(File::options().write(true).open("/dev/full")?)
}

/// The names in a folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

#[test]
fn full_standard_output_is_an_error() -> Result<()> {
    let checkout = Checkout::new()?;
    for arguments in [&["build"][..], &["--port", "0", "--no-open"], &["--help"]] {
        let output = checkout.book("").args(arguments).stdout(full()?).output()?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(1), "{arguments:?}: {said}");
        let text = "cannot write to standard output: No space left";
        ensure!(said.contains(text), "{arguments:?}: {said}");
    }
    Ok(())
}

#[test]
fn a_closed_output_pipe_is_no_error() -> Result<()> {
    let checkout = Checkout::new()?;
    let mut build = checkout.book("");
    build
        .arg("build")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = build.spawn()?;
    drop(process.stdout.take());
    drop(process.stderr.take());
    ensure!(wait(&mut process)?.success());
    ensure!(checkout.root().join("target/book/why.html").is_file());
    Ok(())
}

#[test]
fn check_fails_if_it_cannot_print_its_problems() -> Result<()> {
    let checkout = Checkout::new()?;
    let status = checkout.book("").arg("check").stderr(full()?).status()?;
    ensure!(status.code() == Some(1), "{status}");
    Ok(())
}

#[test]
fn build_needs_no_environment_and_no_standard_streams() -> Result<()> {
    let checkout = Checkout::new()?;
    let mut build = checkout.book_after("ulimit -n 16; exec <&- >&- 2>&-");
    build
        .env_clear()
        .env("TERM", "dumb")
        .env("COLUMNS", "0")
        .env("LC_ALL", "C");
    ensure!(build.arg("build").status()?.success());
    ensure!(checkout.root().join("target/book/why.html").is_file());
    Ok(())
}

#[test]
fn build_over_the_file_size_limit_leaves_no_files() -> Result<()> {
    let checkout = Checkout::new()?;
    let mut build = checkout.book_after("ulimit -f 8");
    let output = build.args(["build", "--dest", "sites/new"]).output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
    ensure!(said.contains("File too large"), "{said}");
    ensure!(names(&checkout.root())? == ["book"]);
    Ok(())
}

#[test]
fn build_ended_by_sigterm_leaves_no_files() -> Result<()> {
    let checkout = Checkout::new()?;
    // The build waits for the page's text.
    fs::remove_file(checkout.page())?;
    ensure!(
        Command::new("mkfifo")
            .arg(checkout.page())
            .status()?
            .success()
    );
    let mut build = checkout.book("");
    build
        .args(["build", "--dest", "sites/new"])
        .stderr(Stdio::piped());
    let mut process = build.spawn()?;
    let deadline = Instant::now() + TIME_LIMIT;
    let mut page = loop {
        let mut options = File::options();
        match options
            .write(true)
            .custom_flags(O_NONBLOCK)
            .open(checkout.page())
        {
            Ok(page) => break page,
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    };
    kill(Pid::from_raw(process.id().cast_signed()), Signal::SIGTERM)?;
    page.write_all(b"# Why")?;
    drop(page);
    let status = wait(&mut process)?;
    ensure!(status.code() == Some(1), "{status}");
    ensure!(names(&checkout.root())? == ["book"]);
    Ok(())
}

#[test]
fn sigterm_and_sigint_stop_it_even_if_ignored_at_its_start() -> Result<()> {
    let checkout = Checkout::new()?;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        // nohup and shell scripts start programs like this.
        let mut served = ServedBook::start_with(&mut checkout.book_after("trap '' INT TERM"))?;
        ensure!(served.get("/why.html")?.starts_with("HTTP/1.1 200"));
        kill(Pid::from_raw(served.process.id().cast_signed()), signal)?;
        let status = served.wait()?;
        ensure!(status.success(), "{signal}: {status}");
    }
    Ok(())
}
