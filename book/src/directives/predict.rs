//! `predict`: a question, and its folded answer.

use anyhow::anyhow;

use super::{Block, BlockError, Rendered, block_error, expand_at};

pub fn render(block: &Block) -> Rendered {
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
    Ok(format!(
        "<div class=\"predict\">\n\n{}\n\n<details>\n<summary>Answer</summary>\n\n{}\n\n\
         </details>\n\n</div>",
        question.join("\n"),
        answer.trim()
    ))
}
