//! Runs the commands that pages show to the reader.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, bail};

use crate::fence;
use crate::problem::Problem;
use crate::shell::Shell;
use crate::style::Style;
use crate::workspace::Workspace;

/// One block of commands.
#[derive(Debug)]
pub struct Session {
    page: String,
    /// The line of the block's fence in the page.
    line: usize,
    commands: Vec<ShellCommand>,
}

#[derive(Debug, PartialEq, Eq)]
struct ShellCommand {
    command: String,
    /// Its line, counted from the fence.
    offset: usize,
    /// `…` matches anything: within a line, or any lines if it is alone on one.
    expected: Vec<String>,
}

impl Session {
    /// Parses a block: lines that begin with `$ ` are commands, which a backslash at the end continues
    /// on the next line. The other lines are the output of the command above them.
    ///
    /// # Errors
    /// There is no command, or output comes above the first one.
    pub fn parse(page: &str, line: usize, body: &[&str]) -> Result<Self> {
        let mut commands: Vec<ShellCommand> = Vec::new();
        for (index, text) in body.iter().enumerate() {
            match (text.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push(ShellCommand {
                    command: command.to_owned(),
                    offset: index + 1,
                    expected: Vec::new(),
                }),
                (None, Some(last)) if last.command.ends_with('\\') => {
                    last.command = format!("{}\n{text}", last.command);
                }
                (None, Some(last)) => last.expected.push((*text).to_owned()),
                (None, None) => bail!("{text:?} is no command: \"$ …\""),
            }
        }
        if commands.is_empty() {
            bail!("there is no command");
        }
        Ok(Session {
            page: page.to_owned(),
            line,
            commands,
        })
    }

    /// Runs the commands in one shell, and replaces the pages' ports with free ones, and `/tmp` with a
    /// folder of its own: the same session can run more than once at the same time.
    ///
    /// # Errors
    /// The shell can't be started.
    pub fn run(&self, workspace: &Workspace, programs: &Path) -> Result<Vec<Problem>> {
        let mut shell = Shell::start(workspace, programs)?;
        let mut ports = Ports::default();
        let scratch = tempfile::tempdir()?;
        let folder = format!("{}/", scratch.path().display());
        let mut own = |text: &str| ports.replace(&text.replace("/tmp/", &folder));
        for shell_command in &self.commands {
            let command = own(&with_port(&shell_command.command))?;
            let expected = shell_command.expected.iter();
            let expected: Result<Vec<_>> = expected.map(|line| own(line)).collect();
            let expected = expected?;
            let waits = starts_server(&command).then_some("listening on ");
            let failure = match shell.run(&command, waits) {
                Ok(printed) if matches(&expected, &printed) => continue,
                Ok(printed) => format!(
                    "$ {command}\n-- the page says:\n{}\n-- but it printed:\n{}",
                    expected.join("\n"),
                    printed.join("\n")
                ),
                Err(error) => format!("$ {command}\n{error:#}"),
            };
            // The commands after it would fail too.
            let page = format!("book/md/{}", self.page);
            return Ok(vec![Problem::new(
                page,
                self.line + shell_command.offset,
                failure,
            )]);
        }
        Ok(Vec::new())
    }
}

/// All sessions of all pages.
///
/// # Errors
/// A page can't be read, or a session can't be parsed.
pub fn all(workspace: &Workspace) -> Result<Vec<Session>> {
    let mut sessions = Vec::new();
    for page in workspace.pages()? {
        for fence in fence::all(&page.text) {
            if fence.info == "try" {
                sessions.push(Session::parse(&page.path, fence.first, &fence.body)?);
            }
        }
    }
    Ok(sessions)
}

/// How many sessions run at once. Most of the time they sleep or wait for a time limit.
const AT_ONCE: usize = 8;

/// Runs all sessions of all pages, several at once, with the programs of a folder. Returns their problems in the order of the pages.
///
/// # Errors
/// The errors of [`all`], or a shell can't be started.
pub fn run_all(workspace: &Workspace, programs: &Path) -> Result<Vec<Problem>> {
    let sessions = all(workspace)?;
    let outcomes = in_parallel(&sessions, AT_ONCE, |session| {
        session.run(workspace, programs)
    });
    let problems: Result<Vec<_>> = outcomes.into_iter().collect();
    Ok(problems?.concat())
}

/// Calls the function with each item, on this number of threads. Returns the results in the order of the
/// items.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    call: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else {
                        return;
                    };
                    let result = call(item);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.insert(index, result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_values().collect()
}

/// The port in the commands of the pages, which is the servers' default.
const PORT: &str = "8881";

/// Free ports to use instead of 8881 to 8889, the same one each time.
#[derive(Default)]
struct Ports(BTreeMap<String, u16>);

impl Ports {
    fn replace(&mut self, text: &str) -> Result<String> {
        let is_outside = |at: char| !at.is_alphanumeric();
        let mut replaced = String::new();
        for piece in text.split_inclusive(is_outside) {
            let word = piece.trim_end_matches(is_outside);
            if let [b'8', b'8', b'8', b'1'..=b'9'] = word.as_bytes() {
                replaced.push_str(&self.free(word)?.to_string());
                replaced.push_str(&piece[word.len()..]);
            } else {
                replaced.push_str(piece);
            }
        }
        Ok(replaced)
    }

