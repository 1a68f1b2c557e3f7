//! The trace that the program writes of its loop.

use std::io;
use std::process::Command;

use common::client::program::{tells, trace_of_one_line};

#[test]
fn the_trace_names_the_line_that_made_the_call() -> io::Result<()> {
    let mut server = Command::new(env!("CARGO_BIN_EXE_dispatcher-echo"));
    let trace = trace_of_one_line(&mut server)?;
    for event in &trace {
        let made_there = match event.call.as_str() {
            "listen" => "net::listen(",
            "wait" | "wake" => "poll.wait(",
            call @ ("recv" | "send" | "accept") => &format!("channel.{call}("),
            call @ ("register" | "reregister" | "deregister") => &format!("poll.{call}("),
            "close" => ".close()",
            handler => &format!("sys::trace_handler(\"{handler}\")"),
        };
        assert!(event.text.contains(made_there), "{event:?}");
    }
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
        "deregister",
        "close",
    ];
    assert!(tells(&trace, &story), "{trace:#?}");
    Ok(())
}
