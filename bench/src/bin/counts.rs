//! Counts what each candidate costs: system calls, instructions, memory, wake-ups, lines.

use std::collections::HashMap;
use std::io;
use std::process::ExitCode;

use bench::builder::{Builder, Profile, Ready};
use bench::candidate::{self, ALL, Candidate, Made};
use bench::counts::{self, Tools, bands, build_seconds, table};
use bench::harness::Harness;
use clap::Parser;
use common::client::terminal;
use common::comparison::Counts;
use common::output;
use indicatif::{ProgressBar, ProgressStyle};

/// Count what each candidate costs: system calls, instructions, memory, wake-ups, lines
#[derive(Parser)]
struct Args {
    /// Only these candidates [default: all]
    #[arg(value_name = "NAME", value_parser = known)]
    names: Vec<&'static Candidate>,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown
    #[arg(long)]
    markdown: bool,
    /// Fail if a figure is outside its band
    #[arg(long, conflicts_with = "profile")]
    check: bool,
    /// Count servers that cargo has built in this profile; the bands are for "measured"
    #[arg(long, value_enum, default_value_t = Profile::Measured)]
    profile: Profile,
    /// Also build each of the four servers from scratch, and report how long that takes
    #[arg(long)]
    build: bool,
}

fn known(name: &str) -> Result<&'static Candidate, String> {
    let names = || {
        ALL.iter()
            .map(|candidate| candidate.name)
            .collect::<Vec<_>>()
    };
    candidate::named(name).ok_or_else(|| format!("the candidates are {}", names().join(", ")))
}

fn main() -> ExitCode {
    output::exit_code(run(&Args::parse()))
}

fn run(args: &Args) -> io::Result<ExitCode> {
    let chosen = match args.names.is_empty() {
        true => ALL.iter().collect(),
        false => args.names.clone(),
    };
    let builder = Builder::open(chosen, args.profile)?;
    let tools = Tools::find();
    tell_what_is_missing(&builder, &tools);
    // Before this process is kept on one core: a build can use all cores.
    let builds = match args.build {
        true => builds(&builder.ready, args.profile)?,
        false => HashMap::new(),
    };
    let mut all = counted(&builder.ready, &tools)?;
    for counts in &mut all {
        let made = candidate::named(&counts.candidate).and_then(package);
        counts.build_seconds = made.and_then(|package| builds.get(package).copied());
    }
    print(args, &all)?;
    let breaches = match args.check {
        true => bands::breaches(&all),
        false => Vec::new(),
    };
    for breach in &breaches {
        output::print_to_stderr(format_args!("outside its band: {breach}"));
    }
    Ok(ExitCode::from(u8::from(!breaches.is_empty())))
}

fn tell_what_is_missing(builder: &Builder, tools: &Tools) {
    for missing in &builder.missing {
        let (name, lacks) = (missing.candidate.name, &missing.lacks);
        let install = missing.install.iter().map(|command| format!("; {command}"));
        let install: String = install.collect();
        output::print_to_stderr(format_args!("skipped {name}: {lacks}{install}"));
    }
    for lacking in tools.lacking() {
        let (counts, tool) = (lacking.counts, lacking.tool);
        output::print_to_stderr(format_args!(
            "skipped {counts}: no working {tool}; {}",
            lacking.install
        ));
    }
}

fn counted(ready: &[Ready], tools: &Tools) -> io::Result<Vec<Counts>> {
    let harness = Harness::enter()?;
    let bar = match terminal::stderr_redraws() {
        true => ProgressBar::new(ready.len() as u64),
        false => ProgressBar::hidden(),
    };
    let style = ProgressStyle::with_template("{msg:16} {bar:40} {pos}/{len}, {elapsed}");
    bar.set_style(style.map_err(io::Error::other)?);
    let count = |ready: &Ready| {
        bar.set_message(ready.candidate.name);
        let counts = counts::count(ready, &harness, tools);
        bar.inc(1);
        counts
    };
    let all = ready.iter().map(count).collect();
    bar.finish_and_clear();
    all
}

/// How long each package takes to build, once for all candidates in it.
fn builds(ready: &[Ready], profile: Profile) -> io::Result<HashMap<&'static str, f64>> {
    let mut builds = HashMap::new();
    for candidate in ready.iter().map(|ready| ready.candidate) {
        if let Some(package) = package(candidate).filter(|package| !builds.contains_key(package))
            && let Some(seconds) = build_seconds(candidate, profile)?
        {
            builds.insert(package, seconds);
        }
    }
    Ok(builds)
}

fn package(candidate: &'static Candidate) -> Option<&'static str> {
    match candidate.made {
        Made::Cargo { package, .. } => Some(package),
        _ => None,
    }
}

fn print(args: &Args, all: &[Counts]) -> io::Result<()> {
    let text = if args.json {
        serde_json::to_string_pretty(all)? + "\n"
    } else if args.markdown {
        table::markdown(all)
    } else {
        format!("{}\n{}", table::plain(all), table::LEGEND)
    };
    output::print(format_args!("{text}"))
}
