//! `diff`: what changes from one server of `book/steps` to the next, such as `step-2 step-3`.

use anyhow::{Result, anyhow, ensure};

use super::{Block, Rendered, block_error};
use crate::grades::{kind_of, source_of};
use crate::html::{escape, wrapping_code};
use crate::line_diff::{Hunk, LineKind, hunks};
use crate::workspace::Workspace;

/// How many lines are shown before and after a change.
const CONTEXT: usize = 3;

pub fn render(block: &Block) -> Rendered {
    let line = block.only_line()?;
    let Some((before, after)) = line.split_once(' ') else {
        return Err(block_error(anyhow!("a diff block names two servers")));
    };
    figure(block.workspace, before, after.trim()).map_err(block_error)
}

fn figure(workspace: &Workspace, before: &str, after: &str) -> Result<String> {
    kind_of(before).and(kind_of(after))?;
    let paths = [before, after].map(source_of);
    let [old, new] = [workspace.read(&paths[0])?, workspace.read(&paths[1])?];
    let hunks = hunks(&old, &new, CONTEXT);
    ensure!(!hunks.is_empty(), "{before} and {after} are the same");
    let shown: String = hunks
        .iter()
        .zip(1..)
        .map(|(hunk, number)| part(hunk, number))
        .collect();
    let place = escape(&format!("{} → {}", paths[0], paths[1]));
    Ok(format!(
        "<figure class=\"diff listing\">\n<figcaption>{place}</figcaption>\n\n{shown}\n</figure>"
    ))
}

/// A hunk under its number and the place where it begins in the new file.
fn part(hunk: &Hunk, number: usize) -> String {
    let mut code = String::new();
    for line in &hunk.lines {
        let (mark, class) = match line.kind {
            LineKind::Same => (' ', "same"),
            LineKind::Removed => ('-', "removed"),
            LineKind::Added => ('+', "added"),
        };
        let indent = line.text.len() - line.text.trim_start().len();
        let text = wrapping_code(line.text);
        code.push_str(&format!(
            "<span class=\"diff-{class}\" style=\"--indent:{indent}\"><span class=\"diff-mark\">{mark}</span>{text}\n</span>"
        ));
    }
    let place = match hunk.function {
        Some(function) => format!("line {}, in <code>{}</code>", hunk.line, escape(function)),
        None => format!("line {}", hunk.line),
    };
    // Markdown ends a block of HTML at an empty line, but not within `pre`.
    format!(
        "<p class=\"diff-place\"><b>Hunk {number}</b> {place}</p>\n\n\
         <pre><code class=\"nohighlight\">{code}</code></pre>\n\n"
    )
}
