//! The published bugs, and what runs of them in each style show.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::lab::Lab;
use crate::style::Style;

/// A bug, from `book/lab/bugs.toml`, which says more about these fields.
#[derive(Debug, Deserialize)]
pub(crate) struct Bug {
    pub name: String,
    pub title: String,
    pub summary: String,
    pub source: String,
    pub source_title: String,
    pub rule: String,
    pub case: String,
    pub checked_with: Vec<String>,
    pub styles: BTreeMap<Style, Form>,
}

/// A bug in one style.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Form {
    pub impossible: Option<String>,
    pub error: Option<String>,
    pub harmless: Option<String>,
    pub case: Option<String>,
    pub unnoticed: Option<String>,
    pub file: Option<String>,
    pub line: usize,
    pub right: String,
    pub wrong: String,
    pub script: String,
    pub options: Vec<String>,
    pub runs: Option<Runs>,
}

/// What the server as it is breaks, and what the server with the bug breaks.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Runs {
    pub right: Option<Violation>,
    pub wrong: Option<Violation>,
}

/// A broken rule, and the call that shows it.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Violation {
    pub rule: String,
    pub text: String,
    pub call: String,
    pub place: String,
}

impl Bug {
    /// Checks that the runs show what the table says: the bug breaks its rule, and nothing else does.
    fn check(&self) -> Result<()> {
        for (style, form) in &self.styles {
            let bug = format!("book/lab/bugs.toml, {} in {}", self.name, style.name());
            let Some(Runs { right, wrong }) = &form.runs else {
                let why = form.impossible.is_some();
                ensure!(why, "{bug}: there is neither a run nor a reason");
                continue;
            };
            ensure!(right.is_none(), "{bug}: without the bug, {right:?}");
            match form.harmless {
                Some(_) => ensure!(wrong.is_none(), "{bug}: it isn't harmless: {wrong:?}"),
                None => {
                    let rule = wrong.as_ref().map(|broken| broken.rule.as_str());
                    let expected = self.rule.as_str();
                    ensure!(rule == Some(expected), "{bug}: it breaks {wrong:?}");
                }
            }
        }
        Ok(())
    }
}

/// Runs all bugs.
///
/// # Errors
/// The lab can't be run, or a run shows something else than the table says.
pub(crate) fn run(lab: &Lab) -> Result<Vec<Bug>> {
    let bugs: Vec<Bug> = lab.matrix()?;
    bugs.iter().try_for_each(Bug::check)?;
    Ok(bugs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bug(runs: Option<Runs>, harmless: Option<String>) -> Bug {
        let form = Form {
            harmless,
            runs,
            ..Form::default()
        };
        Bug {
            name: "a-bug".into(),
            title: String::new(),
            summary: String::new(),
            source: String::new(),
            source_title: String::new(),
            rule: "ends".into(),
            case: String::new(),
            checked_with: Vec::new(),
            styles: BTreeMap::from([(Style::Chat, form)]),
        }
    }

    fn broken(rule: &str) -> Option<Violation> {
        Some(Violation {
            rule: rule.into(),
            text: String::new(),
            call: String::new(),
            place: String::new(),
        })
    }

    #[test]
    fn a_bug_has_to_break_its_rule_and_nothing_else() {
        let runs = |right, wrong| Some(Runs { right, wrong });
        let harmless = || Some(String::new());
        assert!(bug(runs(None, broken("ends")), None).check().is_ok());
        assert!(bug(runs(None, None), harmless()).check().is_ok());
        for wrong in [
            bug(runs(None, None), None),
            bug(runs(None, broken("quiet")), None),
            bug(runs(broken("ends"), broken("ends")), None),
            bug(runs(None, broken("ends")), harmless()),
            bug(None, None),
        ] {
            let error = wrong.check().unwrap_err().to_string();
            assert!(error.starts_with("book/lab/bugs.toml, a-bug in chat: "));
        }
    }
}
