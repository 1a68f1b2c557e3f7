//! `echo-client check`: how it starts a server from a command, and that it leaves no server
//! running.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{self, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::client::program::{Program, example};
use common::client::server_process::announced;

use crate::{TIME_LIMIT, text};

/// A shell script that starts a server as its child, and what the script has recorded about it.
pub struct Script {
    folder: PathBuf,
    program: PathBuf,
}

impl Script {
    /// The servers of this test, whose name makes a folder. The tests can run twice at the same time.
    pub fn of(test: &str) -> io::Result<Self> {
        let folder = format!("{test}-{}", process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("addresses"), "")?;
        let program = example("broken-echo")?.get_program().into();
        Ok(Script { folder, program })
    }

    /// `sh` runs the server and copies what it prints to a file as well.
    pub fn arguments(&self) -> Vec<String> {
        let addresses = self.folder.join("addresses");
        // Recorded before the checker reads it, which can end the script at once.
        let note = format!(
            "echo \"$line\" >> '{}'; echo \"$line\"",
            addresses.display()
        );
        let script = format!("\"$0\" \"$@\" | while read -r line; do {note}; done");
        let program = self.program.display().to_string();
        ["sh", "-c", &script, &program].map(String::from).into()
    }

    /// Where its servers listened, however many there were.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let text = fs::read_to_string(self.folder.join("addresses"))?;
        Ok(text.lines().filter_map(announced).collect())
    }

    /// Waits until this many servers have been started.
    pub fn wait_for(&self, count: usize) -> io::Result<()> {
        let begun = Instant::now();
        while self.addresses()?.len() < count {
            assert!(begun.elapsed() < TIME_LIMIT, "no server was started");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Expects that this many servers were started and that none is still running.
    pub fn expect_gone(&self, count: usize) -> io::Result<()> {
        let addresses = self.addresses()?;
        assert!(addresses.len() >= count, "{addresses:?}");
        let begun = Instant::now();
        // The kernel takes a moment to end a killed process.
        for address in addresses {
            while TcpStream::connect(address).is_ok() {
                assert!(begun.elapsed() < TIME_LIMIT, "{address} still accepts");
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Grades this command.
pub fn check(options: &[&str], command: &[String]) -> Command {
    let mut checker = Command::new(env!("CARGO_BIN_EXE_echo-client"));
    checker.arg("check").args(options).arg("--").args(command);
    checker.stdin(Stdio::null());
    checker.stdout(Stdio::piped()).stderr(Stdio::piped());
    checker
}

/// Grades what this shell script starts; `$0` is a server.
fn check_script(options: &[&str], script: &str) -> io::Result<Output> {
    let program = example("broken-echo")?;
    let program = program.get_program().to_string_lossy().into_owned();
    let command = ["sh", "-c", script, &program].map(String::from);
    check(options, &command).output()
}

#[test]
fn the_child_of_a_script_ends_with_its_case() -> io::Result<()> {
    let script = Script::of("child_of_a_script")?;
    let cases = ["--case", "one-line", "--case", "every-byte-value"];
    let output = check(&cases, &script.arguments()).output()?;
    assert!(output.status.success(), "{output:?}");
    script.expect_gone(2)
}

#[test]
fn the_child_of_a_script_ends_with_a_tests_program() -> io::Result<()> {
    let script = Script::of("child_of_a_program")?;
    let arguments = script.arguments();
    let mut command = Command::new(&arguments[0]);
    let program = Program::start(command.args(&arguments[1..]).args(["--port", "0"]))?;
    TcpStream::connect(program.address())?;
    drop(program);
    script.expect_gone(1)
}

#[test]
fn a_checker_whose_output_is_closed_stops_at_once() -> io::Result<()> {
    let script = Script::of("closed_output")?;
    let cases = ["--case", "one-line", "--case", "quiet-idle"];
    let begun = Instant::now();
    let mut checker = check(&cases, &script.arguments()).spawn()?;
    drop(checker.stdout.take());
    let output = checker.wait_with_output()?;
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "quiet-idle takes 5 s"
    );
    script.expect_gone(1)
}

#[test]
fn a_command_that_cannot_be_run_is_told_once() -> io::Result<()> {
    for (command, why) in [
        ("/no/such/server", "No such file"),
        ("/dev/null", "ermission denied"),
        ("/", "ermission denied"),
    ] {
        let output = check(&[], &[command.to_owned()]).output()?;
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(
            error.contains(&format!("cannot run {command}: ")),
            "{error}"
        );
        assert!(error.contains(why) && error.lines().count() == 1, "{error}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    Ok(())
}

#[test]
fn a_server_is_found_after_noise_and_by_name() -> io::Result<()> {
    for script in [
        r#"printf '\377\376 hello\n\nwelcome\n'; exec "$0" "$@""#,
        r#"printf '\r'; exec "$0" "$@""#,
        r#""$0" "$@" | sed -u 's/127.0.0.1/localhost/'"#,
        r#""$0" "$@" | sed -u 's/127.0.0.1//'"#,
        r#""$0" "$@" | sed -u 's/127.0.0.1/0.0.0.0/'"#,
    ] {
        let output = check_script(&["--case", "one-line"], script)?;
        assert!(output.status.success(), "{script}: {output:?}");
    }
    Ok(())
}

#[test]
fn unexpected_output_of_a_server_is_reported_once() -> io::Result<()> {
    for (script, expected) in [
        (
            r"printf '\377Ready on port 9000\n'; exec >&-; sleep 60",
            r#"it printed "�Ready on port 9000\n""#,
        ),
        (
            r"printf 'listening on 127.0.0.1:1'; exec >&-; sleep 60",
            "end the line with a newline",
        ),
        (
            "echo listening on nothing; exec >&-; sleep 60",
            r#"it printed "listening on nothing\n""#,
        ),
        (
            "echo hello; exit 3",
            r#"exit status: 3: it printed "hello\n""#,
        ),
    ] {
        let output = check_script(&[], script)?;
        let report = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(report.matches(expected).count(), 1, "{report}");
        assert_eq!(
            report.matches(r#""listening on ADDRESS""#).count(),
            1,
            "{report}"
        );
        assert!(report.contains("0 passed, 1 failed"), "{report}");
    }
    let output = check_script(&[], "echo no luck >&2; exit 3")?;
    let report = text(&output.stdout);
    assert_eq!(
        report.matches("exit status: 3: no luck").count(),
        1,
        "{report}"
    );
    assert!(report.contains("0 passed, 1 failed"), "{report}");
    Ok(())
}

#[test]
fn a_server_that_prints_nothing_is_told_to_flush() -> io::Result<()> {
    let output = check_script(&["--case", "one-line"], "sleep 60")?;
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(report.contains("printed nothing"), "{report}");
    assert!(report.contains("flush standard output"), "{report}");
    Ok(())
}
