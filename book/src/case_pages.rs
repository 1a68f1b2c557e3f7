//! Where the book says more about a case of the checker.

/// Which page explains what a case is about, by the beginning of the case's name. The first entry counts.
const PAGES: [(&str, &str); 27] = [
    ("half-close", "concepts/half-close"),
    ("reset-", "concepts/isolation"),
    ("vanishing-", "concepts/isolation"),
    ("never-reader-harmless", "concepts/isolation"),
    ("never-reader-", "concepts/back-pressure"),
    ("memory-", "concepts/back-pressure"),
    ("late-reader-", "concepts/partial-write"),
    ("full-duplex", "concepts/partial-write"),
    ("fairness", "concepts/fairness"),
    ("no-delay", "concepts/nagle"),
    ("half-a-line", "concepts/framing"),
    ("line-", "concepts/framing"),
    ("split-", "concepts/framing"),
    ("unterminated-", "concepts/framing"),
    ("max-line", "concepts/framing"),
    ("short-", "concepts/accept"),
    ("thousand-", "concepts/accept"),
    ("max-connections", "concepts/accept"),
    ("out-of-descriptors", "concepts/descriptors"),
    ("beyond-", "concepts/scaling"),
    ("idle-timeout", "concepts/timers"),
    ("quiet-idle-timeout", "concepts/timers"),
    ("sigterm-", "concepts/graceful-stop"),
    ("sigint-", "concepts/graceful-stop"),
    ("second-signal", "concepts/graceful-stop"),
    ("stop", "concepts/graceful-stop"),
    ("", "contract"),
];

/// The page that explains what a case is about, without its extension.
pub fn page_of(case: &str) -> &'static str {
    let found = PAGES.iter().find(|(begin, _)| case.starts_with(begin));
    found.map_or("contract", |(_, page)| page)
}

/// The id of a case's entry in the list of all cases.
pub fn id_of(case: &str) -> String {
    format!("case-{case}")
}

/// The address of this entry, from the folder of all pages.
pub fn entry_of(case: &str) -> String {
    format!("cases.html#{}", id_of(case))
}

#[cfg(test)]
mod tests {
    use anyhow::{Result, ensure};

    use super::*;
    use crate::grades::Grades;
    use crate::workspace::Workspace;

    #[test]
    fn each_case_has_a_page() -> Result<()> {
        let workspace = Workspace::here()?;
        let cases = Grades::read(&workspace)?.cases;
        for case in &cases {
            let page = format!("{}.md", page_of(&case.name));
            ensure!(workspace.book().join("md").join(&page).is_file(), "{page}");
        }
        for (begin, page) in PAGES {
            let is_used = cases.iter().any(|case| page_of(&case.name) == page);
            ensure!(
                is_used && cases.iter().any(|case| case.name.starts_with(begin)),
                "{begin}"
            );
        }
        Ok(())
    }
}
