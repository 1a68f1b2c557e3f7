//! A trace in a page: a table that is complete without script, and the data that the player needs
//! besides.

use std::fmt::Write;

use serde_json::json;

use super::{ScenarioTrace, TraceEvent, grouped};
use crate::html::escape;
use crate::style::Style;

/// Markdown ends a block of HTML at an empty line, so there is none.
pub(super) fn render(trace: &ScenarioTrace) -> String {
    let name = &trace.scenario;
    let about = escape(&trace.about);
    let heads: String = Style::ALL.into_iter().map(head).collect();
    let steps: String = (0..trace.steps.len())
        .map(|step| group(trace, step))
        .collect();
    let data = data(trace);
    format!(
        r#"<div class="trace" data-scenario="{name}" data-shown="select">
<div class="trace-scroll" role="region" aria-label="Events of {name}" tabindex="0"><table>
<caption>{about}</caption>
<thead><tr>{heads}</tr></thead>
{steps}</table></div>
<script type="application/json">{data}</script>
</div>
"#
    )
}

fn head(style: Style) -> String {
    let (name, heading) = (style.name(), style.heading());
    format!(r#"<th scope="col" data-style="{name}">{heading}</th>"#)
}

/// A step of the client: its name, and a row for each event of the busiest server.
fn group(trace: &ScenarioTrace, step: usize) -> String {
    let name = escape(&trace.steps[step]);
    let styles = Style::ALL.map(|style| trace.events(style, step).collect::<Vec<_>>());
    let rows = styles.iter().map(Vec::len).max().unwrap_or(0);
    let mut html = format!(
        "<tbody><tr class=\"trace-step\">\
         <th colspan=\"4\" scope=\"rowgroup\">{step}. {name}</th></tr>\n"
    );
    for row in 0..rows {
        let cells = Style::ALL.iter().zip(&styles).map(|(style, events)| {
            let cell = events.get(row).map(|event| cell(event)).unwrap_or_default();
            format!(r#"<td data-style="{}">{cell}</td>"#, style.name())
        });
        // Writing to a string cannot fail.
        let _ = writeln!(html, "<tr>{}</tr>", cells.collect::<String>());
    }
    html + &replies(trace, step) + "</tbody>\n"
}

/// What came back to the client, if anything did.
fn replies(trace: &ScenarioTrace, step: usize) -> String {
    let replies = Style::ALL.map(|style| {
        let style_trace = trace.styles.get(&style);
        let replies = style_trace.and_then(|style_trace| style_trace.replies.get(step));
        let lines = replies.into_iter().flatten().map(|line| escape(line));
        (style, lines.collect::<Vec<_>>().join("<br>"))
    });
    if replies.iter().all(|(_, lines)| lines.is_empty()) {
        return String::new();
    }
    let cells = replies.map(|(style, lines)| {
        let lines = if lines.is_empty() {
            "nothing comes back"
        } else {
            &lines
        };
        format!(r#"<td data-style="{}">{lines}</td>"#, style.name())
    });
    format!("<tr class=\"trace-replies\">{}</tr>\n", cells.concat())
}

fn cell(event: &TraceEvent) -> String {
    let call = event.handler.as_deref().unwrap_or(&event.call);
    let mut html = format!(r#"<b data-call="{}">{}</b>"#, event.call, escape(call));
    if let Some(detail) = detail(event) {
        let _ = write!(html, " {detail}");
    }
    if let Some(error) = &event.error {
        let _ = write!(html, " <em>{}</em>", escape(error));
    }
    if let Some(fd) = &event.fd {
        let number = fd.strip_prefix("client ").unwrap_or_default();
        let _ = write!(html, " <i data-client=\"{number}\">{}</i>", escape(fd));
    }
    let file = event.file.rsplit('/').next().unwrap_or(&event.file);
    let _ = write!(html, " <small>{}:{}</small>", escape(file), event.line);
    html
}

fn detail(event: &TraceEvent) -> Option<String> {
    match (event.call.as_str(), event.bytes, event.ready) {
        ("recv", Some(0), _) => Some("end of stream".to_owned()),
        (_, Some(1), _) => Some("1 byte".to_owned()),
        (_, Some(bytes), _) => Some(format!("{} bytes", grouped(bytes))),
        (_, _, Some(ready)) => Some(format!("{ready} ready")),
        _ => None,
    }
}

/// What the player needs beside the table: the step and the source of each event, and the sources.
fn data(trace: &ScenarioTrace) -> String {
    let styles: serde_json::Map<_, _> = Style::ALL
        .into_iter()
        .map(|style| {
            let steps: Vec<Vec<String>> = (0..trace.steps.len())
                .map(|step| trace.events(style, step).map(TraceEvent::place).collect())
                .collect();
            (style.name().to_owned(), json!(steps))
        })
        .collect();
    let data = json!({ "steps": trace.steps, "lanes": styles, "sources": trace.sources });
    // HTML has no escapes within a script, and a `</script>` in the data would end it.
    data.to_string().replace('<', "\\u003c")
}
