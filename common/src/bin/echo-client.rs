//! `echo-client`: talks to an echo server, plays scripts on it, checks its contract, and puts it under
//! load.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use common::client::{check, interrupt, load, play, talk};
use common::{args, output};

/// A client for echo servers in any language
#[derive(Parser)]
#[command(
    name = "echo-client",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Send lines and show what comes back
    Talk(talk::TalkOptions),
    /// Play a script of the simulation on real sockets, and show what each client got
    Play(play::PlayOptions),
    /// Grade a server against the echo contract
    Check(check::CheckOptions),
    /// Measure how many messages per second a server echoes, and how fast
    Load(load::LoadOptions),
}

fn main() -> ExitCode {
    let arguments: Arguments = args::parse();
    // Where there is no descriptor or thread for this, signals do what they always do.
    let _ = interrupt::watch();
    let outcome = match arguments.what {
        What::Talk(options) => talk::command(options),
        What::Play(options) => play::command(options),
        What::Check(options) => check::command(options),
        What::Load(options) => load::command(options),
    };
    output::exit_code(outcome)
}
