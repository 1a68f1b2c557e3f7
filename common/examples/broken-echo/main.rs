//! An echo server that keeps the whole contract, or breaks exactly one rule of it: the test
//! subject of the contract checker.
//!
//! It is deliberately simple: one thread per connection, blocking writes, no event loop. It uses no
//! part of the four servers, to show that the checker also works on a server that it was not made
//! for.
//!
//! ```sh
//! cargo run -p common --bin echo-client -- check -- target/debug/examples/broken-echo --bug drops-tail
//! ```

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

mod acceptor;
mod bug;
mod connection;
mod listening;
mod log;
mod output;

use bug::Bug;

/// An echo server with at most one bug
#[derive(Parser, Debug, Clone)]
struct Arguments {
    /// Return whole lines only
    #[arg(long, default_value = "stream", value_parser = ["stream", "line"])]
    kind: String,
    /// The rule to break
    #[arg(long, value_enum, hide_possible_values = true)]
    bug: Option<Bug>,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: std::net::IpAddr,
    /// TCP port; 0 lets the system pick one
    #[arg(long, default_value_t = 8881)]
    port: u16,
    /// Connections served at once
    #[arg(long, default_value_t = usize::MAX)]
    max_connections: usize,
    /// Seconds after which a silent connection is closed
    #[arg(long)]
    idle_timeout: Option<f64>,
    /// Longest line in bytes
    #[arg(long, default_value_t = 65536)]
    max_line: usize,
    /// Seconds to send pending output at shutdown
    #[arg(long, default_value_t = 1.0)]
    shutdown_timeout: f64,
}

impl Arguments {
    /// Whether this is the rule to break.
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Refuses numbers that make no sense, as clap refuses text that isn't a number.
    fn checked(self) -> Result<Self, clap::Error> {
        let seconds = |number| (0.0..=1e9).contains(&number);
        let sensible = self.max_connections > 0
            && self.max_line > 0
            && seconds(self.shutdown_timeout)
            && self.idle_timeout.is_none_or(seconds);
        if sensible || self.has(Bug::TakesAnyNumber) {
            return Ok(self);
        }
        let message = "at least 1 connection, lines of at least 1 byte, and 0 to 1e9 seconds";
        Err(Arguments::command().error(ErrorKind::ValueValidation, message))
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::try_parse().and_then(Arguments::checked);
    let arguments = arguments.unwrap_or_else(|error| refuse(&error));
    let broken_exit = arguments.has(Bug::ExitsWithThree);
    match acceptor::serve(arguments) {
        Ok(()) if broken_exit => ExitCode::from(3),
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "broken-echo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// clap exits with 2. The arguments can't be parsed here, so this searches them for the bug.
fn refuse(error: &clap::Error) -> ! {
    if std::env::args().any(|argument| argument == "usage-exits-one") {
        let _ = error.print();
        std::process::exit(1);
    }
    error.exit()
}
