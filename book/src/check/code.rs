//! Where the code in pages comes from.

use super::{Site, in_page};
use crate::directives;
use crate::fence;
use crate::problem::Problem;
use crate::workspace::Page;

/// The languages that can be typed by hand: they are neither our code nor a program's output.
const PLAIN: [&str; 4] = ["text", "sh", "toml", "json"];

/// No code and no output is typed by hand: it comes from a source file or a recorded run.
pub fn typed_by_hand(site: &Site) -> Vec<Problem> {
    site.pages.iter().flat_map(in_one).collect()
}

fn in_one(page: &Page) -> Vec<Problem> {
    let mut problems = typed(page);
    problems.extend(included(page));
    problems
}

/// mdBook's own includes don't fail if they find nothing.
fn included(page: &Page) -> Vec<Problem> {
    let lines = page.text.lines().enumerate();
    let includes = lines.filter(|(_, line)| line.contains("{{#"));
    includes
        .map(|(index, _)| in_page(page, index + 1, "include it with a snippet"))
        .collect()
}

fn typed(page: &Page) -> Vec<Problem> {
    let fences = fence::all(&page.text).into_iter();
    let typed = fences.filter(|fence| !directives::is_directive(&fence.info));
    let typed = typed.filter(|fence| !PLAIN.contains(&fence.info.as_str()));
    typed
        .map(|fence| {
            let text = format!(
                "{:?} is typed by hand: use a snippet, an output, or a try, or call it text",
                fence.info
            );
            in_page(page, fence.first, text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_not_typed() {
        for (text, count) in [
            ("```rust\nfn main() {}\n```\n", 1),
            ("~~~console\n$ ls\n~~~\n", 1),
            ("```\nx\n```\n", 1),
            ("{{#include x.rs}}\n", 1),
            ("```text\nx\n```\n```snippet\nx\n```\n", 0),
            ("````text\n```rust\n```\n````\n", 0),
        ] {
            let page = Page {
                path: "x.md".to_owned(),
                text: text.to_owned(),
            };
            assert_eq!(in_one(&page).len(), count, "{text}");
        }
    }
}
