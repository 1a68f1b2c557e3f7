//! The subcommand `check` of `echo-client`.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Finding, Kind, NotGraded, Report, Selection, Target, run_with};
use crate::client::{ServerAddress, TIME_LIMIT, terminal};
use crate::output;

/// Grade an echo server against the contract.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckOptions {
    /// What the server does with a line that isn't complete
    #[arg(long, value_enum, default_value_t = Kind::Stream)]
    kind: Kind,
    /// Run only this case, by name or number (can be repeated)
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Leave out this case (can be repeated)
    #[arg(long = "skip", value_name = "NAME")]
    skipped: Vec<String>,
    /// Run only the cases that need nothing but the server's address
    #[arg(long)]
    wire_only: bool,
    /// Show the cases of this kind of server, and run none
    #[arg(long)]
    list: bool,
    /// Write one JSON object per case, and one for the totals
    #[arg(long)]
    json: bool,
    /// Multiply every limit on time or CPU by this
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = slack)]
    slack: f64,
    /// The running server to grade; without a port it is 8881
    #[arg(value_name = "HOST:PORT", conflicts_with = "command", required_unless_present_any = ["command", "list"])]
    address: Option<ServerAddress>,
    /// The server to start and grade: its program and arguments
    #[arg(value_name = "COMMAND", last = true)]
    command: Vec<OsString>,
}

/// Runs the subcommand. The exit status is 1 if a case fails, and 2 if no case has a given name or
/// the command can't be run.
///
/// # Errors
/// The address can't be resolved or reached, or standard output can't be written.
pub fn command(options: CheckOptions) -> io::Result<ExitCode> {
    let selection = options.selection();
    if let Some(mistake) = selection.mistake() {
        output::print_to_stderr(format_args!("error: {mistake}"));
        return Ok(ExitCode::from(2));
    }
    if options.list {
        list(&selection, options.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let target = options.target()?;
    let report = match show(&target, &selection, options.json) {
        Err(NotGraded::CannotRun(error)) => {
            output::print_to_stderr(format_args!("error: {error}"));
            return Ok(ExitCode::from(2));
        }
        report => report?,
    };
    Ok(if report.failed().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl CheckOptions {
    fn selection(&self) -> Selection {
        let all = Selection::of(self.kind).slack(self.slack);
        let all = if self.wire_only { all.wire_only() } else { all };
        all.only(&self.cases).skip(&self.skipped)
    }

    fn target(&self) -> io::Result<Target> {
        let Some(name) = &self.address else {
            return Ok(Target::Command(self.command.clone()));
        };
        let client = name.connect_within(TIME_LIMIT)?;
        Ok(Target::Address(client.socket().peer_addr()?))
    }
}

/// Runs the cases, prints a line for each, and then the totals.
fn show(target: &Target, selection: &Selection, json: bool) -> Result<Report, NotGraded> {
    let bar = progress_bar(selection.cases().count());
    let colours = terminal::has_colours();
    let report = run_with(target, selection, |finding| {
        let line = line(finding, json, colours);
        bar.suspend(|| output::print(format_args!("{line}\n")))?;
        bar.inc(1);
        Ok(())
    });
    bar.finish_and_clear();
    let report = report?;
    let sum = match json {
        true => {
            let (passed, failed, skipped) = report.counts();
            let seconds = report.took.as_secs_f64();
            json!({ "passed": passed, "failed": failed, "skipped": skipped, "seconds": seconds })
                .to_string()
        }
        false => report.summary(),
    };
    output::print(format_args!("{sum}\n")).map_err(NotGraded::Stopped)?;
    Ok(report)
}

fn line(finding: &Finding, json: bool, colours: bool) -> String {
    match (json, colours) {
        (true, _) => json!(finding).to_string(),
        (false, true) => format!("{finding:#}"),
        (false, false) => finding.to_string(),
    }
}

/// Shown on standard error, and only if that is a terminal.
fn progress_bar(cases: usize) -> ProgressBar {
    if !terminal::stderr_redraws() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(cases as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} cases, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn list(selection: &Selection, json: bool) -> io::Result<()> {
    let mut text = String::new();
    for case in selection.cases() {
        let needs = format!("{:?}", case.needs).to_lowercase();
        let kinds = case
            .only
            .map_or("both".into(), |kind| format!("{kind:?}").to_lowercase());
        let (number, name, about, rule) = (case.number, case.name, case.about, case.rule);
        text += &match json {
            true => json!({ "number": number, "name": name, "about": about, "rule": rule, "needs": needs, "kind": kinds }).to_string(),
            false => format!("{number:3} {name:26} {needs:7} {kinds:6} {about}  [{rule}]"),
        };
        text.push('\n');
    }
    output::print(format_args!("{text}"))
}

fn slack(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (0.001..=1000.0).contains(&factor) => Ok(factor),
        Ok(_) => Err("must be between 0.001 and 1000".into()),
        Err(_) => Err("not a number".into()),
    }
}
