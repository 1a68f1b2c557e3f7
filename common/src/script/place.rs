//! Places in the text of a script, and what is wrong there.

use std::error::Error;
use std::fmt::{self, Display, Formatter};

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// Where a text isn't a script, or is one that can't be run, and why.
///
/// Its text is `script:LINE:COLUMN: ` and the reason, as compilers write it. Serialized, it has the fields
/// `error` (this text), `line`, and `column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

impl Display for ParseError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ParseError {
            line,
            column,
            reason,
        } = self;
        write!(f, "script:{line}:{column}: {reason}")
    }
}

impl Error for ParseError {}

impl Serialize for ParseError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ParseError", 3)?;
        fields.serialize_field("error", &self.to_string())?;
        fields.serialize_field("line", &self.line)?;
        fields.serialize_field("column", &self.column)?;
        fields.end()
    }
}

/// A place in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub line: usize,
    column: usize,
}

impl Place {
    /// The beginning of a text.
    pub const BEGIN: Place = Place { line: 1, column: 1 };

    /// The place behind a character that is here.
    pub fn after(self, character: char) -> Place {
        match character {
            '\n' => Place {
                line: self.line + 1,
                column: 1,
            },
            _ => Place {
                column: self.column + 1,
                ..self
            },
        }
    }

    pub fn error(self, reason: impl Into<String>) -> ParseError {
        ParseError {
            line: self.line,
            column: self.column,
            reason: reason.into(),
        }
    }

    pub fn unexpected(self, found: impl Display, expected: impl Display) -> ParseError {
        self.error(format!("found {found}, expected {expected}"))
    }
}
