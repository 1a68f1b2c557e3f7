//! The reader's own run of `cargo bench`, if there is one.
//!
//! criterion 0.8 doesn't promise the layout of its files, so this reads only two of them, and a test
//! has samples of both: `new/benchmark.json` names the benchmark, and `new/estimates.json` has its
//! result in nanoseconds.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use common::comparison::Estimate;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::workspace::files_under;

/// The results of the reader's machine.
#[derive(Debug, Default)]
pub struct Own {
    /// Seconds per message by group, shape, and candidate.
    seconds: HashMap<(String, String, String), Estimate>,
    /// When the newest of them was measured, in seconds since 1970; 0 if there are none.
    pub date: u64,
}

#[derive(Deserialize)]
struct Id {
    group_id: String,
    function_id: Option<String>,
    value_str: Option<String>,
}

#[derive(Deserialize)]
struct Estimates {
    median: Median,
}

#[derive(Deserialize)]
struct Median {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

impl Own {
    /// Reads criterion's folder. Skips files that are missing or can't be parsed: the book must build
    /// whatever is in the reader's folders.
    pub fn read(folder: &Path) -> Self {
        let mut own = Own::default();
        for file in files_under(folder, "json").unwrap_or_default() {
            if file.ends_with("new/benchmark.json") {
                own.add(&file);
            }
        }
        own
    }

    /// Seconds per message, if the reader has measured it.
    pub fn seconds(&self, group: &str, shape: &str, candidate: &str) -> Option<Estimate> {
        let key = [group, shape, candidate].map(str::to_owned).into();
        self.seconds.get(&key).copied()
    }

    fn add(&mut self, benchmark: &Path) -> Option<()> {
        let id: Id = json(benchmark)?;
        let file = benchmark.with_file_name("estimates.json");
        let Estimates { median } = json(&file)?;
        let nanoseconds = Estimate {
            low: median.confidence_interval.lower_bound,
            median: median.point_estimate,
            high: median.confidence_interval.upper_bound,
            samples: 0,
        };
        let key = (id.group_id, id.function_id?, id.value_str?);
        self.seconds.insert(key, nanoseconds.times(1e-9));
        self.date = self.date.max(date(&file).unwrap_or(0));
        Some(())
    }
}

fn json<T: DeserializeOwned>(file: &Path) -> Option<T> {
    serde_json::from_reader(File::open(file).ok()?).ok()
}

fn date(file: &Path) -> Option<u64> {
    let written: SystemTime = fs::metadata(file).ok()?.modified().ok()?;
    Some(written.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criterions_files_are_understood() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/criterion");
        let own = Own::read(&fixture);
        let select = own.seconds("round-trip", "50 × 64 B", "select").unwrap();
        assert_eq!((select.median * 1e9).round(), 18_576.0);
        assert!(select.low < select.median && select.median < select.high);
        assert!(own.date > 1_700_000_000);
        assert_eq!(own.seconds("round-trip", "50 × 64 B", "chat"), None);
    }

    #[test]
    fn no_run_is_no_failure() {
        let own = Own::read(Path::new("/nothing/is/here"));
        assert_eq!((own.date, own.seconds("a", "b", "c")), (0, None));
    }
}
