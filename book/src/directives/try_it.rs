//! `try`: commands for the reader, with their output. A test runs them all.

use super::{Block, Rendered, block_error};
use crate::html;
use crate::shell_examples::Session;

pub fn render(block: &Block) -> Rendered {
    Session::parse(block.page, block.line, &block.fence.body).map_err(block_error)?;
    let lines: String = block.fence.body.iter().map(|text| line(text)).collect();
    let session =
        format!("<pre class=\"session\"><code class=\"nohighlight\">{lines}</code></pre>");
    Ok(format!(
        "<figure class=\"console try\">\n<figcaption>Try it</figcaption>\n\n{session}\n\n</figure>"
    ))
}

/// Prompts and commands have their own classes, so that a style sheet can mark them.
fn line(text: &str) -> String {
    match text.strip_prefix("$ ") {
        Some(command) => format!(
            "<span class=\"prompt\">$ </span><span class=\"command\">{}</span>\n",
            html::escape(command)
        ),
        None => format!("{}\n", html::escape(text)),
    }
}
