//! Changes since the last run.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use common::comparison::{Benchmark, Comparison, Estimate, Row};
use indicatif::HumanDuration;

use super::{graph, words};

/// With fewer servers, a change of one looks like a change of all.
const ENOUGH: usize = 3;

/// The newest results of earlier runs.
#[derive(Debug, Default)]
pub struct LastRun {
    /// The results, newest first.
    comparisons: Vec<Comparison>,
}

impl LastRun {
    /// Reads the comparisons in these files. Skips files that are missing or of another schema.
    pub fn read(files: &[PathBuf]) -> Self {
        let read = |file| Comparison::from_json(&fs::read_to_string(file).ok()?).ok();
        let mut comparisons: Vec<_> = files.iter().filter_map(read).collect();
        comparisons.sort_by_key(|comparison| std::cmp::Reverse(comparison.machine.date));
        LastRun { comparisons }
    }

    /// The changes in a benchmark; `None` if no earlier run has it.
    pub(super) fn changes(
        &self,
        now: &Comparison,
        group: &str,
        benchmark: &Benchmark,
    ) -> Option<Changes> {
        let found = self.comparisons.iter().find_map(|comparison| {
            let last = comparison.group(group)?.benchmark(&benchmark.name)?;
            Some((comparison, Changes::between(benchmark, last)?))
        });
        let (comparison, mut changes) = found?;
        let age = now.machine.date.saturating_sub(comparison.machine.date);
        changes.age = Duration::from_secs(age);
        changes.commit.clone_from(&comparison.machine.commit);
        Some(changes)
    }
}

/// How the servers' rates have changed.
#[derive(Debug)]
pub(super) struct Changes {
    age: Duration,
    commit: String,
    /// The median change: that of the machine.
    drift: f64,
    /// The rate now divided by the rate then, and whether the change is more than drift and noise.
    servers: HashMap<String, (f64, bool)>,
    /// The servers that have clearly changed, in the order of the table.
    clear: Vec<String>,
}

impl Changes {
    fn between(now: &Benchmark, last: &Benchmark) -> Option<Self> {
        let seconds = |row: &Row| {
            let last = last.row(&row.candidate)?.seconds?;
            Some((row.candidate.clone(), row.seconds?, last))
        };
        let pairs: Vec<_> = now.rows.iter().filter_map(seconds).collect();
        let ratios = pairs.iter().map(|(_, now, last)| last.median / now.median);
        let drift = Estimate::of(ratios)?.median;
        let assumed = if pairs.len() < ENOUGH { 1.0 } else { drift };
        let is_noisy = now.is_too_noisy() || last.is_too_noisy();
        let is_clear =
            |now: &Estimate, last: &Estimate| !is_noisy && !now.times(assumed).overlaps(last);
        let clear = pairs.iter().filter(|(_, now, last)| is_clear(now, last));
        Some(Changes {
            age: Duration::ZERO,
            commit: String::new(),
            drift,
            clear: clear.map(|(name, ..)| name.clone()).collect(),
            servers: pairs
                .into_iter()
                .map(|(name, now, last)| (name, (last.median / now.median, is_clear(&now, &last))))
                .collect(),
        })
    }

    /// The cell of a server, such as `+3 %`; with `*` after a clear change.
    pub(super) fn of(&self, server: &str) -> Option<String> {
        let (ratio, is_clear) = self.servers.get(server)?;
        let mark = if *is_clear { "*" } else { "" };
        Some(format!("{}{mark}", graph::percent(*ratio)))
    }

    /// All changes in a sentence.
    pub(super) fn sentence(&self) -> String {
        let age = HumanDuration(self.age).to_string();
        let (commit, drift) = (&self.commit, graph::percent(self.drift));
        let named = |name: &String| format!("{name} {}", graph::percent(self.servers[name].0));
        let clear: Vec<_> = self.clear.iter().map(named).collect();
        let clear = match clear.is_empty() {
            true => "no server has changed by more than that and the noise".to_owned(),
            false => format!(
                "changed by more than that and the noise: {}",
                words::list(&clear)
            ),
        };
        format!("Last run: {age} ago, commit {commit}; all servers together {drift}; {clear}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::table;

    #[test]
    fn a_change_of_the_machine_is_not_a_change_of_a_server() {
        let now = |chat: f64| {
            let rates = [[50e3; 6], [50e3; 6], [chat; 6], [50e3; 6]];
            let names = ["select", "dispatcher", "chat", "select"];
            let series: Vec<(&str, &[f64])> = names
                .into_iter()
                .zip(rates.iter().map(|it| &it[..]))
                .collect();
            table(&series)
        };
        let last = {
            let rates = [100e3; 6];
            let names = ["select", "dispatcher", "chat", "select"];
            table(&names.map(|name| (name, &rates[..])))
        };
        let changes = Changes::between(&now(50e3), &last).expect("both have the servers");
        assert_eq!(changes.of("chat").as_deref(), Some("-50 %"));
        assert!(changes.clear.is_empty());
        let changes = Changes::between(&now(25e3), &last).expect("both have the servers");
        assert_eq!(changes.of("chat").as_deref(), Some("-75 %*"));
        assert_eq!(changes.clear, ["chat"]);
        assert_eq!(changes.of("c-epoll"), None);
    }
}
