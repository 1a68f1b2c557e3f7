//! A view of the lab in a page: a table of events, which is complete without script, and the data from which
//! `book/theme/lab` makes the view.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::lab::Lab;
use crate::scenario::Scenario;
use crate::style::Style;

/// The engine records states at calls and at steps, so a pause after each step shows the servers at rest. Before
/// a stop there is none, since its own record shows that. `book/theme/lab/model.js` does the same.
const PAUSE: &str = "wait 1us";

/// The data of a view: a script, how to run it, and what the engine printed for these servers.
///
/// # Errors
/// The engine refuses the script or the options.
pub(crate) fn data(lab: &Lab, scenario: &Scenario, servers: &[&str]) -> Result<Value> {
    let script = with_pauses(scenario)?;
    let mut groups: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
    for server in servers {
        let options = scenario.options(style_of(server));
        match groups.iter_mut().find(|(of, _)| *of == options) {
            Some((_, servers)) => servers.push(server),
            None => groups.push((options, vec![server])),
        }
    }
    let results = groups
        .iter()
        .map(|(options, servers)| lab.result(servers, options, &script));
    let results = results.collect::<Result<Vec<_>>>()?;
    let mut data = start(scenario);
    data["servers"] = json!(servers);
    data["results"] = json!(results);
    Ok(data)
}

/// What a view needs to run a scenario itself.
pub(crate) fn start(scenario: &Scenario) -> Value {
    let named = scenario.common_options().map(|option| {
        let option = option.trim_start_matches("--");
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        (name.to_owned(), json!(value))
    });
    json!({
        "name": scenario.name,
        "about": scenario.about,
        "script": scenario.script().trim(),
        "options": named.collect::<Map<_, _>>(),
        "descriptors": scenario.descriptors(),
        "client": scenario.client,
    })
}

/// An element with the table and the data. Markdown ends a block of HTML at an empty line, so there is none.
pub(crate) fn element(classes: &str, table: &str, data: &Value) -> String {
    // HTML has no escapes within a script, and a `</script>` in the data would end it.
    let data = data.to_string().replace('<', "\\u003c");
    format!(
        "<div class=\"lab {classes}\">\n{table}\n<script type=\"application/json\">{data}</script>\n</div>\n"
    )
}

fn with_pauses(scenario: &Scenario) -> Result<String> {
    let steps = scenario.steps()?;
    let lines: Vec<&String> = steps.iter().flat_map(|step| &step.lines).collect();
    let lines = lines.iter().enumerate().map(|(index, line)| {
        let is_before_stop = lines.get(index + 1).is_some_and(|next| *next == "stop");
        match is_before_stop {
            true => format!("{line}\n"),
            false => format!("{line}; {PAUSE}\n"),
        }
    });
    Ok(lines.collect())
}

/// The style whose options a server gets: the small ones grow into the select loop.
fn style_of(server: &str) -> Style {
    Style::named(server).unwrap_or(Style::Select)
}
