//! The sentences around the tables.

use common::comparison::{Benchmark, Comparison, Family, MeasuredGroup, Row, Verdict};

use super::graph;

/// What the live table's columns mean.
const LEGEND: &str = "medians of slices (▁ -20 %, █ +20 %); p50, p99, cpu per message in µs; ratio \
    to the fastest with its 95 % interval: ≈ within noise, ? too early; system calls per echo";

/// The server that is under load now.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// Its row; `None` for a second instance.
    pub(crate) server: Option<usize>,
    /// When the comparison ends, in words.
    pub(crate) until: String,
}

/// The lines above the live table.
pub(super) fn above(comparison: &Comparison) -> Vec<String> {
    let title = comparison.main().map(|(group, it)| title(group, it));
    title.into_iter().chain([place(comparison)]).collect()
}

/// The lines below the live table while a server is loaded, or at the end.
pub(super) fn below(comparison: &Comparison, loaded: Option<&Loaded>) -> Vec<String> {
    let mut below = vec![LEGEND.to_owned()];
    below.extend(skipped(comparison));
    let Some((_, benchmark)) = comparison.main() else {
        return below;
    };
    below.push(bottleneck(benchmark));
    let mut noise = noise_floor(benchmark);
    if let Some(Loaded { server, until }) = loaded {
        let round = benchmark.rounds + 1;
        below.push(format!(
            "round {round} of {until}; Ctrl-C stops and keeps the table"
        ));
        noise += if server.is_none() { " ‹" } else { "" };
    }
    below.push(noise);
    below
}

/// The servers and their load.
pub(super) fn title(group: &MeasuredGroup, benchmark: &Benchmark) -> String {
    let servers = benchmark.rows.len();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let load = match benchmark.connections {
        0 => benchmark.name.clone(),
        connections => {
            let ahead = match benchmark.depth {
                1 => String::new(),
                depth => format!(" × {depth} messages"),
            };
            let (plural, bytes) = (plural(connections), benchmark.bytes);
            format!("{connections} connection{plural}{ahead} × {bytes} B")
        }
    };
    format!(
        "{servers} echo server{}, {load}; loaded one at a time, {:.0} ms each",
        plural(servers),
        group.slice * 1e3,
    )
}

/// The machine and the cores.
pub(super) fn place(comparison: &Comparison) -> String {
    let cores = match comparison.cores {
        Some(cores) => format!(
            "servers on core {}, the load generator on core {}",
            cores.server, cores.client
        ),
        None => "servers and load generator wherever the scheduler puts them".to_owned(),
    };
    format!("{}; {cores}", comparison.machine)
}

/// Servers that couldn't take part for the same reason, or that the same command installs.
pub(super) struct Missing<'a> {
    names: Vec<&'a str>,
    lacks: Vec<&'a str>,
    /// The command, in one piece so that it can be copied.
    pub(super) install: Option<&'a str>,
}

impl Missing<'_> {
    /// The servers, and the reason.
    pub(super) fn sentence(&self) -> String {
        let (names, lacks) = (list(&self.names), self.lacks.join(", "));
        let end = match self.install {
            Some(_) if self.names.len() > 1 => "; one command installs what they need:",
            Some(_) => "; to install it:",
            None => "",
        };
        format!("Skipped {names}: {lacks}{end}")
    }
}

/// The servers that couldn't take part.
pub(super) fn missing(comparison: &Comparison) -> Vec<Missing<'_>> {
    let mut all: Vec<Missing<'_>> = Vec::new();
    for one in &comparison.skipped {
        let (name, lacks, install) = (&*one.name, &*one.lacks, one.install.as_deref());
        let is_same = |it: &&mut Missing<'_>| {
            it.install == install && (install.is_some() || it.lacks.contains(&lacks))
        };
        match all.iter_mut().find(is_same) {
            Some(same) => {
                same.names.push(name);
                if !same.lacks.contains(&lacks) {
                    same.lacks.push(lacks);
                }
            }
            None => all.push(Missing {
                names: vec![name],
                lacks: vec![lacks],
                install,
            }),
        }
    }
    all
}

/// The same as lines of text: each sentence, then its command.
pub(super) fn skipped(comparison: &Comparison) -> Vec<String> {
    let lines = missing(comparison).into_iter().flat_map(|it| {
        let command = it.install.map(|command| format!("    {command}"));
        [Some(it.sentence()), command]
    });
    lines.flatten().collect()
}

/// The side on which the connections queued.
pub(super) fn bottleneck(benchmark: &Benchmark) -> String {
    let count = |row: &Row| (row.samples.len(), row.bottlenecks());
    let counts = benchmark.rows.iter().map(count);
    let (slices, count) = counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if count == 0 {
        return format!("The client was the bottleneck in none of {slices} slices");
    }
    let whose = benchmark.rows.iter().filter_map(|row| {
        let count = row.bottlenecks();
        (count > 0).then(|| format!("{} {count}", row.candidate))
    });
    let whose = whose.collect::<Vec<_>>().join(", ");
    format!(
        "The client was the bottleneck in {count} of {slices} slices ({whose}): with a faster \
         server they would look the same"
    )
}

/// A server compared with itself, and what follows from it.
pub(super) fn noise_floor(benchmark: &Benchmark) -> String {
    match &benchmark.noise_floor {
        Some(floor) => {
            let least = (1.0 - floor.least()) * 100.0;
            let means = match benchmark.is_too_noisy() {
                true => {
                    "no server can be called faster or slower; run it again when nothing else uses \
                     the machine"
                        .to_owned()
                }
                false => {
                    format!(
                        "a server that is slower by less than {least:.0} % would not be noticed"
                    )
                }
            };
            format!(
                "Noise floor: {} against itself {}: {means}",
                floor.candidate, floor.ratio
            )
        }
        None => {
            let name = benchmark.rows.first().map_or("", |row| &row.candidate);
            format!("Noise floor: {name} against itself")
        }
    }
}

/// The groups that took too long for all of their rounds.
pub(super) fn cut_short(comparison: &Comparison) -> Option<String> {
    let groups = comparison.groups.iter().filter_map(|group| {
        let rounds = group.benchmarks.iter().map(|it| it.rounds).max()?;
        let all = group.rounds;
        (rounds < all).then(|| format!("{} after {rounds} of {all} rounds", group.name))
    });
    let groups: Vec<_> = groups.collect();
    (!groups.is_empty()).then(|| format!("Ended by the time limit: {}", list(&groups)))
}

/// The heading of a family.
pub(super) fn family(family: Family) -> &'static str {
    match family {
        Family::Ours => "the four styles",
        Family::Rust => "Rust without a style",
        Family::Python => "Python",
        Family::Other => "C and Go",
    }
}

/// Names in a list: `a, b, and c`.
pub(super) fn list<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names[..] {
        [one, two] => format!("{one} and {two}"),
        [ref first @ .., last] if !first.is_empty() => format!("{}, and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// What the ratio means.
pub(super) fn verdict(row: &Row) -> String {
    match (row.verdict, row.to_fastest) {
        (Some(Verdict::Fastest), _) => "fastest".to_owned(),
        (Some(Verdict::WithinNoise), _) => "within noise".to_owned(),
        (Some(Verdict::TooEarly), _) => "too early".to_owned(),
        (Some(Verdict::TooNoisy), _) => "too noisy".to_owned(),
        (Some(Verdict::Slower), Some(ratio)) => graph::slower(ratio.median),
        _ => String::new(),
    }
}
