//! The command line.

use std::fmt;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use common::args::{number, seconds};
use common::client::load::{Length, LoadSettings};
use common::comparison::Skipped;

use crate::builder::Profile;
use crate::candidate::{ALL, Candidate, THE_FOUR, named};
use crate::groups::{self, Group};
use crate::run::Effort;

/// How long to load one server before the next one: long enough for a p99, short enough that all
/// servers meet the same conditions.
pub(super) const SLICE: Duration = Duration::from_millis(120);
/// If a server returns nothing for this long, it is lost.
const STALL_LIMIT: Duration = Duration::from_secs(3);

/// Compare echo servers live: a table that is redrawn while they are loaded one at a time
///
/// Servers are built first, those in other languages only where this machine has what they need.
/// Each runs on one core and the load generator on another; every byte that comes back is verified.
#[derive(Parser, Debug, Clone)]
#[command(
    name = "bench",
    version,
    after_help = "Example: cargo run --release -p bench -- select c-epoll python-twisted"
)]
pub struct Options {
    /// Servers to compare [default: select dispatcher chat reactor-tokio]
    #[arg(value_name = "NAME", conflicts_with = "all",
        value_parser = PossibleValuesParser::new(ALL.iter().map(|candidate| candidate.name)))]
    names: Vec<String>,
    /// Compare all servers
    #[arg(short, long)]
    all: bool,
    /// Connections that exchange messages
    #[arg(short, long, value_name = "NUMBER", default_value_t = 50, value_parser = number(1..=1_000_000))]
    connections: usize,
    /// Length of a message; its last byte is a newline, so that line servers return it
    #[arg(short, long, value_name = "BYTES", default_value_t = 64, value_parser = number(1..=1 << 29))]
    size: usize,
    /// Most messages in flight on one connection
    #[arg(short = 'p', long, value_name = "MESSAGES", default_value_t = 1, value_parser = number(1..=1_000_000))]
    depth: usize,
    /// How often to load each server, for 120 ms each time
    #[arg(short, long, value_name = "NUMBER", default_value_t = 30, value_parser = number(1..=1_000_000))]
    rounds: usize,
    /// Begin rounds for this long instead
    #[arg(short, long, value_name = "SECONDS", conflicts_with = "rounds", value_parser = seconds)]
    duration: Option<Duration>,
    /// Compare servers that cargo has built in this profile
    #[arg(long, value_enum, default_value_t = Profile::Measured)]
    profile: Profile,
    /// Print the result as one line of JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the result as a table in Markdown
    #[arg(long)]
    markdown: bool,
}

/// What to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
    Markdown,
}

/// When the comparison ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Rounds(usize),
    Elapsed(Duration),
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Until::Rounds(rounds) => write!(f, "{rounds}"),
            Until::Elapsed(duration) => write!(f, "as many as begin in {duration:?}"),
        }
    }
}

impl Options {
    /// The servers that take part, each once; and those that can't hold that many connections.
    pub(super) fn entrants(&self) -> (Vec<&'static Candidate>, Vec<Skipped>) {
        let mut asked_for: Vec<&'static Candidate> = Vec::new();
        for candidate in self.asked_for() {
            if !asked_for.iter().any(|other| other.name == candidate.name) {
                asked_for.push(candidate);
            }
        }
        let (fit, others): (Vec<_>, Vec<_>) = asked_for
            .into_iter()
            .partition(|candidate| candidate.most_connections >= self.connections);
        let skipped = others.into_iter().map(too_small).collect();
        (fit, skipped)
    }

    fn asked_for(&self) -> Box<dyn Iterator<Item = &'static Candidate> + '_> {
        if self.all {
            Box::new(ALL.iter())
        } else if self.names.is_empty() {
            Box::new(THE_FOUR.into_iter().filter_map(named))
        } else {
            Box::new(self.names.iter().filter_map(|name| named(name)))
        }
    }

    /// The load of one slice.
    pub fn settings(&self) -> LoadSettings {
        LoadSettings {
            connections: self.connections,
            size: self.size,
            depth: self.depth,
            length: Length::Duration(SLICE),
            stall_limit: STALL_LIMIT,
            ..LoadSettings::default()
        }
    }

    /// The same as a group of one shape.
    pub(super) fn group(&self) -> Group {
        let LoadSettings {
            connections, size, ..
        } = self.settings();
        groups::single(format!("{connections} × {size} B"), self.settings())
    }

    pub(super) fn effort(&self) -> Effort {
        Effort {
            rounds: self.rounds,
            slice: SLICE,
            seldom: 1,
            most_idle: 0,
            counts_calls: true,
            limit: Duration::MAX,
        }
    }

    pub(super) fn profile(&self) -> Profile {
        self.profile
    }

    pub(super) fn until(&self) -> Until {
        self.duration
            .map_or(Until::Rounds(self.rounds), Until::Elapsed)
    }

    pub(super) fn format(&self) -> Format {
        match (self.json, self.markdown) {
            (true, _) => Format::Json,
            (_, true) => Format::Markdown,
            _ => Format::Text,
        }
    }
}

/// A server that can't hold that many connections.
fn too_small(candidate: &Candidate) -> Skipped {
    let lacks = match candidate.most_connections {
        1 => "it serves one client at a time".to_owned(),
        most => format!("it holds at most {most} connections"),
    };
    Skipped {
        name: candidate.name.to_owned(),
        lacks,
        install: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn entrants(arguments: &[&str]) -> (Vec<&'static str>, usize) {
        let options = Options::parse_from([&["bench"], arguments].concat());
        let (fit, skipped) = options.entrants();
        let names = fit.iter().map(|candidate| candidate.name);
        (names.collect(), skipped.len())
    }

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn four_take_part_unless_others_are_named() {
        assert_eq!(entrants(&[]), (THE_FOUR.to_vec(), 0));
        let named = ["c-epoll", "select", "c-epoll"];
        assert_eq!(entrants(&named), (vec!["c-epoll", "select"], 0));
        assert_eq!(entrants(&["--all", "-c", "1"]).0.len(), ALL.len());
        assert!(Options::try_parse_from(["bench", "selct"]).is_err());
    }

    #[test]
    fn servers_that_hold_too_few_connections_are_skipped() {
        assert_eq!(entrants(&["sequential", "threads"]), (vec!["threads"], 1));
        assert_eq!(
            entrants(&["select", "chat", "-c", "2000"]),
            (vec!["chat"], 1)
        );
    }
}
