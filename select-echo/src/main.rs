//! The program `select-echo`.

use std::process::ExitCode;

use clap::Parser;
use common::SendPolicy;
use common::args::{self, ServerArgs};
use common::run::run;
use select_echo::server;

/// Echo server, style 1: a bare select(2) loop
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  select-echo --port 0 --idle-timeout 30 --counters"
)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// When to send the echoed bytes
    #[arg(long, value_enum, default_value_t, help_heading = "Style")]
    write: SendPolicy,
}

fn main() -> ExitCode {
    let args: Args = args::parse();
    run(&args.server, |listener, settings, stop| {
        let server = server(listener, settings, args.write, stop)?;
        Ok(|| server.serve())
    })
}
