//! Captures the stacks.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::cargo;

use super::{CodeOwner, Frame, Stacks};
use crate::style::Style;
use crate::workspace::Workspace;

/// Runs each style, without optimisation, until bytes reach its user. Returns the stacks at that moment.
///
/// # Errors
/// A build fails, or there is no stack.
pub fn capture(workspace: &Workspace) -> io::Result<Stacks> {
    let program = build(workspace)?;
    let stacks = Style::ALL.map(|style| Ok((style, stack(workspace, &program, style)?)));
    Ok(Stacks(stacks.into_iter().collect::<io::Result<_>>()?))
}

/// Builds the example `stack`, with the features of the whole workspace, which its tests are built
/// with: after `cargo test`, nothing is left to build.
fn build(workspace: &Workspace) -> io::Result<PathBuf> {
    let arguments = ["--workspace", "--example", "stack", "--quiet"];
    let mut programs = cargo::build(&mut workspace.cargo(), &arguments)?;
    let program = programs.remove("stack");
    program.ok_or_else(|| io::Error::other("cargo has built no example stack"))
}

fn stack(workspace: &Workspace, program: &Path, style: Style) -> io::Result<Vec<Frame>> {
    let mut command = workspace.command(program);
    command.arg(style.name());
    let output = command.stderr(Stdio::inherit()).output()?;
    let frames = parse(&String::from_utf8_lossy(&output.stdout), style);
    if frames.is_empty() {
        return Err(io::Error::other(format!(
            "there is no stack of {}",
            style.name()
        )));
    }
    Ok(frames)
}

/// Parses the text of a `Backtrace`, innermost call first, into frames, outermost first. Leaves out the
/// frames that captured it and those below `serve`, which all styles share.
fn parse(text: &str, style: Style) -> Vec<Frame> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let calls: Vec<(&str, &str)> = lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| {
            let (_, function) = line.split_once(": ").filter(|_| !line.starts_with("at "))?;
            let place = lines
                .get(index + 1)
                .and_then(|next| next.strip_prefix("at "));
            Some((function, place.unwrap_or_default()))
        })
        .collect();
    let captures = |(function, _): &(&str, &str)| {
        function.starts_with("tracing")
            || function.starts_with("common::sys::trace_handler")
            || function.starts_with("common::sys::recv::")
    };
    let top = calls.iter().rposition(captures).map_or(0, |last| last + 1);
    let bottom = calls
        .iter()
        .position(|(function, _)| *function == "stack::serve");
    let served = calls.get(top..bottom.unwrap_or(0)).unwrap_or_default();
    served
        .iter()
        .rev()
        .map(|(function, place)| frame(function, place, style))
        .collect()
}

fn frame(function: &str, place: &str, style: Style) -> Frame {
    let mut parts = place.splitn(3, ':');
    let file = shorten_file(parts.next().unwrap_or_default());
    let line = parts.next().and_then(|line| line.parse().ok()).unwrap_or(0);
    Frame {
        function: shorten(function),
        owner: owner(&file, style),
        file,
        line,
    }
}

/// The path from the root of the workspace, or without the part that leads to the crate's sources.
fn shorten_file(file: &str) -> String {
    let marks = ["/registry/src/", "/library/"];
    let outside = marks
        .iter()
        .find_map(|mark| file.split_once(mark).map(|(_, rest)| (mark, rest)));
    match outside {
        Some((&"/registry/src/", rest)) => rest
            .split_once('/')
            .map_or(rest, |(_, file)| file)
            .to_owned(),
        Some((_, rest)) => rest.to_owned(),
        None => file.trim_start_matches("./").to_owned(),
    }
}

fn owner(file: &str, style: Style) -> CodeOwner {
    let own = format!("{}/src/", style.program());
    if file == format!("{own}echo.rs") || style == Style::Select && file.starts_with(&own) {
        CodeOwner::Yours
    } else if file.starts_with("common/") {
        CodeOwner::Common
    } else if Style::ALL
        .iter()
        .any(|style| file.starts_with(&format!("{}/", style.program())))
    {
        CodeOwner::Style
    } else {
        CodeOwner::Runtime
    }
}

/// `<a::B as c::D>::e::{{closure}}` becomes `B::e::{closure}`: the type or the module, the function, and
/// what is inside it.
fn shorten(function: &str) -> String {
    let function = function.replace("{{closure}}", "{closure}");
    let (of, name) = match function.rsplit_once(">::") {
        Some((of, name)) => (of, name),
        None => return last_parts(&function),
    };
    let of = of.rsplit_once("<impl ").map_or(of, |(_, of)| of);
    let of = of.trim_start_matches('<');
    let of = of.split_once(" as ").map_or(of, |(of, _)| of);
    let of = of.split_once('<').map_or(of, |(of, _)| of);
    let of = of.rsplit("::").next().unwrap_or(of);
    format!("{of}::{name}")
}

fn last_parts(path: &str) -> String {
    let parts: Vec<&str> = path.split("::").collect();
    let kept = if path.ends_with("{closure}") { 3 } else { 2 };
    parts[parts.len().saturating_sub(kept)..].join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_in_the_source() {
        for (full, short) in [
            ("select_echo::echo::Server::dispatch", "Server::dispatch"),
            ("select_echo::echo::serve", "echo::serve"),
            ("<a_echo::echo::Echo as a_echo::b::C>::d", "Echo::d"),
            (
                "<a::Chat<C> as b::D>::handle_read::{{closure}}",
                "Chat::handle_read::{closure}",
            ),
            (
                "a::iteration::<impl a::socket_map::SocketMap>::poll",
                "SocketMap::poll",
            ),
        ] {
            assert_eq!(shorten(full), short);
        }
    }

    #[test]
    fn frames_of_the_capture_and_below_serve_are_left_out() {
        let text = "   0: tracing_core::x\n             at /r/registry/src/i/tracing-core-1/src/a.rs:1:2\n\
                    1: common::sys::trace_handler\n at ./common/src/sys.rs:3:4\n\
                    2: <chat_echo::echo::EchoChat as chat_echo::AsyncChat>::found_terminator\n at ./chat-echo/src/echo.rs:95:9\n\
                    3: core::ops::function::FnOnce::call_once\n at /rustc/59/library/core/src/ops/function.rs:250:5\n\
                    4: chat_echo::echo::serve\n at ./chat-echo/src/echo.rs:27:11\n\
                    5: stack::serve\n at ./book/examples/stack.rs:1:1\n6: main\n";
        let frames = parse(text, Style::Chat);
        let seen: Vec<_> = frames
            .iter()
            .map(|frame| (&*frame.function, &*frame.file, frame.line, frame.owner))
            .collect();
        assert_eq!(
            seen,
            [
                ("echo::serve", "chat-echo/src/echo.rs", 27, CodeOwner::Yours),
                (
                    "FnOnce::call_once",
                    "core/src/ops/function.rs",
                    250,
                    CodeOwner::Runtime
                ),
                (
                    "EchoChat::found_terminator",
                    "chat-echo/src/echo.rs",
                    95,
                    CodeOwner::Yours
                ),
            ]
        );
    }
}
