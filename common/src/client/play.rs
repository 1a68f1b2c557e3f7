//! `echo-client play`: plays a script of the simulation on real sockets, and shows what each client got.
//!
//! After each step it waits until the server is at rest. It sees that in the process of a server that it
//! has started; otherwise the server is at rest when nothing has happened on any socket for a moment.

mod player;
mod server;

use std::ffi::OsString;
use std::fmt::Write;
use std::io::{self, Read};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::client::ServerAddress;
use crate::output;
use crate::script::{ClientEnd, ClientTrace, MOST_SCRIPT_BYTES, TypedScript};
use player::Player;
use server::{PlayedServer, ServerEnding};

/// How many bytes of what a client received are shown.
const SHOWN: usize = 60;

/// The options of `echo-client play`.
#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Example: echo-client play 'connect 1; send 1 \"hel\"; half-close 1' -- target/release/chat-echo"
)]
pub struct PlayOptions {
    /// The steps, such as 'connect 1; send 1 "hello\n"; wait 1s; close 1', or - for standard input
    script: String,
    /// The running server to play against; without a port it is 8881
    #[arg(
        value_name = "HOST:PORT",
        conflicts_with = "command",
        required_unless_present = "command"
    )]
    address: Option<ServerAddress>,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
    /// The server to start: its program and arguments
    #[arg(value_name = "COMMAND", last = true)]
    command: Vec<OsString>,
}

/// What became of each client, and of the server.
#[derive(Debug, Serialize)]
struct PlayReport {
    clients: Vec<ClientTrace>,
    /// `None` if `echo-client` hasn't started it.
    ending: Option<ServerEnding>,
}

/// Runs `echo-client play`.
///
/// # Errors
/// The script can't be read or parsed, or contains a step that real sockets can't do; the server can't be
/// started or found; standard output can't be written.
pub fn command(options: PlayOptions) -> io::Result<ExitCode> {
    let script = parse(&options.script)?;
    let is_started = options.address.is_none();
    player::check(&script, is_started).map_err(io::Error::other)?;
    let server = match options.address {
        Some(address) => PlayedServer::at(address.resolve()?),
        None => PlayedServer::start(&options.command)?,
    };
    let mut player = Player::new(server);
    for step in &script.script.steps {
        player.play(step)?;
    }
    let (clients, ending) = player.finish()?;
    let report = PlayReport { clients, ending };
    match options.json {
        true => output::print(format_args!("{}\n", serde_json::to_string(&report)?))?,
        false => output::print(format_args!("{}", report.text()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(script: &str) -> io::Result<TypedScript> {
    let mut input = String::new();
    let text = match script {
        "-" => {
            // One byte more shows that the script is too long.
            let limit = MOST_SCRIPT_BYTES as u64 + 1;
            io::stdin().take(limit).read_to_string(&mut input)?;
            &input
        }
        text => text,
    };
    TypedScript::within_limits(text).map_err(io::Error::other)
}

impl PlayReport {
    fn text(&self) -> String {
        let mut text = String::new();
        for client in &self.clients {
            let (number, sent, received) = (client.client, client.sent, &client.received);
            let shown = received[..received.len().min(SHOWN)].escape_ascii();
            let more = if received.len() > SHOWN { "…" } else { "" };
            let end = match client.ended {
                None => "no end",
                Some(ClientEnd::EndOfStream) => "the end of the stream",
                Some(ClientEnd::Reset) => "a reset",
                Some(ClientEnd::NotConnected) => "no connection",
            };
            let count = received.len();
            // Writing to a string can't fail.
            let _ = writeln!(
                text,
                "client {number} sent {sent} bytes and received {count}: \"{shown}\"{more}, then {end}"
            );
        }
        if let Some(ending) = &self.ending {
            let _ = writeln!(text, "the server {ending}");
        }
        text
    }
}
