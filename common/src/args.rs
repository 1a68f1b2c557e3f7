//! The options that every server takes, and the [`Settings`] made from them.

use std::io::{self, ErrorKind};
use std::net::Ipv6Addr;
use std::num::IntErrorKind;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use crate::sys::Faults;

#[cfg(unix)]
mod generate;

#[cfg(unix)]
pub use generate::parse;

/// The highest connection limit that a server accepts: more descriptors than Linux allows a process
/// by default (`/proc/sys/fs/nr_open`).
pub const MOST_CONNECTIONS: usize = 1 << 24;

/// The most loops that a server starts.
pub const MOST_WORKERS: usize = 1024;

/// The most bytes that a server can be set to read at once: more than a socket's buffer holds.
pub const MOST_RECV_SIZE: usize = 1 << 26;

/// The highest limit for a connection's pending output, and for one line, in bytes.
pub const MOST_PENDING: usize = 1 << 30;

/// The command-line options of every server. A server flattens them into its own arguments.
#[derive(Args, Debug, Clone)]
pub struct ServerArgs {
    /// Where to listen.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Loops that serve at the same time, each on its own thread: a number, or auto for one per core
    #[arg(long, value_name = "WORKERS", default_value = "1", value_parser = workers, help_heading = "Listening")]
    pub workers: usize,
    /// How much each connection can use.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What to report about the loop's work.
    #[command(flatten)]
    pub observe: ObserveArgs,
}

/// Where a server listens.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Listening")]
pub struct ListenArgs {
    /// Address or name to listen on, such as ::1 or localhost
    #[arg(long, default_value = "127.0.0.1", value_parser = host)]
    pub host: String,
    /// TCP port; 0 lets the system pick one
    #[arg(long, default_value_t = 8881)]
    pub port: u16,
    /// Connections that can wait in the kernel to be accepted
    #[arg(long, value_name = "CONNECTIONS", default_value_t = 4096, value_parser = clap::value_parser!(i32).range(1..=65535))]
    pub backlog: i32,
    /// Expect a header of the PROXY protocol (v1 or v2) at the start of each connection, and log the
    /// client's address from it; only proxies may then connect
    #[arg(long)]
    pub proxy_protocol: bool,
}

/// Limits for each connection, and for all of them together.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Connections served at once; more wait in the backlog [default: no limit]
    #[arg(long, value_name = "CONNECTIONS", value_parser = number(1..=MOST_CONNECTIONS))]
    pub max_connections: Option<usize>,
    /// Close a connection that has been silent for this long [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = seconds_above_zero)]
    pub idle_timeout: Option<Duration>,
    /// Most bytes read from one connection in one iteration of the loop
    #[arg(long, value_name = "BYTES", default_value_t = Settings::default().recv_size, value_parser = number(1..=MOST_RECV_SIZE))]
    pub recv_size: usize,
    /// Stop reading from a connection while more bytes than this are pending
    #[arg(long, value_name = "BYTES", default_value_t = Settings::default().high_water, value_parser = number(1..=MOST_PENDING))]
    pub high_water: usize,
    /// Time to send pending output at shutdown
    #[arg(long, alias = "grace", value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub shutdown_timeout: Duration,
}

/// What to report or count about the loop's work, and which calls to make fail.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Observing the loop")]
pub struct ObserveArgs {
    /// Write each call of the loop to FILE, as one line of JSON
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Print counts of the loop's work at exit, as one line of JSON
    #[arg(long)]
    pub counters: bool,
    /// Make system calls fail, in a repeatable way: SEED[:KIND=PERCENT,…],
    /// kinds short, eintr, spurious, aborted, emfile, eacces [example: 7 or 7:short=90]
    #[arg(long, value_name = "SPEC")]
    pub faults: Option<Faults>,
    /// Log more to standard error (-v debug, -vv trace)
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Log less (-q warnings, -qq errors, -qqq nothing)
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    pub quiet: u8,
    /// Format of the log
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// The format of the log.
#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object per line, for programs.
    Json,
}

/// When an answer is sent, in the styles that offer a choice.
#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SendPolicy {
    /// Right after the read; only what the kernel doesn't take waits until the socket is writable
    #[default]
    AtOnce,
    /// Once the loop has found the socket writable, as the originals do
    Queued,
}

/// The settings of a server's loop: the same for all four, so that comparing them is fair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Connections served at once.
    pub max_connections: usize,
    /// Closes a connection that has been silent for this long; `None` means never.
    pub idle_timeout: Option<Duration>,
    /// Most bytes read from one connection in one iteration, and the size of the loop's only read
    /// buffer.
    pub recv_size: usize,
    /// The loop stops reading from a connection while it has more pending bytes than this.
    pub high_water: usize,
    /// Time to send pending output at shutdown; also how long a draining connection waits for its
    /// peer to close.
    pub shutdown_timeout: Duration,
}

impl Settings {
    /// At this many pending bytes or fewer, reading resumes: a quarter of the high-water mark, as in
    /// Python's asyncio (`set_write_buffer_limits`).
    pub fn low_water(&self) -> usize {
        self.high_water / 4
    }

