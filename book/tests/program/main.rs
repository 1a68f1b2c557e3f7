//! The program `book`, as readers and mdBook use it.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "only its limits are needed")]
mod support;

mod building;
mod inherited;
mod preprocessor;
mod serving;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use walkdir::WalkDir;

fn book() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_book"));
    // Where the lab is built already. A relative path would start at another folder than the one that
    // cargo runs tests in.
    let tests = Path::new(env!("CARGO_TARGET_TMPDIR"));
    command.env("CARGO_TARGET_DIR", tests.parent().unwrap_or(tests));
    command.env_remove("CARGO_BUILD_TARGET_DIR");
    command
}

/// A checkout with a book of one page. Dropping it deletes the files.
struct Checkout {
    scratch: TempDir,
}

impl Checkout {
    fn new() -> Result<Self> {
        let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let checkout = Checkout { scratch };
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        let to = checkout.root().join("book");
        fs::create_dir_all(to.join("md"))?;
        for file in ["book.toml", "concepts.toml"] {
            fs::copy(from.join(file), to.join(file))?;
        }
        for entry in WalkDir::new(from.join("theme")) {
            let entry = entry?;
            let copy = to.join(entry.path().strip_prefix(from)?);
            match entry.file_type().is_dir() {
                true => fs::create_dir_all(copy)?,
                false => drop(fs::copy(entry.path(), copy)?),
            }
        }
        fs::write(to.join("md/SUMMARY.md"), "# Summary\n\n- [Why](why.md)\n")?;
        fs::write(checkout.page(), "# Why\n\nFirst edition.\n")?;
        Ok(checkout)
    }

    /// The file of its page, `why`.
    fn page(&self) -> PathBuf {
        self.root().join("book/md/why.md")
    }

    /// Its root. The parent contains nothing else.
    fn root(&self) -> PathBuf {
        self.scratch.path().join("checkout")
    }

    /// The program, in a folder of the checkout, without a folder for cargo in its environment.
    fn book(&self, folder: &str) -> Command {
        self.command(folder, Command::new(env!("CARGO_BIN_EXE_book")))
    }

    /// The program, in the root, started by a shell that first runs `first`.
    fn book_after(&self, first: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{first}; exec \"$0\" \"$@\""));
        shell.arg(env!("CARGO_BIN_EXE_book"));
        self.command("", shell)
    }

    fn command(&self, folder: &str, mut command: Command) -> Command {
        command.env_remove("CARGO_TARGET_DIR");
        command.env_remove("CARGO_BUILD_TARGET_DIR");
        command.current_dir(self.root().join(folder));
        command
    }
}

/// Longer than any wait here takes, even on a busy machine: building the pages takes half a minute for
/// all tests together.
const TIME_LIMIT: Duration = Duration::from_secs(240);

/// Waits for a program's end.
fn wait(process: &mut Child) -> Result<ExitStatus> {
    let deadline = Instant::now() + TIME_LIMIT;
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(status);
        }
        ensure!(Instant::now() < deadline, "the program does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A book that is being served. Dropping it ends the program.
struct ServedBook {
    process: Child,
    address: SocketAddr,
}

impl ServedBook {
    /// Starts this command on a free port.
    fn start_with(command: &mut Command) -> Result<Self> {
        let mut process = command
            .args(["--port", "0", "--no-open"])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("no output")?;
        let mut served = ServedBook {
            process,
            address: SocketAddr::from(([0; 4], 0)),
        };
        let (sender, line) = mpsc::channel();
        thread::spawn(move || {
            let line = BufReader::new(output).lines().next();
            sender.send(line.transpose())
        });
        let line = line.recv_timeout(TIME_LIMIT)??.context("no address")?;
        let address = line.trim_start_matches("the book is at http://");
        served.address = address.trim_end_matches('/').parse()?;
        Ok(served)
    }

    fn version(&self) -> Result<u64> {
        let answer = self.get("/__version")?;
        let version = answer.lines().last().context("no version")?;
        Ok(version.parse()?)
    }

    /// Waits until the pages have this version.
    fn wait_for_version(&self, version: u64) -> Result<()> {
        let deadline = Instant::now() + TIME_LIMIT;
        while self.version()? < version {
            ensure!(Instant::now() < deadline, "it was not rebuilt");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Waits for the program's end.
    fn wait(&mut self) -> Result<ExitStatus> {
        wait(&mut self.process)
    }

    /// The whole response to a request for the path.
    fn get(&self, path: &str) -> Result<String> {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
    }

    /// The whole response to a request.
    fn request(&self, request: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for ServedBook {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
