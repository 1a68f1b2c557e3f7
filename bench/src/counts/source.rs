//! What somebody writes who makes a server of a kind, and what is built from it.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use common::comparison::Family;

use crate::builder::{Profile, Ready, cargo_build, root};
use crate::candidate::{Candidate, Made};

/// Lines of the files that somebody writes: neither blank nor comment, and none from a unit test's
/// module on.
///
/// # Errors
/// A file that is not there.
pub fn lines(candidate: &Candidate) -> io::Result<usize> {
    let mut all = 0;
    for file in candidate.written {
        let text = fs::read_to_string(root().join(file))?;
        all += count(&text, &Comments::of(Path::new(file)));
    }
    Ok(all)
}

/// Bytes of the program as it was built; `None` for a script.
///
/// # Errors
/// A program that is not there.
pub fn binary(ready: &Ready) -> io::Result<Option<u64>> {
    match ready.candidate.made {
        Made::Python(..) => Ok(None),
        _ => Ok(Some(fs::metadata(&ready.file)?.len())),
    }
}

/// Seconds that a build of one of the four servers takes from nothing, what it depends on included,
/// into a folder that is removed afterwards. `None` for others.
///
/// # Errors
/// A build that fails.
pub fn build_seconds(candidate: &Candidate, profile: Profile) -> io::Result<Option<f64>> {
    let Made::Cargo { package, .. } = candidate.made else {
        return Ok(None);
    };
    if candidate.family != Family::Ours {
        return Ok(None);
    }
    let folder = env::temp_dir().join(format!("echo-build-{}", std::process::id()));
    let target = folder.to_string_lossy();
    let begun = Instant::now();
    let chosen = ["--quiet", "--package", package, "--target-dir", &target];
    let programs = cargo_build(profile, &chosen);
    let seconds = begun.elapsed().as_secs_f64();
    fs::remove_dir_all(&folder)?;
    programs.map(|_| Some(seconds))
}

/// How a language marks its comments.
struct Comments {
    line: &'static str,
    begin: &'static str,
    end: &'static str,
}

impl Comments {
    fn of(file: &Path) -> Self {
        match file.extension().is_some_and(|extension| extension == "py") {
            true => Comments {
                line: "#",
                begin: "\"\"\"",
                end: "\"\"\"",
            },
            false => Comments {
                line: "//",
                begin: "/*",
                end: "*/",
            },
        }
    }
}

fn count(text: &str, comments: &Comments) -> usize {
    let mut lines = 0;
    let mut in_comment = false;
    for line in text.lines().map(str::trim) {
        if line == "#[cfg(test)]" {
            break;
        }
        if in_comment {
            in_comment = !line.contains(comments.end);
        } else if let Some(rest) = line.strip_prefix(comments.begin) {
            in_comment = !rest.contains(comments.end);
        } else if !line.is_empty() && !line.starts_with(comments.line) {
            lines += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::ALL;

    #[test]
    fn blanks_comments_and_tests_are_no_lines() {
        let rust = "//! A.\n\n/// B.\nfn main() {\n    // C.\n    go(); // D\n}\n\n#[cfg(test)]\nmod tests {}\n";
        assert_eq!(count(rust, &Comments::of(Path::new("a.rs"))), 3);
        let c = "/* A.\n * B. */\n#include <x.h>\n/* C. */\nint main(void) { return 0; }\n";
        assert_eq!(count(c, &Comments::of(Path::new("a.c"))), 2);
        let python = "\"\"\"A.\"\"\"\n# B\nimport x\n\"\"\"C\nD\n\"\"\"\nx.go()\n";
        assert_eq!(count(python, &Comments::of(Path::new("a.py"))), 2);
    }

    #[test]
    fn everybody_has_written_something() -> io::Result<()> {
        for candidate in ALL {
            assert!(lines(candidate)? > 5, "{}", candidate.name);
        }
        Ok(())
    }
}
