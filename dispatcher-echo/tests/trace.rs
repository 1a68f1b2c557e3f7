//! What the program traces of its loop.

use std::io;
use std::process::Command;

use common::program::trace_of_one_line;

#[test]
fn the_trace_names_the_line_that_made_the_call() -> io::Result<()> {
    let mut server = Command::new(env!("CARGO_BIN_EXE_dispatcher-echo"));
    let trace = trace_of_one_line(&mut server)?;
    for event in &trace {
        let made_there = match event.call.as_str() {
            call @ ("wait" | "close") => &format!("sys::{call}("),
            "wake" => "sys::wait(",
            call @ ("recv" | "send" | "accept") => &format!("channel.{call}("),
            handler => &format!("sys::enter(\"{handler}\")"),
        };
        assert!(event.text.contains(made_there), "{event:?}");
    }
    let calls: Vec<&str> = trace.iter().map(|event| event.call.as_str()).collect();
    let story = [
        "wake",
        "handle_read",
        "recv",
        "send",
        "wait",
        "wake",
        "handle_read",
        "recv",
        "handle_close",
        "close",
    ];
    assert!(
        calls.windows(story.len()).any(|calls| calls == story),
        "{calls:?}"
    );
    Ok(())
}
