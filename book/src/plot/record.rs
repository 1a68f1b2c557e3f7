//! The committed record of the benchmarks, which the `record` program of the bench crate writes.

use anyhow::{Context, Result, anyhow};
use common::comparison::{Benchmark, Comparison, MeasuredGroup};

use crate::workspace::Workspace;

/// The committed record.
///
/// # Errors
/// There is no record yet, or it has another schema.
pub fn load(workspace: &Workspace) -> Result<Comparison> {
    let path = "book/data/reference.json";
    let text = workspace
        .read(path)
        .context("the benchmarks are not recorded: cargo run --release -p bench --bin record")?;
    Comparison::from_json(&text).context(path)
}

/// The group of that name.
///
/// # Errors
/// The record doesn't contain it.
pub fn group<'a>(record: &'a Comparison, name: &str) -> Result<&'a MeasuredGroup> {
    let group = record.group(name);
    group.with_context(|| format!("{name} is not in the record"))
}

/// The benchmark of that name; without a name, the only one.
///
/// # Errors
/// There is none of that name, or there are several to choose from.
pub fn benchmark<'a>(group: &'a MeasuredGroup, name: &str) -> Result<&'a Benchmark> {
    match &group.benchmarks[..] {
        [only] if name.is_empty() => Ok(only),
        all => group.benchmark(name).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|of| of.name.as_str()).collect();
            anyhow!("{} has no {name:?}, but {}", group.name, names.join(", "))
        }),
    }
}
