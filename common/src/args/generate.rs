//! `--generate`: prints shell completions and the manual page, made from the same definition as the help.

use std::io::{self, Write};
use std::process;

use clap::{Arg, Command, Parser, ValueEnum};
use clap_complete::Shell;

use crate::output;

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

/// Parses the command line like [`Parser::parse`], and handles `--generate KIND` itself.
pub fn parse<A: Parser>() -> A {
    let mut command = with_generate(A::command());
    let matches = command.clone().subcommand_required(false).try_get_matches();
    let matches = matches.unwrap_or_else(|error| end(&error));
    if let Some(kind) = matches.get_one::<Generate>("generate") {
        exit(output::write_to_stdout(&generate(*kind, command)));
    }
    A::from_arg_matches(&matches).unwrap_or_else(|error| end(&error.format(&mut command)))
}

/// Exits like [`clap::Error::exit`], but treats help that can't be printed as an error.
fn end(error: &clap::Error) -> ! {
    if error.use_stderr() {
        error.exit()
    }
    let printed = error.print().and_then(|()| io::stdout().flush());
    exit(printed.map_err(output::stdout_failed))
}

fn exit(printed: io::Result<()>) -> ! {
    let status = match printed {
        Err(error) if !output::is_closed_pipe(&error) => {
            output::print_to_stderr(format_args!("error: {error}"));
            1
        }
        _ => 0,
    };
    process::exit(status)
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
            // Writing to memory can't fail.
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
