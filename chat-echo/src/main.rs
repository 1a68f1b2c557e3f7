//! The program `chat-echo`.

use std::process::ExitCode;

use clap::Parser;
use common::args::{self, ServerArgs};
use common::run::run;

/// Line echo server, style 3: asynchat's chat objects
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  chat-echo --port 0 --max-line 1000 --counters"
)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Longest line, in bytes without its `\n`; a longer line ends its connection
    #[arg(long, value_name = "BYTES", default_value_t = 65536, help_heading = "Limits", value_parser = args::number(1..=args::MOST_PENDING))]
    max_line: usize,
}

fn main() -> ExitCode {
    let args: Args = args::parse();
    run(&args.server, |listener, settings, stop| {
        let server = chat_echo::server(listener, settings, args.max_line, stop)?;
        Ok(|| server.serve())
    })
}
