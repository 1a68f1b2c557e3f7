//! The scenarios: what clients do to each of the four servers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::style::Style;

/// A script, and the options to play it with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name in pages.
    pub name: String,
    /// What it shows, in a sentence or more.
    pub about: String,
    /// Options of the servers.
    #[serde(default)]
    pub server: Vec<String>,
    /// Options of the simulated kernel.
    #[serde(default)]
    kernel: Vec<String>,
    /// The client whose bytes a view shows at first; the first one if it isn't given.
    #[serde(default)]
    pub client: Option<u8>,
    /// Each server's descriptors are below this number.
    #[serde(default)]
    descriptors: BTreeMap<Style, usize>,
    /// The steps, one per line.
    script: String,
}

/// A step as a page shows it: one line of a script, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioStep {
    /// What happens, in words.
    pub text: String,
    /// The lines of the script, without comments.
    pub lines: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenariosFile {
    scenario: Vec<Scenario>,
}

impl Scenario {
    /// A scenario of a page's own.
    pub(crate) fn new(name: &str, about: &str, options: Vec<String>, script: String) -> Self {
        Scenario {
            name: name.to_owned(),
            about: about.to_owned(),
            server: options,
            kernel: Vec::new(),
            client: None,
            descriptors: BTreeMap::new(),
            script,
        }
    }

    /// The options for `lab trace`.
    pub fn options(&self, style: Style) -> Vec<String> {
        let limit = self.descriptors.get(&style);
        let limit = limit.map(|limit| format!("--descriptors={limit}"));
        self.common_options().cloned().chain(limit).collect()
    }

    /// The options that all styles share.
    pub(crate) fn common_options(&self) -> impl Iterator<Item = &String> {
        self.server.iter().chain(&self.kernel)
    }

    /// For each style whose descriptors are limited, the limit.
    pub(crate) fn descriptors(&self) -> &BTreeMap<Style, usize> {
        &self.descriptors
    }

    /// Whether the server has few descriptors.
    pub fn limits_descriptors(&self) -> bool {
        !self.descriptors.is_empty()
    }

    /// The script, in the language of the simulation.
    pub fn script(&self) -> &str {
        &self.script
    }

    /// The steps.
    ///
    /// # Errors
    /// The script's first line has no comment.
    pub fn steps(&self) -> Result<Vec<ScenarioStep>> {
        let mut steps: Vec<ScenarioStep> = Vec::new();
        let lines = self.script.lines().filter(|line| !line.trim().is_empty());
        for line in lines {
            match (line.rsplit_once(" # "), steps.last_mut()) {
                (Some((line, text)), _) => steps.push(ScenarioStep {
                    text: text.trim().to_owned(),
                    lines: vec![line.trim().to_owned()],
                }),
                (None, Some(step)) => step.lines.push(line.trim().to_owned()),
                (None, None) => {
                    let name = &self.name;
                    ensure!(false, "{name}: the first step has no comment");
                }
            }
        }
        Ok(steps)
    }
}

/// Reads `book/scenarios.toml`.
///
/// # Errors
/// The file can't be read, or isn't a list of scenarios.
pub fn load(root: &Path) -> Result<Vec<Scenario>> {
    let path = root.join("book/scenarios.toml");
    let text = fs::read_to_string(&path).context("cannot read book/scenarios.toml")?;
    let list: ScenariosFile = toml::from_str(&text).context("book/scenarios.toml")?;
    Ok(list.scenario)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(script: &str) -> Scenario {
        let text = format!("name = \"a\"\nabout = \"b\"\nscript = '''\n{script}'''");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_line_without_a_comment_belongs_to_the_step_above() {
        let scenario =
            scenario("connect 1   # it connects\nwait 1s\n\nsend 1 \"#\" # it sends #\n");
        let step = |text: &str, lines: &[&str]| ScenarioStep {
            text: text.to_owned(),
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
        };
        assert_eq!(
            scenario.steps().unwrap(),
            [
                step("it connects", &["connect 1", "wait 1s"]),
                step("it sends #", &["send 1 \"#\""]),
            ]
        );
    }

    #[test]
    fn the_first_step_needs_a_comment() {
        assert!(scenario("connect 1\n").steps().is_err());
    }
}
