//! The trace that the program writes of its loop.

use std::io;
use std::process::Command;

use common::client::program::{Traced, tells, trace_of_one_line};

/// The engines, by name.
const ENGINES: &[&str] = &[
    "tokio",
    "mio",
    "select",
    #[cfg(all(feature = "completion", target_os = "linux"))]
    "uring",
];

#[test]
fn the_trace_names_the_line_that_made_the_call_on_every_engine() -> io::Result<()> {
    for &engine in ENGINES {
        let mut server = Command::new(env!("CARGO_BIN_EXE_reactor-echo"));
        let trace = trace_of_one_line(server.args(["--reactor", engine]))?;
        for event in &trace {
            let made_there = match event.call.as_str() {
                "wait" | "wake" if engine == "select" => "select(".into(),
                _ => through_sys(event),
            };
            assert!(event.text.contains(&made_there), "{engine}: {event:?}");
            // The program listens before it has a loop.
            let is_of_the_loop = event.call != "listen";
            assert_eq!(
                event.file.starts_with("reactor-echo/src/"),
                is_of_the_loop,
                "{engine}: {event:?}"
            );
        }
        let closes = trace.iter().filter(|event| event.call == "close");
        assert_eq!(closes.count(), 2, "{engine}: the connection and the port");
        let story: &[&str] = match engine {
            // The send is under way during the wait.
            "uring" => &["recv", "data_received", "wait", "wake", "send"],
            _ => &["recv", "data_received", "send"],
        };
        assert!(tells(&trace, story), "{engine}: {trace:#?}");
    }
    Ok(())
}

/// The text in the source line that makes this call of [`common::sys`], such as `recv(`. A
/// handler's is `sys::trace_handler("handle_read")`, and a `wake` is the end of a wait.
fn through_sys(event: &Traced) -> String {
    match event.call.as_str() {
        "wake" => "wait(".into(),
        "shutdown" => "finish(".into(),
        call @ ("listen" | "accept" | "connect" | "recv" | "send" | "take_error"
        | "reset_on_close" | "close" | "wait" | "register" | "reregister"
        | "deregister") => format!("{call}("),
        handler => format!("sys::trace_handler(\"{handler}\")"),
    }
}
