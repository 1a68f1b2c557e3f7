//! `--generate`: shell completions and the manual page, made from the same definition as the help.

use std::io::{self, Write};
use std::process;

use clap::{Arg, Command, Parser, ValueEnum};
use clap_complete::Shell;

/// What `--generate` writes to standard output.
#[derive(ValueEnum, Debug, Clone, Copy)]
enum Generate {
    Man,
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// Parses the command line as [`Parser::parse`] does, and answers `--generate KIND` itself.
pub fn parse<A: Parser>() -> A {
    let mut command = with_generate(A::command());
    let matches = command.clone().subcommand_required(false).get_matches();
    if let Some(kind) = matches.get_one::<Generate>("generate") {
        // A reader that went away, as in `… --generate man | head -1`, is no failure.
        let written = io::stdout().write_all(&generate(*kind, command));
        process::exit(written.is_err().into());
    }
    A::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

fn with_generate(command: Command) -> Command {
    command.arg(
        Arg::new("generate")
            .long("generate")
            .value_name("KIND")
            .value_parser(clap::builder::EnumValueParser::<Generate>::new())
            .help("Print the manual page or a shell's completions, and exit")
            .exclusive(true),
    )
}

fn generate(kind: Generate, mut command: Command) -> Vec<u8> {
    let mut text = Vec::new();
    let shell = match kind {
        Generate::Man => {
            // Writing into memory does not fail.
            let _ = clap_mangen::Man::new(command).render(&mut text);
            return text;
        }
        Generate::Bash => Shell::Bash,
        Generate::Elvish => Shell::Elvish,
        Generate::Fish => Shell::Fish,
        Generate::Powershell => Shell::PowerShell,
        Generate::Zsh => Shell::Zsh,
    };
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_names_the_program_and_its_options() {
        for kind in Generate::value_variants() {
            let command = Command::new("four").arg(Arg::new("high").long("high-water"));
            let text = String::from_utf8_lossy(&generate(*kind, command)).replace('\\', "");
            assert!(
                text.contains("four") && text.contains("high-water"),
                "{kind:?}: {text}"
            );
        }
    }
}
