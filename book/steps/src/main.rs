//! The program `steps`: any of the servers, such as `steps 3`.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use steps::Server;
use steps::program::Options;

/// Run one of the servers that the book builds
#[derive(Parser)]
#[command(version, after_help = "Example:\n  steps 3 --port 0")]
struct Program {
    /// Number of the step, or the first server of a style
    #[arg(value_enum)]
    server: Server,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let mut command = Program::command();
    let matches = command.get_matches_mut();
    let program = Program::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    refuse_missing(&mut command, &matches, program.server);
    program.options.run(|listener, settings, max_line, stop| {
        program.server.start(listener, settings, max_line, stop)
    })
}

/// An option that the server doesn't have is a usage error.
fn refuse_missing(command: &mut Command, matches: &ArgMatches, server: Server) {
    for option in server.missing_options() {
        if matches.value_source(option) == Some(ValueSource::CommandLine) {
            let option = option.replace('_', "-");
            let message = format!("this server has no --{option}");
            command.error(ErrorKind::UnknownArgument, message).exit();
        }
    }
}
