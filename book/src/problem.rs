//! Problems of the book, with their places.

use std::fmt;

/// Something to correct before the book can be published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The path of the file, from the workspace's root.
    pub file: String,
    /// The line, from 1. It is 0 if the problem is in no line, or the file is missing.
    pub line: usize,
    /// What is wrong.
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

/// All problems, one per line.
pub fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}
