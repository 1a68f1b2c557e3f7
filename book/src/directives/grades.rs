//! `grades`: what the checker finds for a server of `book/steps`, as recorded. One line says what:
//!
//! - `step-3`: the case that opens this step, which the step before fails;
//! - `step-3 since step-2`: the cases that turned green or red, and those that are still red;
//! - `step-1`, or the first server of a style: all cases that it fails, with what the checker says.

use std::fmt::Write;

use anyhow::{Context, Result, anyhow};

use super::{Block, Rendered, block_error};
use crate::case_pages;
use crate::grades::{Grade, Grades, OPENINGS, kind_of};
use crate::html::escape;

pub fn render(block: &Block) -> Rendered {
    let line = block.only_line()?;
    let grades = Grades::read(block.workspace).map_err(block_error)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let root = block.to_root();
    let html = match words[..] {
        [server] => opening(&grades, server, &root),
        [server, "since", before] => since(&grades, server, before, &root),
        _ => Err(anyhow!("{line:?} is not a request for grades")),
    };
    html.map_err(block_error)
}

fn opening(grades: &Grades, server: &str, root: &str) -> Result<String> {
    let kind = kind_of(server)?;
    let opening = OPENINGS.iter().find(|(_, step, _)| *step == server);
    let Some((before, _, case)) = opening else {
        return red(grades, server, kind, root);
    };
    let grade = grades.of(before, kind)?.grade(case);
    let grade = grade.filter(|grade| grade.outcome == "fail");
    let grade = grade.with_context(|| format!("{before} doesn't fail {case}"))?;
    let title = format!("The checker on {}", spoken(before));
    table(grades, &title, &mut std::iter::once(grade), root)
}

fn red(grades: &Grades, server: &str, kind: &str, root: &str) -> Result<String> {
    let found = grades.of(server, kind)?;
    let count = |outcome| found.with_outcome(outcome).count();
    let (passed, failed) = (count("pass"), count("fail"));
    let server = spoken(server);
    let title = format!("The checker on {server}: {passed} cases are green, {failed} are red");
    table(grades, &title, &mut found.with_outcome("fail"), root)
}

fn since(grades: &Grades, server: &str, before: &str, root: &str) -> Result<String> {
    let kind = kind_of(server)?;
    let (now, before) = (grades.of(server, kind)?, grades.of(before, kind)?);
    let had_passed = |grade: &&Grade| {
        let grade = before.grade(&grade.case);
        grade.is_some_and(|grade| grade.outcome == "pass")
    };
    let turned_green = now.with_outcome("pass").filter(|grade| !had_passed(grade));
    let (turned_red, still_red) = now.with_outcome("fail").partition(had_passed);
    let lists = [
        ("pass", "turned green", turned_green.collect()),
        ("fail", "turned red", turned_red),
        ("fail", "still red", still_red),
    ];
    let mut html = String::from("<figure class=\"grades\">\n");
    for (outcome, words, found) in lists {
        html += &list(grades, outcome, words, found, root)?;
    }
    Ok(html + "</figure>")
}

/// Cases by their names, each with what it looks at. Nothing if there are none.
fn list(
    grades: &Grades,
    outcome: &str,
    words: &str,
    found: Vec<&Grade>,
    root: &str,
) -> Result<String> {
    let count = match found.len() {
        0 => return Ok(String::new()),
        1 => "1 case".to_owned(),
        count => format!("{count} cases"),
    };
    let mut html = format!("<p class=\"grades-{outcome}\"><b>{count} {words}</b></p>\n<ul>\n");
    for grade in found {
        let case = grades.case(&grade.case)?;
        // Writing to a string cannot fail.
        let _ = writeln!(
            html,
            "<li>{} <span>{}</span></li>",
            link(&case.name, root),
            escape(&case.about)
        );
    }
    Ok(html + "</ul>\n")
}

/// Cases that failed, each with what the checker says.
fn table(
    grades: &Grades,
    title: &str,
    found: &mut dyn Iterator<Item = &Grade>,
    root: &str,
) -> Result<String> {
    let mut rows = String::new();
    for grade in found {
        let case = grades.case(&grade.case)?;
        let seen = grade.seen.as_deref().unwrap_or_default();
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{} {}</th><td class=\"grades-fail\">{}</td></tr>",
            link(&case.name, root),
            escape(&case.about),
            escape(seen)
        );
    }
    let title = escape(title);
    Ok(format!(
        "<figure class=\"grades\">\n<table>\n<caption>{title}</caption>\n\
         <thead><tr><th scope=\"col\">case</th><th scope=\"col\">what the checker saw</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</figure>"
    ))
}

/// The name of a case, which leads to its entry in the list of all cases.
fn link(case: &str, root: &str) -> String {
    let (entry, name) = (case_pages::entry_of(case), escape(case));
    format!("<a href=\"{root}{entry}\"><code>{name}</code></a>")
}

/// A server's name in a sentence.
fn spoken(server: &str) -> String {
    match server.strip_prefix("first-") {
        Some(style) => format!("the first server of the {style} style"),
        None => server.replace('-', " "),
    }
}
