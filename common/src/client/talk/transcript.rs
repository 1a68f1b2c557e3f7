//! One direction of a conversation, shown line by line.

use std::fmt::Write as _;
use std::io;

use crate::client::terminal;
use crate::output;

/// Most bytes to show of one line.
const WIDTH: usize = 1000;

/// Shows the lines of one direction on standard output: whole lines only, so that the two directions
/// don't mix.
pub(super) struct Transcript {
    before: &'static str,
    after: &'static str,
    shown: bool,
    /// The line that hasn't ended yet: its beginning, and its length.
    line: Vec<u8>,
    length: usize,
}

impl Transcript {
    /// Shows what is sent: `→ hello`.
    pub(super) fn outgoing(shown: bool) -> Self {
        Self::new(shown, "→ ", "\x1b[36m→ ")
    }

    /// Shows what is received: `← hello`.
    pub(super) fn incoming(shown: bool) -> Self {
        Self::new(shown, "← ", "\x1b[32m← ")
    }

    fn new(shown: bool, plain: &'static str, coloured: &'static str) -> Self {
        let colour = terminal::has_colours();
        Transcript {
            before: if colour { coloured } else { plain },
            after: if colour { "\x1b[0m" } else { "" },
            shown,
            line: Vec::new(),
            length: 0,
        }
    }

    /// Shows the lines that `bytes` complete, and keeps the rest.
    ///
    /// # Errors
    /// The errors of [`output::print`].
    pub(super) fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.shown {
            return Ok(());
        }
        let mut text = String::new();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let content = piece.strip_suffix(b"\n").unwrap_or(piece);
            let capacity = WIDTH - self.line.len();
            self.line
                .extend_from_slice(&content[..capacity.min(content.len())]);
            self.length += content.len();
            if content.len() < piece.len() {
                self.end_line(&mut text, "");
            }
        }
        output::print(format_args!("{text}"))
    }

    /// Shows the last line, if it had no newline.
    ///
    /// # Errors
    /// The errors of [`output::print`].
    pub(super) fn end(&mut self) -> io::Result<()> {
        if self.length == 0 {
            return Ok(());
        }
        let mut text = String::new();
        self.end_line(&mut text, " (no newline)");
        output::print(format_args!("{text}"))
    }

    fn end_line(&mut self, text: &mut String, remark: &str) {
        text.push_str(self.before);
        push_printable(text, &self.line);
        text.push_str(self.after);
        if self.length > self.line.len() {
            // Writing to memory can't fail.
            let _ = write!(text, "… ({} bytes)", self.length);
        }
        text.push_str(remark);
        text.push('\n');
        self.line.clear();
        self.length = 0;
    }
}

/// Adds bytes as text, with control characters escaped so that they can't affect the terminal.
fn push_printable(text: &mut String, bytes: &[u8]) {
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_control() && character != '\t' {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        let mut text = String::new();
        push_printable(&mut text, b"gr\xc3\xbc\xc3\x9fe \x1b[2J\r\xff");
        assert_eq!(text, "grüße \\u{1b}[2J\\r\u{fffd}");
    }

    #[test]
    fn a_long_line_is_cut_and_its_length_told() {
        let mut transcript = Transcript::new(true, "→ ", "→ ");
        let mut text = String::new();
        transcript.line = vec![b'a'; WIDTH];
        transcript.length = 70_000;
        transcript.end_line(&mut text, "");
        assert!(text.ends_with("aaa… (70000 bytes)\n"), "{text}");
        assert!(transcript.line.is_empty() && transcript.length == 0);
    }
}
