//! The program `dispatcher-echo`.

use std::process::ExitCode;

use clap::Parser;
use common::args::{self, ServerArgs};
use common::run::run;

/// Echo server, style 2: asyncore's dispatchers
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  dispatcher-echo --port 0 --idle-timeout 30 --counters"
)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

fn main() -> ExitCode {
    let args: Args = args::parse();
    run(&args.server, |listener, settings, stop| {
        let server = dispatcher_echo::server(listener, settings, stop)?;
        Ok(|| server.serve())
    })
}
