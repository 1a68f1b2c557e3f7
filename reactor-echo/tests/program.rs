//! Tests the program from outside.

use std::io;
use std::process::{Command, Stdio};

use common::client::program::Program;

const ENGINES: &[&str] = &[
    "tokio",
    "mio",
    "select",
    #[cfg(all(feature = "completion", target_os = "linux"))]
    "uring",
];

/// A server without descriptors for its engine reports that, and doesn't print `listening on`
/// first.
#[test]
fn a_server_that_says_that_it_listens_stays() -> io::Result<()> {
    for engine in ENGINES {
        let mut announced = 0;
        for descriptors in 4..20 {
            let limited = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &limited, env!("CARGO_BIN_EXE_reactor-echo")])
                .args(["--port", "0", "--quiet", "--reactor", engine])
                .stderr(Stdio::null());
            if let Ok(server) = Program::start(&mut shell) {
                announced += 1;
                let (status, _) = server.stop()?;
                assert!(status.success(), "{engine}, {descriptors}: {status}");
            }
        }
        assert!(announced > 0, "{engine} never served");
    }
    Ok(())
}
