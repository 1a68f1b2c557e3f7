//! Counts what each contender costs: system calls, instructions, memory, wake-ups, lines.

use std::collections::HashMap;
use std::io;
use std::process::ExitCode;

use bench::arena::Arena;
use bench::contender::{self, ALL, Contender, Made};
use bench::counts::{self, Counts, Tools, bands, build_seconds, table};
use bench::workshop::{Profile, Ready, Workshop};
use clap::Parser;
use common::client::terminal;
use common::output;
use indicatif::{ProgressBar, ProgressStyle};

/// Count what each contender costs: system calls, instructions, memory, wake-ups, lines
#[derive(Parser)]
struct Args {
    /// Only these contenders [default: all]
    #[arg(value_name = "NAME", value_parser = known)]
    names: Vec<&'static Contender>,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown
    #[arg(long)]
    markdown: bool,
    /// Fail if a figure is out of its band
    #[arg(long, conflicts_with = "profile")]
    check: bool,
    /// Count servers that cargo has built in this profile; the bands are those of "measured"
    #[arg(long, value_enum, default_value_t = Profile::Measured)]
    profile: Profile,
    /// Build each of the four servers from nothing, too, and tell how long that takes
    #[arg(long)]
    build: bool,
}

fn known(name: &str) -> Result<&'static Contender, String> {
    let names = || {
        ALL.iter()
            .map(|contender| contender.name)
            .collect::<Vec<_>>()
    };
    contender::named(name).ok_or_else(|| format!("the contenders are {}", names().join(", ")))
}

fn main() -> ExitCode {
    output::exit_code(run(&Args::parse()))
}

fn run(args: &Args) -> io::Result<ExitCode> {
    let chosen = match args.names.is_empty() {
        true => ALL.iter().collect(),
        false => args.names.clone(),
    };
    let workshop = Workshop::open(chosen, args.profile)?;
    let tools = Tools::find();
    tell_what_is_missing(&workshop, &tools);
    // Before this process is kept on one core: a build may have them all.
    let builds = match args.build {
        true => builds(&workshop.ready, args.profile)?,
        false => HashMap::new(),
    };
    let mut all = counted(&workshop.ready, &tools)?;
    for counts in &mut all {
        let made = contender::named(&counts.contender).and_then(package);
        counts.build_seconds = made.and_then(|package| builds.get(package).copied());
    }
    print(args, &all)?;
    let breaches = match args.check {
        true => bands::breaches(&all),
        false => Vec::new(),
    };
    for breach in &breaches {
        output::complain(format_args!("out of its band: {breach}"));
    }
    Ok(ExitCode::from(u8::from(!breaches.is_empty())))
}

fn tell_what_is_missing(workshop: &Workshop, tools: &Tools) {
    for missing in &workshop.missing {
        let (name, lacks) = (missing.contender.name, &missing.lacks);
        output::complain(format_args!("skipped {name}: {lacks}; {}", missing.install));
    }
    for lacking in tools.lacking() {
        let (counts, tool) = (lacking.counts, lacking.tool);
        output::complain(format_args!(
            "skipped {counts}: no {tool} that works; {}",
            lacking.install
        ));
    }
}

fn counted(ready: &[Ready], tools: &Tools) -> io::Result<Vec<Counts>> {
    let arena = Arena::enter()?;
    let bar = match terminal::stderr_redraws() {
        true => ProgressBar::new(ready.len() as u64),
        false => ProgressBar::hidden(),
    };
    let style = ProgressStyle::with_template("{msg:16} {bar:40} {pos}/{len}, {elapsed}");
    bar.set_style(style.map_err(io::Error::other)?);
    let count = |ready: &Ready| {
        bar.set_message(ready.contender.name);
        let counts = counts::count(ready, &arena, tools);
        bar.inc(1);
        counts
    };
    let all = ready.iter().map(count).collect();
    bar.finish_and_clear();
    all
}

/// How long each package takes, once for all contenders that it makes.
fn builds(ready: &[Ready], profile: Profile) -> io::Result<HashMap<&'static str, f64>> {
    let mut builds = HashMap::new();
    for contender in ready.iter().map(|ready| ready.contender) {
        if let Some(package) = package(contender).filter(|package| !builds.contains_key(package))
            && let Some(seconds) = build_seconds(contender, profile)?
        {
            builds.insert(package, seconds);
        }
    }
    Ok(builds)
}

fn package(contender: &'static Contender) -> Option<&'static str> {
    match contender.made {
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
