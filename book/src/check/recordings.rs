//! Whether what was recorded is still so.

use super::Site;
use crate::problem::Problem;
use crate::record;
use crate::trace::{Trace, stale};

/// The lines of source that traces name still say what they said.
pub fn current(site: &Site) -> Vec<Problem> {
    record::names()
        .flat_map(|name| {
            let file = format!("traces/{name}.json");
            let found = match site.workspace.data::<Trace>(&file) {
                Ok(trace) => stale(&trace, &site.workspace.root),
                Err(error) => vec![format!("{error:#}")],
            };
            let problem = |text| Problem::new(format!("book/data/{file}"), 0, text);
            found.into_iter().map(problem).collect::<Vec<_>>()
        })
        .collect()
}
