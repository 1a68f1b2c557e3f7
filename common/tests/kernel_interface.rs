//! The four styles call the kernel only through `common::sys`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const STYLES: [&str; 4] = [
    "select-echo",
    "dispatcher-echo",
    "chat-echo",
    "reactor-echo",
];

/// Words in a program that calls the kernel itself, or reads the clock.
const WORDS: [&str; 20] = [
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixListener",
    "UnixStream",
    "Shutdown",
    "SockRef",
    "AsFd",
    "AsRawFd",
    "BorrowedFd",
    "OwnedFd",
    "RawFd",
    "libc",
    "nix",
    "signal_hook",
    "socket2",
    "SystemTime",
    "thread",
    "Instant::now",
    "elapsed",
];

/// The engines that pass the operating system's descriptors to a runtime: tokio watches them, and
/// compio reads and sends on io_uring. What compio has done is counted and traced by
/// `Stream::completed_recv` and `completed_send`.
const WITH_A_RUNTIME: [&str; 3] = [
    "reactor-echo/src/engine/tokio.rs",
    "reactor-echo/src/engine/uring.rs",
    "reactor-echo/src/engine/uring/operations.rs",
];

#[test]
fn no_style_calls_the_kernel_itself() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for style in STYLES {
        for file in sources(&root.join(style).join("src"))? {
            let name = file.strip_prefix(&root).unwrap_or(&file).to_owned();
            let is_allowed = WITH_A_RUNTIME.iter().any(|file| name == Path::new(file));
            if !is_allowed && !name.ends_with("tests.rs") {
                found.extend(calls_in(&fs::read_to_string(&file)?, &name));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn no_style_depends_on_a_crate_that_calls_the_kernel() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for style in STYLES {
        let manifest = fs::read_to_string(root.join(style).join("Cargo.toml"))?;
        let tables = manifest.split("\n[");
        let used =
            tables.filter(|table| table.contains("dependencies]") && !table.starts_with("dev-"));
        for name in ["libc", "mio", "nix", "rustix", "signal-hook", "socket2"] {
            let has_it = |table: &str| table.lines().any(|line| line.starts_with(name));
            assert!(!used.clone().any(has_it), "{style} depends on {name}");
        }
    }
    Ok(())
}

#[test]
fn a_call_is_found_and_a_test_is_not_searched() {
    let source = "use std::net::SocketAddr;\nlet now = Instant::now();\n#[cfg(test)]\nmod tests {\n    \
                  use std::net::TcpStream;\n}\n";
    let found = calls_in(source, Path::new("a.rs"));
    assert_eq!(found, ["a.rs:2: Instant::now"]);
    assert_eq!(
        calls_in("let phoenix = 1; // As nix.\n", Path::new("a.rs")),
        [""; 0]
    );
    assert_eq!(
        calls_in("x(nix::poll());", Path::new("a.rs")),
        ["a.rs:1: nix"]
    );
}

/// The lines of code that contain one of [`WORDS`], without the tests.
fn calls_in(source: &str, name: &Path) -> Vec<String> {
    let before_tests = source.lines().take_while(|line| *line != "#[cfg(test)]");
    let mut found = Vec::new();
    for (number, line) in (1..).zip(before_tests) {
        let code = line.split("//").next().unwrap_or_default();
        let words = WORDS.iter().filter(|word| has_word(code, word));
        found.extend(words.map(|word| format!("{}:{number}: {word}", name.display())));
    }
    found
}

fn has_word(code: &str, word: &str) -> bool {
    let is_inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word).any(|(place, _)| {
        let before = code[..place].chars().next_back();
        let after = code[place + word.len()..].chars().next();
        !is_inside(before) && !is_inside(after)
    })
}

/// All Rust files in a folder and in its folders.
fn sources(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}
