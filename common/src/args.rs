//! The options that every server takes, and the [`Settings`] made from them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use crate::sys::Faults;

mod generate;

pub use generate::parse;

/// What every server takes on its command line. A server flattens it into its own arguments.
#[derive(Args, Debug, Clone)]
pub struct ServerArgs {
    /// Where to listen.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// How much one connection may take.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What is shown of the loop's work.
    #[command(flatten)]
    pub observe: ObserveArgs,
}

/// Where a server listens.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Listening")]
pub struct ListenArgs {
    /// Address or name to listen on, such as ::1 or localhost
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// TCP port; 0 lets the system pick one
    #[arg(long, default_value_t = 8881)]
    pub port: u16,
    /// Connections that may wait in the kernel to be accepted
    #[arg(long, value_name = "CONNECTIONS", default_value_t = 4096, value_parser = clap::value_parser!(i32).range(1..=65535))]
    pub backlog: i32,
}

/// How much one connection, and all of them, may take.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Connections served at once; more wait in the backlog [default: no limit]
    #[arg(long, value_name = "CONNECTIONS", value_parser = at_least_one)]
    pub max_connections: Option<usize>,
    /// Close a connection that was silent for so long [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = seconds_above_zero)]
    pub idle_timeout: Option<Duration>,
    /// Most bytes read from one connection in one turn of the loop
    #[arg(long, value_name = "BYTES", default_value_t = Settings::default().recv_size, value_parser = at_least_one)]
    pub recv_size: usize,
    /// Pending bytes above which a connection is not read
    #[arg(long, value_name = "BYTES", default_value_t = Settings::default().high_water, value_parser = at_least_one)]
    pub high_water: usize,
    /// Time to deliver what is owed when asked to stop
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub grace: Duration,
}

/// What is shown, counted or upset of the loop's work.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Observing the loop")]
pub struct ObserveArgs {
    /// Write every call of the loop to FILE, one line of JSON each
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Print at exit, as one line of JSON, what the loop did how often
    #[arg(long)]
    pub counters: bool,
    /// Make system calls fail as on a bad day, repeatably: SEED[:KIND=PERCENT,…],
    /// kinds short, eintr, spurious, aborted, emfile [example: 7 or 7:short=90]
    #[arg(long, value_name = "SPEC")]
    pub faults: Option<Faults>,
    /// Log more to standard error (-v debug, -vv trace)
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Log less (-q warnings, -qq errors, -qqq nothing)
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    pub quiet: u8,
    /// How a line of the log looks
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// How a line of the log looks.
#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line, for programs.
    Json,
}

/// What a server's loop is told: the same for all four, so that comparing them is fair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Connections served at once.
    pub max_connections: usize,
    /// A connection that was silent for so long is closed; `None` is never.
    pub idle_timeout: Option<Duration>,
    /// Most bytes read from one connection in one turn, which is the size of the loop's one read
    /// buffer.
    pub recv_size: usize,
    /// A connection with more pending bytes than this is not read.
    pub high_water: usize,
    /// Time to deliver what is owed, when asked to stop and before a connection is dropped with
    /// input unread.
    pub grace: Duration,
}

impl Settings {
    /// Reading resumes once no more than this many bytes are pending: a quarter of the high-water
    /// mark, as in Python's asyncio (`set_write_buffer_limits`).
    pub fn low_water(&self) -> usize {
        self.high_water / 4
    }
}

/// What a server does that is told nothing.
impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_connections: usize::MAX,
            idle_timeout: None,
            recv_size: 64 * 1024,
            high_water: 64 * 1024,
            grace: Duration::from_secs(1),
        }
    }
}

impl From<&LimitArgs> for Settings {
    fn from(limits: &LimitArgs) -> Self {
        Settings {
            max_connections: limits.max_connections.unwrap_or(usize::MAX),
            idle_timeout: limits.idle_timeout,
            recv_size: limits.recv_size,
            high_water: limits.high_water,
            grace: limits.grace,
        }
    }
}

/// Parses a whole number above zero.
///
/// # Errors
/// Any other text.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("not a whole number".into()),
    }
}

/// Parses a number of seconds, fractions allowed.
///
/// # Errors
/// A text that is no number, or one that is negative or beyond what a clock can hold.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    let longest = 1e9;
    if !(0.0..=longest).contains(&number) {
        return Err(format!("must lie between 0 and {longest} seconds"));
    }
    Ok(Duration::from_secs_f64(number))
}

pub(crate) fn seconds_above_zero(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("must be more than 0 seconds".into()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn without_options_the_settings_are_the_defaults() {
        #[derive(Parser)]
        struct Options {
            #[command(flatten)]
            limits: LimitArgs,
        }
        let parsed = Settings::from(&Options::parse_from(["server"]).limits);
        assert_eq!(parsed, Settings::default());
        assert_eq!(parsed.low_water(), 16384);
    }

    #[test]
    fn seconds_are_finite_and_not_negative() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for bad in ["-1", "nan", "inf", "1e300", "soon", ""] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert!(seconds_above_zero("0").is_err());
        assert!(at_least_one("0").is_err());
    }
}