    /// A read buffer of `recv_size` bytes, all zero.
    ///
    /// # Errors
    /// `OutOfMemory`: the system doesn't have that much.
    pub fn read_buffer(&self) -> io::Result<Vec<u8>> {
        let mut buffer = Vec::new();
        let size = self.recv_size;
        buffer.try_reserve_exact(size).map_err(|_| {
            let message = format!("no memory for a read buffer of {size} bytes");
            io::Error::new(ErrorKind::OutOfMemory, message)
        })?;
        buffer.resize(self.recv_size, 0);
        Ok(buffer)
    }
}

/// The settings of a server that is started without options.
impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_connections: usize::MAX,
            idle_timeout: None,
            recv_size: 64 * 1024,
            high_water: 64 * 1024,
            shutdown_timeout: Duration::from_secs(1),
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
            shutdown_timeout: limits.shutdown_timeout,
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

/// Returns a parser of whole numbers within these bounds.
pub fn number(
    bounds: RangeInclusive<usize>,
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse() {
        Ok(number) if bounds.contains(&number) => Ok(number),
        Err(error) if !matches!(error.kind(), IntErrorKind::PosOverflow) => {
            Err("not a whole number".into())
        }
        _ => Err(format!(
            "must be between {} and {}",
            bounds.start(),
            bounds.end()
        )),
    }
}

/// Parses a number of workers; `auto` is the number of cores that the process can use
/// ([`available_parallelism`]).
fn workers(text: &str) -> Result<usize, String> {
    match text {
        "auto" => Ok(available_parallelism()
            .map_or(1, usize::from)
            .min(MOST_WORKERS)),
        _ => number(1..=MOST_WORKERS)(text).map_err(|error| format!("{error}, or auto")),
    }
}

/// Parses an address or a name to listen on, without a port; `[::1]` means `::1`.
fn host(text: &str) -> Result<String, String> {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let host = inner.unwrap_or(text);
    let is_name = !host.is_empty() && !host.contains([':', '[', ']', ' ', '/']);
    if is_name || host.parse::<Ipv6Addr>().is_ok() || has_scope(host) {
        return Ok(host.to_owned());
    }
    Err("must be an address or a name, such as 127.0.0.1, ::1 or localhost; use --port to set the port".into())
}

/// Whether this is an address of one network interface, such as `fe80::1%eth0`.
fn has_scope(host: &str) -> bool {
    host.split_once('%')
        .is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok())
}

/// Parses a number of seconds, fractions allowed.
///
/// # Errors
/// The text isn't a number, or the number is negative or more than a clock can hold.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    let longest = 1e9;
    if !(0.0..=longest).contains(&number) {
        return Err(format!("must be between 0 and {longest} seconds"));
    }
    Ok(Duration::from_secs_f64(number))
}

/// Parses a number of seconds above zero, fractions allowed.
///
/// # Errors
/// The errors of [`seconds`], or zero.
pub fn seconds_above_zero(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("must be more than 0 seconds".into()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Parser)]
    struct ServerOptions {
        #[command(flatten)]
        limits: LimitArgs,
    }

    #[test]
    fn without_options_the_settings_are_the_defaults() {
        let parsed = Settings::from(&ServerOptions::parse_from(["server"]).limits);
        assert_eq!(parsed, Settings::default());
        assert_eq!(parsed.low_water(), 16384);
    }

    #[test]
    fn grace_is_a_hidden_alias_of_shutdown_timeout() {
        let parsed = ServerOptions::parse_from(["server", "--grace", "5"]).limits;
        assert_eq!(parsed.shutdown_timeout, Duration::from_secs(5));
        let help = ServerOptions::command().render_long_help().to_string();
        assert!(help.contains("--shutdown-timeout") && !help.contains("--grace"));
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

    #[test]
    fn numbers_stay_within_their_bounds() {
        let parse = number(1..=1024);
        assert_eq!((parse("1"), parse("1024")), (Ok(1), Ok(1024)));
        for bad in ["0", "1025", "18446744073709551615", "99999999999999999999"] {
            assert_eq!(
                parse(bad),
                Err("must be between 1 and 1024".into()),
                "{bad}"
            );
        }
        for bad in ["", "-1", "1e3", "ten", "1 "] {
            assert_eq!(parse(bad), Err("not a whole number".into()), "{bad}");
        }
    }

    #[test]
    fn workers_are_a_number_or_one_per_core() {
        assert_eq!((workers("1"), workers("1024")), (Ok(1), Ok(MOST_WORKERS)));
        let cores = available_parallelism().map_or(1, usize::from);
        assert_eq!(workers("auto"), Ok(cores.min(MOST_WORKERS)));
        for bad in ["0", "1025", "-1", "two", "Auto", ""] {
            assert!(workers(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_has_no_port() {
        for (typed, meant) in [
            ("localhost", "localhost"),
            ("0.0.0.0", "0.0.0.0"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("fe80::1%lo", "fe80::1%lo"),
        ] {
            assert_eq!(host(typed).as_deref(), Ok(meant));
        }
        for bad in [
            "",
            "127.0.0.1:8881",
            "[::1]:8881",
            "localhost:",
            "http://x",
            "a b",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_read_buffer_that_cannot_be_had_is_an_error() {
        let settings = Settings {
            recv_size: isize::MAX as usize,
            ..Settings::default()
        };
        let error = settings
            .read_buffer()
            .expect_err("no machine has that much");
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    }
}
