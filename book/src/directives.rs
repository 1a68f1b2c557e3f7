//! The fenced blocks that stand for something made from code or recordings.

mod compare;
mod count;
mod index;
mod plot;
mod predict;
mod snippet;
mod stacks;
mod trace;
mod try_it;

use anyhow::Error;

use crate::fence::{self, Fence};
use crate::html;
use crate::problem::Problem;
use crate::workspace::Workspace;

/// A directive: its name, and what makes HTML of its block.
type Directive = (&'static str, fn(&Block) -> Rendered);

const DIRECTIVES: [Directive; 9] = [
    ("snippet", snippet::render),
    ("compare", compare::render),
    ("trace", trace::render),
    ("try", try_it::render),
    ("predict", predict::render),
    ("count", count::render),
    ("plot", plot::render),
    ("index", index::render),
    ("stacks", stacks::render),
];

/// Whether a block with this behind its fence is one of ours.
pub fn is_directive(info: &str) -> bool {
    DIRECTIVES.iter().any(|(name, _)| *name == info)
}

/// Puts what they stand for in the place of a page's directives. `page` is seen from `md`. Where
/// something is wrong, the page says so in its place.
pub fn expand(workspace: &Workspace, page: &str, text: &str) -> (String, Vec<Problem>) {
    expand_at(workspace, page, text, 0)
}

/// As [`expand`], for a part of a page that has `above` lines above it.
fn expand_at(
    workspace: &Workspace,
    page: &str,
    text: &str,
    above: usize,
) -> (String, Vec<Problem>) {
    let lines: Vec<&str> = text.lines().collect();
    let (mut expanded, mut problems, mut next) = (String::new(), Vec::new(), 0);
    for fence in fence::all(text) {
        let Some((_, render)) = DIRECTIVES.iter().find(|(name, _)| *name == fence.info) else {
            continue;
        };
        push_lines(&mut expanded, &lines[next..fence.first - 1]);
        next = fence.last;
        let block = Block {
            workspace,
            page,
            line: above + fence.first,
            fence,
        };
        let html = render(&block).unwrap_or_else(|faults| {
            let found = faults.into_iter().map(|fault| block.problem(fault));
            let found: Vec<Problem> = found.collect();
            let html = show(&found);
            problems.extend(found);
            html
        });
        expanded.push_str(&format!("\n{html}\n\n"));
    }
    push_lines(&mut expanded, &lines[next..]);
    (expanded, problems)
}

fn push_lines(text: &mut String, lines: &[&str]) {
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
}

fn show(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| html::escape(&problem.to_string()))
        .collect();
    let lines = lines.join("<br>");
    format!("<div class=\"problem\" role=\"alert\">{lines}</div>")
}

/// HTML, or what is wrong with the block.
type Rendered = Result<String, Vec<Fault>>;

/// A directive's block, and where it stands.
struct Block<'a> {
    workspace: &'a Workspace,
    /// The page, seen from `md`.
    page: &'a str,
    /// The line of the opening fence in the page.
    line: usize,
    fence: Fence<'a>,
}

/// What is wrong with a block.
struct Fault {
    /// The line, from the opening fence on.
    offset: usize,
    text: String,
}

impl Fault {
    fn new(offset: usize, error: &Error) -> Self {
        let text = format!("{error:#}");
        Fault { offset, text }
    }
}

/// Something is wrong with the block as a whole.
fn fault(error: impl Into<Error>) -> Vec<Fault> {
    vec![Fault::new(0, &error.into())]
}

impl Block<'_> {
    fn problem(&self, fault: Fault) -> Problem {
        Problem::new(
            format!("book/md/{}", self.page),
            self.line + fault.offset,
            fault.text,
        )
    }

    /// Its lines that say something, each with its place from the opening fence on.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.fence.body.iter().enumerate();
        let lines = lines.map(|(index, line)| (index + 1, line.trim()));
        lines.filter(|(_, line)| !line.is_empty())
    }

    /// The one line that it says.
    fn only_line(&self) -> Result<&str, Vec<Fault>> {
        let mut lines = self.lines();
        match (lines.next(), lines.next()) {
            (Some((_, line)), None) => Ok(line),
            _ => Err(fault(anyhow::anyhow!("a {} has one line", self.fence.info))),
        }
    }

    /// Goes from the page up to the folder of all pages.
    fn to_root(&self) -> String {
        "../".repeat(self.page.matches('/').count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Style;

    fn expanded(text: &str) -> (String, Vec<String>) {
        let workspace = Workspace::here().unwrap();
        let (html, problems) = expand(&workspace, "a/page.md", text);
        let problems = problems.iter().map(Problem::to_string);
        (html, problems.collect())
    }

    #[test]
    fn a_missing_item_is_reported_with_its_line() {
        for (text, says) in [
            (
                "\n```snippet\nno/such.rs\n```\n",
                "3: cannot read no/such.rs",
            ),
            (
                "\n```snippet\nselect-echo/src/echo.rs::nothing\n```\n",
                "3: select-echo/src/echo.rs has no item nothing",
            ),
            (
                "```snippet\nselect-echo/src/echo.rs highlight=\"no such text\"\n```\n",
                "2: select-echo/src/echo.rs: no line of it says",
            ),
            ("```snippet\n../a.rs\n```\n", "2: ../a.rs is not a path"),
            ("```snippet\n```\n", "1: there is nothing to show"),
            (
                "```compare\nconcept: nothing\n```\n",
                "1: no concept nothing",
            ),
            (
                "```compare\nchat: - none\n```\n",
                "1: select, dispatcher, reactor",
            ),
            (
                "```trace\nnothing\n```\n",
                "1: there is no scenario nothing in book/scenarios.toml",
            ),
            ("```count\nnothing\n```\n", "1: there is no count nothing"),
            ("```try\n```\n", "1: there is no command"),
            ("```plot\nnothing\n```\n", "1: there is no plot nothing"),
            (
                "````predict\nQ?\n\n```trace\nno\n```\n````\n",
                "4: there is no scenario no ",
            ),
        ] {
            let (html, problems) = expanded(text);
            let start = format!("book/md/a/page.md:{says}");
            assert!(problems.len() == 1, "{problems:?}");
            assert!(problems[0].starts_with(&start), "{problems:?}");
            assert!(html.contains("class=\"problem\""), "{html}");
        }
    }

    #[test]
    fn a_snippet_names_its_file_and_lines() {
        let (html, problems) =
            expanded("```snippet\nselect-echo/src/echo.rs::Connection::handle_write\n```\n");
        assert!(problems.is_empty(), "{problems:?}");
        assert!(html.contains("select-echo/src/echo.rs:"), "{html}");
        assert!(
            html.contains("fn handle_write") && !html.contains("///"),
            "{html}"
        );
    }

    #[test]
    fn compare_shows_four_styles_side_by_side() {
        let (html, problems) = expanded("```compare\nconcept: partial-write\n```\n");
        assert!(problems.is_empty(), "{problems:?}");
        for style in Style::ALL {
            let id = format!("id=\"partial-write-{}\"", style.name());
            assert!(html.contains(&id), "{id} in {html}");
        }
        assert!(!html.contains("CONCEPT"), "{html}");
    }

    #[test]
    fn a_prediction_is_folded() {
        let (html, _) = expanded("```predict\nHow many\nreads?\n\nTwo.\n\nOr three.\n```\n");
        let (question, answer) = html.split_once("<details").unwrap();
        assert!(question.contains("reads?") && !question.contains("Two"));
        assert!(answer.contains("Two.\n\nOr three."));
    }
}
