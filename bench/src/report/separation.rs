//! Sentences that say what separates the servers of a group, and what doesn't.

use common::comparison::{Benchmark, Estimate, Family, Row, Verdict};

use super::{graph, words};
use crate::candidate::THE_FOUR;

/// How a server did in the benchmarks that it took part in.
struct Standing<'a> {
    name: &'a str,
    /// Its lowest ratio where it was slower, and the benchmark.
    slower: Option<(f64, &'a str)>,
    /// Whether any benchmark had enough samples, and not too much noise.
    is_known: bool,
}

/// One sentence about the four styles, and one about the other servers.
pub(super) fn sentences(benchmarks: &[Benchmark], servers: &[(&str, Family)]) -> Vec<String> {
    let styles = THE_FOUR.iter().filter_map(|name| {
        let against_styles = |benchmark: &Benchmark| against_the_fastest_style(benchmark, name);
        standing(benchmarks, name, against_styles)
    });
    let others = servers.iter().filter(|(_, family)| *family != Family::Ours);
    let others = others.filter_map(|(name, _)| {
        let against_all = |benchmark: &Benchmark| {
            let row = benchmark.row(name)?;
            Some((row.to_fastest?, row.verdict?))
        };
        standing(benchmarks, name, against_all)
    });
    let is_single = benchmarks.len() == 1;
    let styles = of_styles(&styles.collect::<Vec<_>>(), is_single);
    let others = of_others(&others.collect::<Vec<_>>(), is_single);
    styles.into_iter().chain(others).collect()
}

fn standing<'a>(
    benchmarks: &'a [Benchmark],
    name: &'a str,
    compare: impl Fn(&Benchmark) -> Option<(Estimate, Verdict)>,
) -> Option<Standing<'a>> {
    let of = |benchmark: &'a Benchmark| Some((compare(benchmark)?, benchmark.name.as_str()));
    let found: Vec<_> = benchmarks.iter().filter_map(of).collect();
    let slower = found
        .iter()
        .filter(|((_, verdict), _)| *verdict == Verdict::Slower);
    let slower = slower.map(|((ratio, _), shape)| (ratio.median, *shape));
    Some(Standing {
        name,
        slower: slower.min_by(|one, other| one.0.total_cmp(&other.0)),
        is_known: found.iter().any(|((_, verdict), _)| is_known(*verdict)),
    })
    .filter(|_| !found.is_empty())
}

fn against_the_fastest_style(benchmark: &Benchmark, name: &str) -> Option<(Estimate, Verdict)> {
    let share = |row: &Row| row.to_fastest.map_or(0.0, |ratio| ratio.median);
    let styles = THE_FOUR.iter().filter_map(|name| benchmark.row(name));
    let fastest = styles.max_by(|one, other| share(one).total_cmp(&share(other)))?;
    let row = benchmark.row(name)?;
    let (ratio, verdict) = benchmark.compare(row, fastest)?;
    match row.candidate == fastest.candidate && is_known(verdict) {
        true => Some((ratio, Verdict::Fastest)),
        false => Some((ratio, verdict)),
    }
}

fn is_known(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::TooEarly | Verdict::TooNoisy)
}

fn of_styles(styles: &[Standing<'_>], is_single: bool) -> Option<String> {
    if styles.len() < 2 {
        return None;
    }
    if !styles.iter().any(|style| style.is_known) {
        return Some(
            "There is too much noise, or there are too few rounds, to tell the styles apart"
                .to_owned(),
        );
    }
    let (slower, even) = split(styles, is_single);
    let where_ever = if is_single { "" } else { " anywhere" };
    Some(match even.len() {
        _ if slower.is_empty() => format!(
            "Nothing separates the styles{where_ever}: {} are within noise of one another",
            words::list(&even)
        ),
        0 => format!(
            "Each style is slower than another in some benchmark: {}",
            words::list(&slower)
        ),
        1 => format!(
            "The fastest style{} is {}; slower: {}",
            if is_single { "" } else { " everywhere" },
            even[0],
            words::list(&slower)
        ),
        _ => format!(
            "Nothing separates {}{where_ever}; slower: {}",
            words::list(&even),
            words::list(&slower)
        ),
    })
}

fn of_others(others: &[Standing<'_>], is_single: bool) -> Option<String> {
    if !others.iter().any(|other| other.is_known) {
        return None;
    }
    let (slower, even) = split(others, is_single);
    let (even, slower) = (words::list(&even), words::list(&slower));
    Some(match (even.is_empty(), slower.is_empty()) {
        (true, _) => format!("Slower than the fastest of all: {slower}"),
        (_, true) => format!("Within noise of the fastest of all: {even}"),
        _ => format!("Within noise of the fastest of all: {even}; slower: {slower}"),
    })
}

/// The servers that are slower than the fastest, with how much and where; and the names of the others.
fn split<'a>(standings: &[Standing<'a>], is_single: bool) -> (Vec<String>, Vec<&'a str>) {
    let slower = |standing: &Standing<'_>| {
        let (ratio, shape) = standing.slower?;
        let (name, times) = (standing.name, graph::times(ratio));
        let place = if is_single {
            String::new()
        } else {
            format!(" at {shape}")
        };
        Some(format!("{name} {times}{place}"))
    };
    let even = standings
        .iter()
        .filter(|it| it.slower.is_none() && it.is_known);
    (
        standings.iter().filter_map(slower).collect(),
        even.map(|it| it.name).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::table;

    fn said(rates: [f64; 4]) -> Vec<String> {
        let names = ["select", "dispatcher", "chat", "c-epoll", "select"];
        let rates = [rates[0], rates[1], rates[2], rates[3], rates[0]].map(|rate| [rate; 6]);
        let series: Vec<(&str, &[f64])> = names
            .into_iter()
            .zip(rates.iter().map(|it| &it[..]))
            .collect();
        sentences(&[table(&series)], &[("c-epoll", Family::Other)])
    }

    #[test]
    fn styles_are_compared_with_the_fastest_style() {
        assert_eq!(
            said([80e3, 80e3, 40e3, 100e3])[0],
            "Nothing separates select and dispatcher; slower: chat 2.00×"
        );
        assert_eq!(
            said([80e3, 60e3, 40e3, 100e3])[0],
            "The fastest style is select; slower: dispatcher 1.33× and chat 2.00×"
        );
        assert_eq!(
            said([80e3; 4])[0],
            "Nothing separates the styles: select, dispatcher, and chat are within noise of one \
             another"
        );
    }

    #[test]
    fn nothing_is_said_of_a_run_that_was_too_noisy() {
        let (select, chat, twin) = ([80e3; 6], [40e3; 6], [60e3; 6]);
        let series: [(&str, &[f64]); 3] = [("select", &select), ("chat", &chat), ("select", &twin)];
        let said = sentences(&[table(&series)], &[]);
        assert_eq!(
            said,
            ["There is too much noise, or there are too few rounds, to tell the styles apart"]
        );
    }

    #[test]
    fn other_servers_are_compared_with_the_fastest_of_all() {
        assert_eq!(
            said([80e3, 80e3, 80e3, 40e3])[1],
            "Slower than the fastest of all: c-epoll 2.00×"
        );
        assert_eq!(
            said([80e3; 4])[1],
            "Within noise of the fastest of all: c-epoll"
        );
    }
}
