//! A trace in a page: a table that is complete without script.

use std::fmt::Write;

use super::{ScenarioTrace, StyleTrace, TraceEvent, grouped};
use crate::html::escape;
use crate::style::Style;

/// A column of the table: a server, and what it does.
pub(super) struct Lane<'t> {
    /// The server's name.
    pub name: &'t str,
    /// Its name as HTML.
    pub heading: String,
    /// What it does.
    pub trace: &'t StyleTrace,
}

pub(super) fn of_styles(trace: &ScenarioTrace) -> String {
    let lanes = Style::ALL.into_iter().filter_map(|style| {
        Some(Lane {
            name: style.name(),
            heading: style.heading(),
            trace: trace.styles.get(&style)?,
        })
    });
    let lanes: Vec<Lane> = lanes.collect();
    table(&trace.scenario, &trace.about, &trace.steps, &lanes)
}

/// The table of events, complete without script.
pub(super) fn table(name: &str, about: &str, steps: &[String], lanes: &[Lane]) -> String {
    let about = escape(about);
    let heads: String = lanes.iter().map(head).collect();
    let groups = steps.iter().enumerate();
    let groups: String = groups
        .map(|(number, step)| group(number, step, lanes))
        .collect();
    format!(
        r#"<div class="trace-scroll" role="region" aria-label="Events of {name}" tabindex="0"><table>
<caption>{about}</caption>
<thead><tr>{heads}</tr></thead>
{groups}</table></div>"#
    )
}

fn head(lane: &Lane) -> String {
    let Lane { name, heading, .. } = lane;
    format!(r#"<th scope="col" data-style="{name}">{heading}</th>"#)
}

/// A step of the client: its name, and a row for each event of the busiest server.
fn group(step: usize, name: &str, lanes: &[Lane]) -> String {
    let name = escape(name);
    let events = |lane: &Lane<'_>| lane.trace.events_in(step).count();
    let rows = lanes.iter().map(events).max().unwrap_or(0);
    let mut html = format!(
        "<tbody><tr class=\"trace-step\">\
         <th colspan=\"{}\" scope=\"rowgroup\">{step}. {name}</th></tr>\n",
        lanes.len()
    );
    for row in 0..rows {
        let cells = lanes.iter().map(|lane| {
            let event = lane.trace.events_in(step).nth(row);
            let cell = event.map(cell).unwrap_or_default();
            format!(r#"<td data-style="{}">{cell}</td>"#, lane.name)
        });
        // Writing to a string cannot fail.
        let _ = writeln!(html, "<tr>{}</tr>", cells.collect::<String>());
    }
    html + &replies(step, lanes) + "</tbody>\n"
}

/// What came back to the client, if anything did.
fn replies(step: usize, lanes: &[Lane]) -> String {
    let replies = lanes.iter().map(|lane| {
        let replies = lane.trace.replies.get(step);
        let lines = replies.into_iter().flatten().map(|line| escape(line));
        (lane.name, lines.collect::<Vec<_>>().join("<br>"))
    });
    let replies: Vec<(&str, String)> = replies.collect();
    if replies.iter().all(|(_, lines)| lines.is_empty()) {
        return String::new();
    }
    let cells = replies.iter().map(|(name, lines)| {
        let lines = if lines.is_empty() {
            "nothing comes back"
        } else {
            lines
        };
        format!(r#"<td data-style="{name}">{lines}</td>"#)
    });
    format!(
        "<tr class=\"trace-replies\">{}</tr>\n",
        cells.collect::<String>()
    )
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
