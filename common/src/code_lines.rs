//! Counts lines of code.

use std::path::Path;

/// Counts the lines of code in a file in Rust, C, Go, or Python. Blank lines, comments, and
/// everything from a unit test's module on don't count.
pub fn count(file: &Path, text: &str) -> usize {
    let comments = Comments::of(file);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_comments_and_tests_are_no_lines() {
        let rust = "//! A.\n\n/// B.\nfn main() {\n    // C.\n    go(); // D\n}\n\n#[cfg(test)]\nmod tests {}\n";
        assert_eq!(count(Path::new("a.rs"), rust), 3);
        let c = "/* A.\n * B. */\n#include <x.h>\n/* C. */\nint main(void) { return 0; }\n";
        assert_eq!(count(Path::new("a.c"), c), 2);
        let python = "\"\"\"A.\"\"\"\n# B\nimport x\n\"\"\"C\nD\n\"\"\"\nx.go()\n";
        assert_eq!(count(Path::new("a.py"), python), 2);
    }
}
