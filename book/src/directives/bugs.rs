//! `bugs`: the published bugs in the four styles. One line says what: `matrix` is a table, `catalogue` a
//! section for each bug.

use std::fmt::Write;

use anyhow::anyhow;

use super::{Block, Rendered, block_error};
use crate::break_it::{Bug, Form, Runs, Violation, run};
use crate::html::{escape, wrapping_code};
use crate::style::Style;

pub fn render(block: &Block) -> Rendered {
    let line = block.only_line()?;
    let show = match line {
        "matrix" => matrix,
        "catalogue" => catalogue,
        _ => return Err(block_error(anyhow!("{line:?} is not a part of the bugs"))),
    };
    let bugs = block.workspace.lab().and_then(run);
    bugs.map(|bugs| show(&bugs)).map_err(block_error)
}

fn matrix(bugs: &[Bug]) -> String {
    let heads = Style::ALL.map(|style| {
        let (marker, name) = (style.marker(), style.name());
        format!("<th scope=\"col\">{marker} {name}</th>")
    });
    let mut rows = String::new();
    for bug in bugs {
        let cells = Style::ALL.map(|style| bug.styles.get(&style).map_or(String::new(), cell));
        // Writing to a string cannot fail.
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\"><a href=\"#{}\">{}</a></th>{}</tr>",
            bug.name,
            escape(&bug.title),
            cells.concat()
        );
    }
    format!(
        "<figure class=\"bugs\">\n<table>\n<caption>The call at which each style breaks the contract</caption>\n\
         <thead><tr><th scope=\"col\">bug</th>{}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</figure>",
        heads.concat()
    )
}

fn cell(form: &Form) -> String {
    match &form.runs {
        None => "<td class=\"bug-impossible\">impossible</td>".into(),
        Some(Runs { wrong: None, .. }) => "<td class=\"bug-harmless\">harmless</td>".into(),
        Some(Runs {
            wrong: Some(broken),
            ..
        }) => format!(
            "<td class=\"bug-found\"><code>{}</code></td>",
            escape(&broken.call)
        ),
    }
}

fn catalogue(bugs: &[Bug]) -> String {
    bugs.iter().map(section).collect()
}

/// The section of a bug. Styles that have it in the same way are shown together.
fn section(bug: &Bug) -> String {
    let mut groups: Vec<(Vec<Style>, &Form)> = Vec::new();
    for (style, form) in &bug.styles {
        let same = groups.iter_mut().find(|(_, other)| same(other, form));
        match same {
            Some((styles, _)) => styles.push(*style),
            None => groups.push((vec![*style], form)),
        }
    }
    let forms: String = groups
        .iter()
        .map(|(styles, form)| part(&names(styles), form))
        .collect();
    format!(
        "## {} {{#{}}}\n\n<p>{} (<a href=\"{}\">{}</a>)</p>\n\n{}{forms}{}",
        bug.title,
        bug.name,
        paragraph(&bug.summary),
        escape(&bug.source),
        escape(&bug.source_title),
        script(bug),
        verdict(bug),
    )
}

/// The rule, and the checker's case.
fn verdict(bug: &Bug) -> String {
    if bug.rule.is_empty() {
        return String::new();
    }
    let rule = escape(&bug.rule.replace('_', " "));
    let options = match bug.checked_with.is_empty() {
        true => String::new(),
        false => format!(
            " if the server runs with <code>{}</code>",
            escape(&bug.checked_with.join(" "))
        ),
    };
    let found = match bug.case.as_str() {
        "" => "No case of the checker finds it.".to_owned(),
        case => format!(
            "The checker finds it with <code>{}</code>{options}.",
            escape(case)
        ),
    };
    let mut verdict = format!("<p>It breaks the rule <i>{rule}</i>. {found}");
    for (style, form) in &bug.styles {
        let name = style.name();
        let except = match (&form.case, &form.unnoticed) {
            (Some(case), _) => format!(" For {name}, the case is <code>{}</code>.", escape(case)),
            (None, Some(why)) => format!(" It passes {name}: {}", paragraph(&lower(why))),
            (None, None) => continue,
        };
        verdict += &except;
    }
    verdict + "</p>\n\n"
}

