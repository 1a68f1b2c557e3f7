//! What the terminal can show, if there is one.

use std::env;

use console::Term;

/// Whether to colour standard output: it is a capable terminal, and NO_COLOR is not set (see
/// <https://no-color.org>).
pub fn has_colours() -> bool {
    let is_refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_capable(&Term::stdout()) && !is_refused
}

/// Whether standard output is a terminal where output can be drawn over.
pub fn stdout_redraws() -> bool {
    is_capable(&Term::stdout())
}

/// Whether standard error is a terminal where output can be drawn over, such as a progress
/// bar.
pub fn stderr_redraws() -> bool {
    is_capable(&Term::stderr())
}

/// A terminal of type `dumb`, or without a type, has no escape sequences; one that is 0 columns wide
/// isn't looked at.
fn is_capable(terminal: &Term) -> bool {
    let kind = env::var_os("TERM").unwrap_or_default();
    terminal.is_term() && !kind.is_empty() && kind != "dumb" && terminal.size_checked().is_some()
}
