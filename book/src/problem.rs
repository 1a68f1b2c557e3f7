//! What is wrong, and where.

use std::fmt;

/// Something that has to be put right before the book can be published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, seen from the workspace's root.
    pub file: String,
    /// The line, from 1; 0 where a file has none or is not there at all.
    pub line: usize,
    /// What is wrong with it.
    pub text: String,
}

impl Problem {
    /// A problem at this place.
    pub fn new(file: impl Into<String>, line: usize, text: impl Into<String>) -> Self {
        Problem {
            file: file.into(),
            line,
            text: text.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.text),
            line => write!(f, "{}:{line}: {}", self.file, self.text),
        }
    }
}

/// All of them, a line each.
pub fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}
