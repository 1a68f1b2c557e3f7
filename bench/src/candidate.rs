//! The servers that are compared.

use common::client::check::Kind;
use common::comparison::Family;

/// A server that takes part.
#[derive(Debug)]
pub struct Candidate {
    /// Its permanent name, in lower case with hyphens.
    pub name: &'static str,
    /// What it represents, in a few words.
    pub about: &'static str,
    /// Its language or style.
    pub family: Family,
    /// Whether it echoes bytes or lines.
    pub kind: Kind,
    /// Most connections that it can hold at once.
    pub most_connections: usize,
    /// How it is made.
    pub made: Made,
    /// The files that you write to make such a server, from the workspace's root, without the
    /// library below.
    pub written: &'static [&'static str],
}

/// How a candidate is made.
#[derive(Debug)]
pub enum Made {
    /// A program of this workspace, and its arguments.
    Cargo {
        /// The package that it belongs to.
        package: &'static str,
        /// The program.
        program: &'static str,
        /// The feature of the package that the program needs, if any. It is built separately, so
        /// that no other program gets this feature.
        feature: Option<&'static str>,
        /// Its arguments.
        arguments: &'static [&'static str],
    },
    /// A C source, which `cc` compiles.
    C(&'static str),
    /// A Python script, with the modules of other packages that it imports.
    Python(&'static str, &'static [&'static str]),
    /// The folder of a Go program.
    Go(&'static str),
}

/// As many as the limit on descriptors allows.
const MANY: usize = usize::MAX;
/// The connections that fit below FD_SETSIZE, next to a program's other descriptors.
const FD_SETSIZE: usize = 1_000;

impl Candidate {
    /// Whether its counters count system calls. On io_uring, they count what the kernel has
    /// completed: many reads and writes take one call.
    pub(crate) fn counts_calls(&self) -> bool {
        self.family == Family::Ours && self.name != "reactor-uring"
    }

    /// Whether it is another build of a program that is also built without the feature.
    pub(crate) fn is_variant(&self) -> bool {
        let has_feature = |made: &Made| {
            matches!(
                made,
                Made::Cargo {
                    feature: Some(_),
                    ..
                }
            )
        };
        self.family == Family::Ours && has_feature(&self.made)
    }
}

/// All candidates, in the order of the tables.
pub const ALL: &[Candidate] = &[
    ours(
        "select",
        "a bare select loop",
        FD_SETSIZE,
        "select-echo",
        &[],
        &["select-echo/src/echo.rs"],
    ),
    ours(
        "select-queued",
        "the same, writing only when select says so",
        FD_SETSIZE,
        "select-echo",
        &["--write", "queued"],
        &["select-echo/src/echo.rs"],
    ),
    ours(
        "dispatcher",
        "asyncore's dispatchers on mio",
        MANY,
        "dispatcher-echo",
        &[],
        &["dispatcher-echo/src/echo.rs"],
    ),
    Candidate {
        kind: Kind::Line,
        ..ours(
            "chat",
            "asynchat's chat objects on the dispatchers",
            MANY,
            "chat-echo",
            &[],
            &["chat-echo/src/echo.rs"],
        )
    },
    ours(
        "reactor-tokio",
        "Twisted's reactor on tokio",
        MANY,
        "reactor-echo",
        &["--reactor", "tokio"],
        &["reactor-echo/src/echo.rs"],
    ),
    ours(
        "reactor-mio",
        "the same on mio",
        MANY,
        "reactor-echo",
        &["--reactor", "mio"],
        &["reactor-echo/src/echo.rs"],
    ),
    ours(
        "reactor-select",
        "the same on select",
        FD_SETSIZE,
        "reactor-echo",
        &["--reactor", "select"],
        &["reactor-echo/src/echo.rs"],
    ),
    Candidate {
        made: Made::Cargo {
            package: "reactor-echo",
            program: "reactor-echo",
            feature: Some("completion"),
            arguments: &["--reactor", "uring"],
        },
        ..ours(
            "reactor-uring",
            "the same on io_uring",
            MANY,
            "reactor-echo",
            &[],
            &["reactor-echo/src/echo.rs"],
        )
    },
    rust(
        "sequential",
        "one client at a time",
        1,
        &["bench/peers/rust/sequential.rs"],
    ),
    rust(
        "threads",
        "a thread for each connection",
        MANY,
        &["bench/peers/rust/threads.rs"],
    ),
    rust(
        "bare-tokio",
        "a task for each connection: read, write_all",
        MANY,
        &["bench/peers/rust/bare_tokio.rs"],
    ),
    rust(
        "bare-mio",
        "a loop on mio with no style around it",
        MANY,
        &["bench/peers/rust/bare_mio.rs"],
    ),
    python(
        "python-select",
        "the textbook's loop",
        FD_SETSIZE,
        &["bench/peers/python/select_echo.py"],
        &[],
    ),
    python(
        "python-asyncore",
        "dispatchers, the original",
        FD_SETSIZE,
        &["bench/peers/python/asyncore_echo.py"],
        &["asyncore"],
    ),
    Candidate {
        kind: Kind::Line,
        ..python(
            "python-asynchat",
            "chat objects, the original",
            FD_SETSIZE,
            &["bench/peers/python/asynchat_echo.py"],
            &["asyncore", "asynchat"],
        )
    },
    python(
        "python-twisted",
        "the reactor, the original",
        MANY,
        &["bench/peers/python/twisted_echo.py"],
        &["twisted"],
    ),
    python(
        "python-uvloop",
        "asyncio on libuv",
        MANY,
        &["bench/peers/python/uvloop_echo.py"],
        &["uvloop"],
    ),
    other(
        Family::Other,
        "c-epoll",
        "level-triggered epoll: the floor",
        MANY,
        Made::C("bench/peers/c/epoll.c"),
        &["bench/peers/c/epoll.c"],
    ),
    other(
        Family::Other,
        "c-select",
        "the same on select",
        FD_SETSIZE,
        Made::C("bench/peers/c/select.c"),
        &["bench/peers/c/select.c"],
    ),
    other(
        Family::Other,
        "go-net",
        "a goroutine for each connection",
        MANY,
        Made::Go("bench/peers/go"),
        &["bench/peers/go/main.go"],
    ),
];

/// tokio with several threads. It takes part only where servers with several threads are compared.
pub const TOKIO_THREADS: Candidate = Candidate {
    made: Made::Cargo {
        package: "bench",
        program: "tokio-threads",
        feature: Some("multi-thread"),
        arguments: &[],
    },
    ..rust(
        "tokio-threads",
        "tokio's threads, which take each other's tasks",
        MANY,
        &["bench/peers/rust/tokio_threads.rs"],
    )
};

/// The four styles, each with its default engine.
pub const THE_FOUR: [&str; 4] = ["select", "dispatcher", "chat", "reactor-tokio"];

/// The candidate of that name.
pub fn named(name: &str) -> Option<&'static Candidate> {
    ALL.iter().find(|candidate| candidate.name == name)
}

const fn ours(
    name: &'static str,
    about: &'static str,
    most_connections: usize,
    package: &'static str,
    arguments: &'static [&'static str],
    written: &'static [&'static str],
) -> Candidate {
    let made = Made::Cargo {
        package,
        program: package,
        feature: None,
        arguments,
    };
    other(Family::Ours, name, about, most_connections, made, written)
}

