//! `echo-client load` on the command line: options, progress bar, report.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Length, Load, LoadSettings, Progress};
use crate::args::{number, seconds, seconds_above_zero};
use crate::client::{ServerAddress, interrupt, terminal};
use crate::output;

/// Steps of the progress bar: per mille.
const STEPS: f64 = 1000.0;

/// Most connections: far more than a client has ports for.
const MOST_CONNECTIONS: usize = 1_000_000;

/// The options of `echo-client load`.
#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Example: echo-client load localhost:8881 --connections 100 --rate 20000 --warm-up 1"
)]
pub struct LoadOptions {
    /// The server, such as localhost:8881 or [::1]:8881; without a port it is 8881
    #[arg(value_name = "HOST:PORT")]
    server: ServerAddress,
    /// Threads that share the connections; with two, each on its own core, the client is
    /// faster than any server with one thread
    #[arg(short, long, value_name = "NUMBER", default_value_t = 1, value_parser = number(1..=1024))]
    threads: usize,
    /// Connections that exchange messages
    #[arg(short, long, value_name = "NUMBER", default_value_t = 50, value_parser = number(1..=MOST_CONNECTIONS))]
    connections: usize,
    /// More connections that stay silent
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = number(0..=MOST_CONNECTIONS))]
    idle: usize,
    /// Length of a message; its last byte is a newline, so that line servers return it
    #[arg(short, long, value_name = "BYTES", default_value_t = 64, value_parser = number(1..=LoadSettings::MOST_UNDER_WAY / 2))]
    size: usize,
    /// Most messages in flight on one connection
    #[arg(short = 'p', long, value_name = "MESSAGES", default_value_t = 1, value_parser = number(1..=1_000_000))]
    depth: usize,
    /// How long to measure
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = seconds_above_zero)]
    duration: Duration,
    /// Measure this many messages, however long it takes
    #[arg(short = 'n', long, value_name = "MESSAGES", conflicts_with = "duration",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    count: Option<u64>,
    /// Fixed rate over all connections; a latency is counted from when its message should
    /// have been sent [default: a closed loop, in which each answer triggers the next message]
    #[arg(short, long, value_name = "MESSAGES/S", value_parser = rate)]
    rate: Option<f64>,
    /// Time under load before measuring
    #[arg(short, long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    warm_up: Duration,
    /// When nothing has arrived for this long, count unanswered messages as lost, and end
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds_above_zero)]
    time_limit: Duration,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    /// Show no progress bar
    #[arg(short, long)]
    quiet: bool,
}

impl From<&LoadOptions> for LoadSettings {
    fn from(options: &LoadOptions) -> Self {
        let length = match options.count {
            Some(count) => Length::Count(count),
            None => Length::Duration(options.duration),
        };
        LoadSettings {
            threads: options.threads,
            connections: options.connections,
            idle: options.idle,
            size: options.size,
            depth: options.depth,
            length,
            rate: options.rate,
            warm_up: options.warm_up,
            stall_limit: options.time_limit,
        }
    }
}

/// Runs `echo-client load`. It fails if a connection was lost or an answer was wrong. Ctrl-C ends
/// the run early, and the report covers the time until then. The exit status is 2 if the options
/// don't fit together.
///
/// # Errors
/// The errors of [`Load::open`] and [`Load::run`]; or standard output can't be written.
pub fn command(options: LoadOptions) -> io::Result<ExitCode> {
    let settings = match LoadSettings::from(&options).checked() {
        Ok(settings) => settings,
        Err(error) => {
            output::print_to_stderr(format_args!("error: {error}"));
            return Ok(ExitCode::from(2));
        }
    };
    let load = open_any(&options.server.resolve()?, &settings)?;
    let interrupt = interrupt::catch()?;
    let bar = progress_bar(&options);
    let summary = load.run_watched(|progress| {
        show(&bar, progress);
        match interrupt.is_raised() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    bar.finish_and_clear();
    let summary = summary?;
    match options.json {
        true => output::print(format_args!("{}\n", serde_json::to_string(&summary)?))?,
        false => output::print(format_args!("{summary}\n"))?,
    }
    interrupt.end_if_raised();
    Ok(if summary.errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Opens the load at the first of the server's addresses that accepts.
fn open_any(addresses: &[SocketAddr], settings: &LoadSettings) -> io::Result<Load> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for &address in addresses {
        match Load::open(address, settings) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => last = error,
            other => return other,
        }
    }
    Err(last)
}

fn progress_bar(options: &LoadOptions) -> ProgressBar {
    if options.quiet || !terminal::stderr_redraws() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(STEPS as u64), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn show(bar: &ProgressBar, progress: Progress) {
    let Progress {
        fraction,
        messages,
        errors,
    } = progress;
    bar.set_position((fraction * STEPS) as u64);
    bar.set_message(match (messages, errors) {
        (0, 0) => "warming up".to_owned(),
        (_, 0) => format!("{} messages", HumanCount(messages)),
        _ => format!(
            "{} messages, {errors} connections lost",
            HumanCount(messages)
        ),
    });
}

/// Parses a number of messages per second.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if LoadSettings::RATES.contains(&rate) => Ok(rate),
        Ok(_) => Err("must be between 0.001 and 1e9".into()),
        Err(_) => Err("not a number".into()),
    }
}
