//! Cases that once broke a rule, and how a case is displayed as a command line.

use std::io;

use clap::Parser;
use common::sys::sim::Script;
use lab::case::{SimulationArgs, SimulationCase};
use lab::contract::check_contract;
use lab::server::Style;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    case: SimulationArgs,
    #[arg(long)]
    script: Script,
}

/// Parses a command line as [`SimulationCase`] displays it: the script comes last, in quotes.
fn case(line: &str) -> io::Result<SimulationCase> {
    let script = line
        .split_once(" --script '")
        .and_then(|(options, script)| {
            let script = script.strip_suffix('\'')?;
            Some((options, script))
        });
    let (options, script) = script.ok_or_else(|| io::Error::other("no script"))?;
    let options = options.split_ascii_whitespace();
    let words = ["lab"]
        .into_iter()
        .chain(options)
        .chain(["--script", script]);
    let line = CommandLine::try_parse_from(words).map_err(io::Error::other)?;
    Ok(line.case.case(line.script))
}

/// What was wrong, and the case that showed it.
const FOUND: &[(&str, &str)] = &[(
    "An idle connection was closed after the listener was checked, and a client kept waiting.",
    "--style dispatcher --max-connections 2 --idle-timeout 0.182 \
     --script 'connect 1; connect 2; connect 3; wait 46ms; send 2 1; wait 100s; stop'",
)];

#[test]
fn found_cases_break_no_rule() -> io::Result<()> {
    for (what, line) in FOUND {
        let case = case(line)?;
        assert_eq!(check_contract(&case, &case.run()), Ok(()), "{what}\n{line}");
    }
    Ok(())
}

#[test]
fn a_case_is_displayed_as_the_command_line_that_makes_it() -> io::Result<()> {
    for style in Style::ALL {
        for number in 0..300 {
            let generated = SimulationCase::generate(style, number);
            assert_eq!(case(&generated.to_string())?, generated, "{generated}");
        }
    }
    Ok(())
}