const fn rust(
    name: &'static str,
    about: &'static str,
    most_connections: usize,
    written: &'static [&'static str],
) -> Candidate {
    let made = Made::Cargo {
        package: "bench",
        program: name,
        feature: None,
        arguments: &[],
    };
    other(Family::Rust, name, about, most_connections, made, written)
}

const fn python(
    name: &'static str,
    about: &'static str,
    most_connections: usize,
    written: &'static [&'static str],
    modules: &'static [&'static str],
) -> Candidate {
    let made = Made::Python(written[0], modules);
    other(Family::Python, name, about, most_connections, made, written)
}

const fn other(
    family: Family,
    name: &'static str,
    about: &'static str,
    most_connections: usize,
    made: Made,
    written: &'static [&'static str],
) -> Candidate {
    Candidate {
        name,
        about,
        family,
        kind: Kind::Stream,
        most_connections,
        made,
        written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::path::Path;

    #[test]
    fn names_are_unique_and_what_they_are_written_in_exists() {
        let names: HashSet<_> = ALL.iter().map(|candidate| candidate.name).collect();
        assert_eq!(names.len(), ALL.len());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for file in ALL.iter().flat_map(|candidate| candidate.written) {
            assert!(root.join(file).is_file(), "{file}");
        }
    }
}
