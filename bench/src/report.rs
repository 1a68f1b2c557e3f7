//! Comparisons as text: the page of the live comparison, and the summary of `cargo bench`.
//!
//! | module | for |
//! |---|---|
//! | `summary` | the last screen of `cargo bench` |
//! | `separation` | sentences that say what separates the servers, and what doesn't |
//! | `grid` | the ratios of a group with several shapes of load |
//! | `changes` | changes since the last run |
//! | `layout` | tables in lines of text, for any width |
//! | `columns` | their columns |
//! | `words` | their sentences |
//! | `graph` | a bar, a sparkline, a number |
//! | `style` | the marker and the colour of each of the four styles |
//! | `screen` | drawing over what was drawn before |
//! | `markdown` | the same in Markdown |

mod changes;
mod columns;
mod graph;
mod grid;
mod layout;
pub(crate) mod markdown;
pub(crate) mod screen;
mod separation;
mod style;
mod summary;
mod words;

pub use changes::LastRun;
pub use markdown::summary as summary_as_markdown;
pub use summary::text as summary;
pub(crate) use words::Loaded;

#[cfg(test)]
mod tests {
    use common::comparison::{Benchmark, Comparison, MAIN, MeasuredGroup, SCHEMA};

    use crate::machine;
    use crate::table::tests::table;

    /// A comparison with these benchmarks in one group.
    pub(super) fn of(group: &str, benchmarks: Vec<Benchmark>) -> Comparison {
        Comparison {
            schema: SCHEMA,
            command: "cargo bench".to_owned(),
            machine: machine::here(),
            cores: None,
            candidates: Vec::new(),
            skipped: Vec::new(),
            noise_floor: benchmarks.first().and_then(|it| it.noise_floor.clone()),
            counts: Vec::new(),
            groups: vec![MeasuredGroup {
                name: group.to_owned(),
                about: "a message".to_owned(),
                rounds: 9,
                slice: 0.12,
                benchmarks,
            }],
        }
    }

    /// A comparison of these servers, each with its rates; the last is the first one's second instance.
    pub(super) fn comparison(series: &[(&str, &[f64])]) -> Comparison {
        of(MAIN.0, vec![table(series)])
    }
}
