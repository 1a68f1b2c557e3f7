//! Runs the program `lab`, and tests what its command line refuses.

use std::io;
use std::process::{Command, Stdio};

#[test]
fn only_a_style_that_can_queue_takes_queued() -> io::Result<()> {
    for (style, code) in [
        ("select", 0),
        ("reactor-select", 0),
        ("dispatcher", 2),
        ("chat", 2),
        ("step-7", 2),
    ] {
        for command in [&["trace"][..], &["simulate", "--script", "stop"]] {
            let status = Command::new(env!("CARGO_BIN_EXE_lab"))
                .args(command)
                .args(["--queued", "--style", style])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            assert_eq!(status.code(), Some(code), "{command:?} {style}");
        }
    }
    Ok(())
}
