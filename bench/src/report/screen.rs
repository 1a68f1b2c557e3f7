//! Draws over what was drawn before.

use std::env;
use std::fmt::Write as _;
use std::io;

use common::client::terminal;
use common::comparison::Comparison;
use common::output;
use console::Term;

use super::layout::{self, Line};
use super::words::Loaded;

/// The width of a table that isn't on a terminal, unless `COLUMNS` is set.
const PLAIN_WIDTH: usize = 120;

/// A terminal on which a table is redrawn in place.
///
/// The cursor is hidden and shown again within one frame, so nothing has to be restored, however the
/// program ends.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Term,
    has_colours: bool,
    /// The widths of the lines above the cursor.
    drawn: Vec<usize>,
}

impl Screen {
    /// Standard output, if it is a terminal that can move its cursor.
    pub(crate) fn open() -> Option<Self> {
        terminal::stdout_redraws().then(|| Screen {
            terminal: Term::stdout(),
            has_colours: terminal::has_colours(),
            drawn: Vec::new(),
        })
    }

    /// Draws the table with a sign at the server under load; without one, draws it for the last time.
    ///
    /// # Errors
    /// The errors of the terminal.
    pub(crate) fn draw(
        &mut self,
        comparison: &Comparison,
        loaded: Option<&Loaded>,
    ) -> io::Result<()> {
        let (height, width) = self.terminal.size();
        let (height, width) = (usize::from(height), usize::from(width));
        let mut lines = layout::live(comparison, width, loaded);
        if loaded.is_some() {
            lines = squeezed(lines, height.saturating_sub(1));
        }
        let frame = frame(&self.drawn, &lines, width, self.has_colours);
        self.drawn = lines.iter().map(Line::width).collect();
        // The line feed comes last: standard output passes everything up to it on in one write.
        output::print(format_args!("{frame}"))
    }
}

/// The live comparison without any escape code.
pub(crate) fn plain(comparison: &Comparison) -> String {
    text(&layout::live(comparison, plain_width(), None), false)
}

/// The width of text that isn't on a terminal.
fn plain_width() -> usize {
    let columns = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.unwrap_or(PLAIN_WIDTH)
}

/// The width of standard output, and whether it has colours.
pub(super) fn of_stdout() -> (usize, bool) {
    let terminal = Term::stdout();
    match terminal.size_checked() {
        Some((_, columns)) if terminal.is_term() => (usize::from(columns), terminal::has_colours()),
        _ => (plain_width(), false),
    }
}

/// Lines as text, each with its line end.
pub(super) fn text(lines: &[Line], has_colours: bool) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        paint(&mut text, line, has_colours);
        text + "\n"
    })
}

/// The text that draws these lines over those of the widths `drawn`.
fn frame(drawn: &[usize], lines: &[Line], width: usize, has_colours: bool) -> String {
    // Begin a synchronised update, where the terminal supports it, and hide the cursor.
    let mut frame = "\x1b[?2026h\x1b[?25l\r".to_owned();
    // A terminal that has become narrower has broken long lines into several.
    let rows = drawn
        .iter()
        .map(|drawn| drawn.div_ceil(width.max(1)).max(1));
    let up: usize = rows.sum();
    if up > 0 {
        // Writing to a string can't fail.
        let _ = write!(frame, "\x1b[{up}A");
    }
    for (place, line) in lines.iter().enumerate() {
        if place > 0 {
            frame.push_str("\x1b[K\r\n");
        }
        paint(&mut frame, line, has_colours);
    }
    frame.push_str("\x1b[J\x1b[?25h\x1b[?2026l\r\n");
    frame
}

fn paint(text: &mut String, line: &Line, has_colours: bool) {
    for (piece, colour) in &line.0 {
        match colour.filter(|_| has_colours) {
            Some(colour) => {
                let _ = write!(text, "\x1b[38;5;{colour}m{piece}\x1b[39m");
            }
            None => text.push_str(piece),
        }
    }
}

/// At most `most` lines: lines that have left the screen can't be drawn over.
fn squeezed(mut lines: Vec<Line>, most: usize) -> Vec<Line> {
    if lines.len() > most {
        let hidden = lines.len() - most.saturating_sub(1);
        lines.truncate(most.saturating_sub(1));
        lines.push(Line(vec![(
            format!("… {hidden} more lines at the end"),
            None,
        )]));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::tests::comparison;
    use super::*;

    fn line(text: &str, colour: Option<u8>) -> Line {
        Line(vec![(text.to_owned(), colour)])
    }

    #[test]
    fn a_frame_begins_where_the_last_one_did() {
        let lines = [line("one", Some(32)), line("two", None)];
        let first = frame(&[], &lines, 80, true);
        assert!(
            first.contains("\x1b[38;5;32mone\x1b[39m\x1b[K\r\ntwo"),
            "{first:?}"
        );
        assert!(!first.contains('A'), "{first:?}");
        // The cursor is visible again at the end, and the line feed comes last.
        assert!(first.ends_with("\x1b[?25h\x1b[?2026l\r\n"), "{first:?}");
        assert!(frame(&[3, 0], &lines, 80, true).contains("\x1b[2A"));
        // Since then the terminal has become narrower: 100 cells take three rows of 40.
        assert!(frame(&[100, 3], &lines, 40, true).contains("\x1b[4A"));
        assert!(!frame(&[], &lines, 80, false).contains("38;5"));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let lines = vec![line("row", None); 9];
        let squeezed = squeezed(lines, 5);
        assert_eq!(squeezed.len(), 5);
        assert_eq!(squeezed[4], line("… 5 more lines at the end", None));
    }

    #[test]
    fn the_plain_table_has_no_escape_codes() {
        let rates = [90e3; 6];
        let text = plain(&comparison(&[("select", &rates), ("select", &rates)]));
        assert!(
            text.contains("● select") && !text.contains('\x1b'),
            "{text}"
        );
    }
}