/// The text with a small letter at its beginning.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// Whether two styles have the same lines, and the same fate.
fn same(one: &Form, other: &Form) -> bool {
    let lines = |form: &Form| (form.file.clone(), form.right.clone(), form.wrong.clone());
    let fate = |form: &Form| (form.impossible.clone(), form.harmless.clone());
    lines(one) == lines(other) && fate(one) == fate(other)
}

fn names(styles: &[Style]) -> String {
    let names: Vec<&str> = styles.iter().map(|style| style.name()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The script of the first style that has one.
fn script(bug: &Bug) -> String {
    let form = bug.styles.values().find(|form| form.runs.is_some());
    let Some(form) = form else {
        return String::new();
    };
    let options = match form.options.is_empty() {
        true => "the lab's usual options".to_owned(),
        false => format!("<code>{}</code>", escape(&form.options.join(" "))),
    };
    format!(
        "<details class=\"bug-script\"><summary>The script that shows it</summary>\n\n\
         <pre><code class=\"nohighlight\">{}</code></pre>\n\n<p>It runs with {options}.</p>\n</details>\n\n",
        escape(form.script.trim()),
    )
}

/// The lines of some styles, and what they lead to.
fn part(names: &str, form: &Form) -> String {
    let mut part = format!("<figure class=\"diff listing bug\">\n<figcaption>{names}");
    if let Some(file) = &form.file {
        let _ = write!(part, ": {}:{}", escape(file), form.line);
    }
    part += "</figcaption>\n\n";
    if form.file.is_some() {
        part += &code(form);
    }
    let _ = write!(part, "\n\n<p>{}</p>\n</figure>\n\n", outcome(form));
    part
}

fn outcome(form: &Form) -> String {
    if let Some(why) = &form.impossible {
        let error = form.error.as_ref().map(|error| {
            format!(" The compiler refuses it: <a href=\"https://doc.rust-lang.org/error_codes/{error}.html\">{error}</a>.")
        });
        return format!(
            "Impossible. {}{}",
            paragraph(why),
            error.unwrap_or_default()
        );
    }
    if let Some(why) = &form.harmless {
        return format!("Harmless. {}", paragraph(why));
    }
    let broken = form.runs.as_ref().and_then(|runs| runs.wrong.as_ref());
    broken.map_or_else(String::new, found)
}

fn found(broken: &Violation) -> String {
    format!(
        "Found at <code>{}</code> in {}: {}.",
        escape(&broken.call),
        escape(&broken.place),
        escape(&broken.text)
    )
}

/// The right lines and the wrong ones, each with a mark. Markdown ends a block of HTML at an empty line, but
/// not within `pre`.
fn code(form: &Form) -> String {
    let mut code = String::new();
    for (mark, class, text) in [("✓", "added", &form.right), ("✗", "removed", &form.wrong)] {
        let lines = || text.lines().filter(|line| !line.trim().is_empty());
        let indent = |line: &str| line.len() - line.trim_start().len();
        let shared = lines().map(indent).min().unwrap_or(0);
        for line in lines().map(|line| line.get(shared..).unwrap_or_default()) {
            let (indent, text) = (indent(line), wrapping_code(line));
            let _ = write!(
                code,
                "<span class=\"diff-{class}\" style=\"--indent:{indent}\">\
                 <span class=\"diff-mark\">{mark}</span>{text}\n</span>"
            );
        }
    }
    format!("<pre><code class=\"nohighlight\">{code}</code></pre>")
}

/// A text of the table, in which only code is marked.
fn paragraph(text: &str) -> String {
    let parts = text.trim().split('`').enumerate();
    let marked = parts.map(|(place, part)| match place % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    });
    marked.collect()
}
