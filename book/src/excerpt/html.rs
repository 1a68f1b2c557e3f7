//! An excerpt as HTML.

use super::{Excerpt, SourceLine};
use crate::html::escape;

impl Excerpt {
    /// The code as HTML, each line in its own element so that it can be marked and wrapped.
    pub fn html(&self) -> String {
        let mut code = String::new();
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                code.push_str("<span class=\"line gap\">…\n</span>");
            }
            for line in part {
                code.push_str(&line.html());
            }
        }
        format!(
            "<pre class=\"code\"><code class=\"language-{}\">{code}</code></pre>",
            self.language()
        )
    }

    fn language(&self) -> &str {
        match self.path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("rs") => "rust",
            Some("py") => "python",
            Some("sh") => "bash",
            Some(extension @ ("c" | "go" | "toml" | "json")) => extension,
            _ => "plaintext",
        }
    }
}

impl SourceLine {
    fn html(&self) -> String {
        let class = if self.is_highlighted {
            "line marked"
        } else {
            "line"
        };
        let indent = self.text.len() - self.text.trim_start().len();
        let text = unbreakable(&escape(&self.text));
        format!("<span class=\"{class}\" style=\"--indent:{indent}\">{text}\n</span>")
    }
}

/// Keeps a browser from breaking a line in the middle of these.
fn unbreakable(html: &str) -> String {
    ["-&gt;", "&amp;[", "&amp;mut"]
        .iter()
        .fold(html.to_owned(), |html, word| {
            html.replace(word, &format!("<span class=\"whole\">{word}</span>"))
        })
}