    fn free(&mut self, named: &str) -> Result<u16> {
        let port = match self.0.get(named) {
            Some(port) => *port,
            None => TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(),
        };
        self.0.insert(named.to_owned(), port);
        Ok(port)
    }
}

/// Whether the command starts a server in the background.
fn starts_server(command: &str) -> bool {
    command.trim_end().ends_with('&') && server_in(command).is_some()
}

/// The servers that pages show besides the four.
const PEERS: [&str; 3] = ["sequential", "threads", "steps"];

/// The examples that pages start as servers. Each gets its address as an argument.
const EXAMPLES: [&str; 6] = [
    "reactor_activated",
    "reactor_deadline",
    "reactor_lag",
    "reactor_proxy",
    "reactor_restart",
    "reactor_threads",
];

fn server_in(command: &str) -> Option<&str> {
    let is_server = |word: &&str| {
        let name = word.rsplit('/').next().unwrap_or(word);
        PEERS.contains(&name)
            || EXAMPLES.contains(&name)
            || Style::ALL.iter().any(|style| style.program() == name)
    };
    command.split_whitespace().find(is_server)
}

/// The command of a server, with its default port as an option, so that it can be replaced.
fn with_port(command: &str) -> String {
    match server_in(command) {
        Some(server) if starts_server(command) && !names_port(command) => {
            let explicit = format!("{server} --port {PORT}");
            command.replacen(server, &explicit, 1)
        }
        _ => command.to_owned(),
    }
}

/// Whether the command says where to listen.
fn names_port(command: &str) -> bool {
    command.contains("--port") || command.contains(":888")
}

/// Whether the lines are the expected ones. Each `…` matches anything.
fn matches(expected: &[String], printed: &[String]) -> bool {
    match (expected.split_first(), printed.split_first()) {
        (None, _) => printed.is_empty(),
        (Some((any, rest)), _) if any.trim() == "…" => {
            (0..=printed.len()).any(|skip| matches(rest, &printed[skip..]))
        }
        (Some((line, rest)), Some((printed, more))) => {
            line_matches(line.trim_end(), printed.trim_end()) && matches(rest, more)
        }
        (Some(_), None) => false,
    }
}

fn line_matches(expected: &str, printed: &str) -> bool {
    let Some((start, rest)) = expected.split_once('…') else {
        return expected == printed;
    };
    let Some(printed) = printed.strip_prefix(start) else {
        return false;
    };
    let ends = printed.char_indices().map(|(index, _)| index);
    ends.chain([printed.len()])
        .any(|index| line_matches(rest, &printed[index..]))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_ellipsis_matches_anything() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        for (expected, printed, is_same) in [
            ("a\nb", "a\nb", true),
            ("a\nb", "a", false),
            ("a", "a\nb", false),
            ("", "a", false),
            ("…", "", true),
            ("a\n…\nc", "a\nb\nb\nc", true),
            ("a\n…\nc", "a\nb\nb", false),
            ("in … µs, … more", "in 190 µs, 2 more", true),
            ("in … µs", "in 190 ms", false),
        ] {
            let found = matches(&lines(expected), &lines(printed));
            assert_eq!(found, is_same, "{expected:?} {printed:?}");
        }
    }

    #[test]
    fn results_are_in_the_order_of_the_items() {
        const LIMIT: Duration = Duration::from_secs(5);
        let (second_is_over, over) = mpsc::channel();
        let over = Mutex::new(over);
        let call = |item: &usize| {
            match item {
                1 => second_is_over.send(()).ok(),
                _ => over
                    .lock()
                    .ok()
                    .and_then(|over| over.recv_timeout(LIMIT).ok()),
            };
            *item
        };
        assert_eq!(in_parallel(&[0, 1], 2, call), [0, 1]);
    }

    #[test]
    fn a_session_has_a_tmp_of_its_own() -> Result<()> {
        let file = "/tmp/four-echoes-session";
        let command = format!("$ echo hello > {file}; cat {file}");
        let session = Session::parse("why.md", 1, &[&command, "hello"])?;
        let problems = session.run(&Workspace::here()?, Path::new("/"))?;
        assert!(problems.is_empty(), "{problems:?}");
        assert!(!Path::new(file).exists());
        Ok(())
    }

    #[test]
    fn a_server_gets_a_free_port() -> Result<()> {
        assert_eq!(
            with_port("target/release/chat-echo --quiet &"),
            "target/release/chat-echo --port 8881 --quiet &"
        );
        for other in [
            "echo-client check -- target/release/chat-echo",
            "reactor_deadline 127.0.0.1:8881 1 &",
        ] {
            assert_eq!(with_port(other), other);
        }
        assert!(starts_server("reactor_deadline 127.0.0.1:8881 1 &"));
        let mut ports = Ports::default();
        let first = ports.replace("nc localhost 8881")?;
        assert!(!first.contains("8881"));
        assert_eq!(ports.replace("nc localhost 8881")?, first);
        let other = "18881 88810 x8881 8880 8,881 0x8882";
        assert_eq!(ports.replace(other)?, other);
        Ok(())
    }
}
