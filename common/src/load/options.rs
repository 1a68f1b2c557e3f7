//! `echo-client load` on the command line: options, progress bar, report.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Length, Load, Progress, Settings, Summary};
use crate::args::{at_least_one, seconds, seconds_above_zero};
use crate::client::resolve;

/// Steps of the progress bar: permille.
const STEPS: f64 = 1000.0;

/// What `echo-client load` takes.
#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Example: echo-client load localhost:8881 --connections 100 --rate 20000 --warm-up 1"
)]
pub struct Options {
    /// The server, such as localhost:8881 or [::1]:8881
    #[arg(value_name = "HOST:PORT")]
    server: String,
    /// Threads that share the connections; with two, each on a core of its own, the client is
    /// faster than any server with one thread
    #[arg(short, long, value_name = "NUMBER", default_value_t = 1, value_parser = at_least_one)]
    threads: usize,
    /// Connections that exchange messages
    #[arg(short, long, value_name = "NUMBER", default_value_t = 50, value_parser = at_least_one)]
    connections: usize,
    /// Connections beside them that stay silent
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    idle: usize,
    /// Length of a message; its last byte is a newline, so that line servers answer
    #[arg(short, long, value_name = "BYTES", default_value_t = 64, value_parser = at_least_one)]
    size: usize,
    /// Most messages under way on one connection
    #[arg(short = 'p', long, value_name = "MESSAGES", default_value_t = 1, value_parser = at_least_one)]
    depth: usize,
    /// How long to measure
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = seconds_above_zero)]
    duration: Duration,
    /// Measure so many messages, however long it takes
    #[arg(short = 'n', long, value_name = "MESSAGES", conflicts_with = "duration",
        value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Fixed rate over all connections; a latency is counted from when its message should
    /// have been sent [default: a closed loop, the next message when one is answered]
    #[arg(short, long, value_name = "MESSAGES/S")]
    rate: Option<f64>,
    /// Time under load before measuring
    #[arg(short, long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    warm_up: Duration,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    /// Show no progress bar
    #[arg(short, long)]
    quiet: bool,
}

impl From<&Options> for Settings {
    fn from(options: &Options) -> Self {
        let length = match options.count {
            Some(count) => Length::Count(count),
            None => Length::Duration(options.duration),
        };
        Settings {
            threads: options.threads,
            connections: options.connections,
            idle: options.idle,
            size: options.size,
            depth: options.depth,
            length,
            rate: options.rate,
            warm_up: options.warm_up,
            ..Settings::default()
        }
    }
}

/// Runs `echo-client load`: failure means that a connection was lost or an answer was wrong.
///
/// # Errors
/// As [`Load::open`] and [`Load::run`].
pub fn command(options: Options) -> io::Result<ExitCode> {
    let addresses = resolve(&options.server)?;
    let bar = progress_bar(&options);
    let summary = open_any(&addresses, &Settings::from(&options))?
        .run_watched(|progress| show(&bar, progress));
    bar.finish_and_clear();
    let summary = summary?;
    // That nobody reads the report is no failure of the run.
    let _ = report(&summary, options.json);
    Ok(if summary.errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Opens the load at the first of the server's addresses at which somebody listens.
fn open_any(addresses: &[SocketAddr], settings: &Settings) -> io::Result<Load> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for &address in addresses {
        match Load::open(address, settings) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => last = error,
            other => return other,
        }
    }
    Err(last)
}

fn report(summary: &Summary, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, summary)?;
        writeln!(out)
    } else {
        writeln!(out, "{summary}")
    }
}

fn progress_bar(options: &Options) -> ProgressBar {
    if options.quiet || !io::stderr().is_terminal() {
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
