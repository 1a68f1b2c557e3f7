//! The program `reactor-echo`.

use std::process::ExitCode;

use clap::Parser;
use common::SendPolicy;
use common::args::{self, ServerArgs};
use common::run::run;
use reactor_echo::{EngineKind, server};

/// Echo server, style 4: a reactor, protocols, and factories
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  reactor-echo --reactor mio --port 0 --idle-timeout 30 --counters"
)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// The engine that the reactor waits with
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "ENGINE",
        help_heading = "Style"
    )]
    reactor: EngineKind,
    /// When to send the echoed bytes
    #[arg(long, value_enum, default_value_t, help_heading = "Style")]
    write: SendPolicy,
}

fn main() -> ExitCode {
    let args: Args = args::parse();
    run(&args.server, |listener, settings, stop| {
        let server = server(listener, settings, args.reactor, args.write, stop)?;
        Ok(|| server.run())
    })
}
