//! What the program does when it can't get the descriptors that it needs.

use std::io;
use std::process::{Command, Stdio};

use common::client::program::Program;

/// A server that has printed `listening on` serves until it is stopped, however few descriptors it
/// can open.
#[test]
fn a_server_that_is_announced_has_all_it_needs() -> io::Result<()> {
    let mut announced = 0;
    for descriptors in 3..=20 {
        let server = env!("CARGO_BIN_EXE_dispatcher-echo");
        let script = format!("ulimit -n {descriptors} && exec {server} --port 0 -qqq");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stderr(Stdio::null());
        let Ok(program) = Program::start(&mut command) else {
            continue;
        };
        let (status, _) = program.stop()?;
        assert!(status.success(), "{descriptors} descriptors: {status}");
        announced += 1;
    }
    assert!((1..18).contains(&announced), "announced {announced} times");
    Ok(())
}
