//! The sentences above and below the table.

use super::conditions::Conditions;
use super::graph;
use super::table::{Row, Table, Verdict};

/// What the columns mean.
const LEGEND: &str = "medians of slices (▁ -20 %, █ +20 %); p50, p99, cpu a message in µs; ratio \
    to the fastest, 95 %: ≈ within noise, ? too early; calls an echo";

/// What stands above the table.
pub(super) fn above(table: &Table) -> Vec<String> {
    vec![title(table), place(table)]
}

/// What stands below it while that series is loaded, or at the end.
pub(super) fn below(table: &Table, loaded: Option<usize>) -> Vec<String> {
    let Conditions { skipped, until, .. } = &table.conditions;
    let skipped = skipped
        .iter()
        .map(|one| format!("skipped {}: {}", one.name, one.reason));
    let mut below = vec![LEGEND.to_owned()];
    below.extend(skipped);
    below.push(bottleneck(table));
    let mut noise = noise_floor(table);
    if let Some(series) = loaded {
        let round = table.rounds + 1;
        below.push(format!(
            "round {round} of {until}; Ctrl-C ends and leaves the table"
        ));
        noise += if series == table.servers.len() {
            " ‹"
        } else {
            ""
        };
    }
    below.push(noise);
    below
}

/// Who is loaded how.
pub(super) fn title(table: &Table) -> String {
    let conditions = &table.conditions;
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (servers, connections) = (table.servers.len(), conditions.connections);
    let ahead = match conditions.depth {
        1 => String::new(),
        depth => format!(" × {depth} messages"),
    };
    format!(
        "{servers} echo server{}, {connections} connection{}{ahead} × {} B; loaded one at a time, \
         {:.0} ms each",
        plural(servers),
        plural(connections),
        conditions.size,
        conditions.slice_seconds * 1e3,
    )
}

/// On which machine and which cores.
pub(super) fn place(table: &Table) -> String {
    let machine = &table.conditions.machine;
    let cores = match table.conditions.cores {
        Some(places) => format!(
            "servers on core {}, the load generator on core {}",
            places.server, places.client
        ),
        None => "servers and load generator wherever the scheduler puts them".to_owned(),
    };
    let kind = if machine.virtual_machine {
        " (virtual)"
    } else {
        ""
    };
    format!(
        "{}, {} cores{kind}, {}; {cores}",
        machine.processor, machine.cores, machine.kernel
    )
}

/// At which side connections queued.
pub(super) fn bottleneck(table: &Table) -> String {
    let (count, slices) = (table.client_was_the_bottleneck, table.slices);
    if count == 0 {
        return format!("the client was the bottleneck in none of {slices} slices");
    }
    let whose = table.servers.iter().filter_map(|row| {
        let count = row.client_was_the_bottleneck;
        (count > 0).then(|| format!("{} {count}", row.name))
    });
    let whose = whose.collect::<Vec<_>>().join(", ");
    format!(
        "the client was the bottleneck in {count} of {slices} slices ({whose}): there a faster \
         server would show no more"
    )
}

/// What the first server is against itself.
pub(super) fn noise_floor(table: &Table) -> String {
    let name = table.servers.first().map_or("", |row| row.name);
    match &table.noise_floor {
        Some(estimate) => format!("noise floor: {name} against itself {estimate}"),
        None => format!("noise floor: {name} against itself"),
    }
}

/// What the ratio says.
pub(super) fn verdict(row: &Row) -> String {
    match (row.verdict, row.ratio) {
        (Some(Verdict::Fastest), _) => "fastest".to_owned(),
        (Some(Verdict::WithinNoise), _) => "within noise".to_owned(),
        (Some(Verdict::TooEarly), _) => "too early".to_owned(),
        (Some(Verdict::Slower), Some(ratio)) => graph::slower(ratio.median),
        _ => String::new(),
    }
}
