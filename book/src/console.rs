//! A shell session as pages show it.

use crate::html;

/// The session as HTML: prompts, commands and output can be told apart.
pub fn html<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<String> = lines.map(line).collect();
    format!(
        "<pre class=\"session\"><code class=\"nohighlight\">{}</code></pre>",
        lines.concat()
    )
}

fn line(text: &str) -> String {
    match text.strip_prefix("$ ") {
        Some(command) => format!(
            "<span class=\"prompt\">$ </span><span class=\"command\">{}</span>\n",
            html::escape(command)
        ),
        None => format!("{}\n", html::escape(text)),
    }
}
