//! `predict` and `question`: a question, and its folded answer.

use anyhow::anyhow;
use mdbook_markdown::pulldown_cmark::html::push_html;
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};

use super::{Block, BlockError, Rendered, block_error, expand_at};

/// A question to think about before reading on.
pub fn render(block: &Block) -> Rendered {
    let (question, answer) = parts(block)?;
    Ok(format!(
        "<div class=\"predict\">\n\n{question}\n\n<details>\n<summary>Answer</summary>\n\n{answer}\n\n\
         </details>\n\n</div>"
    ))
}

/// A question at the end of a page. It unfolds its answer.
pub fn render_question(block: &Block) -> Rendered {
    let (question, answer) = parts(block)?;
    let summary = inline(&question);
    Ok(format!(
        "<details class=\"question\">\n<summary>{summary}</summary>\n\n{answer}\n\n</details>"
    ))
}

/// The first paragraph, and the rest with its directives expanded.
fn parts(block: &Block) -> Result<(String, String), Vec<BlockError>> {
    let body = &block.fence.body;
    let start = body.iter().position(|line| !line.trim().is_empty());
    let question = &body[start.unwrap_or(0)..];
    let Some(length) = question.iter().position(|line| line.trim().is_empty()) else {
        return Err(block_error(anyhow!(
            "a question, an empty line, and the answer"
        )));
    };
    let (question, answer) = question.split_at(length);
    let above = block.line + start.unwrap_or(0) + length;
    let (answer, problems) = expand_at(block.workspace, block.page, &answer.join("\n"), above);
    if !problems.is_empty() {
        let inside = problems.into_iter().map(|problem| BlockError {
            offset: problem.line - block.line,
            text: problem.text,
        });
        return Err(inside.collect());
    }
    Ok((question.join("\n"), answer.trim().to_owned()))
}

/// The paragraph as HTML, without its `<p>`: a summary can't contain one.
fn inline(paragraph: &str) -> String {
    let mut html = String::new();
    let options = MarkdownOptions::default();
    push_html(&mut html, new_cmark_parser(paragraph, &options));
    let html = html.trim();
    let content = html.strip_prefix("<p>").unwrap_or(html);
    content.strip_suffix("</p>").unwrap_or(content).to_owned()
}
