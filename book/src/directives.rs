//! The fenced blocks that are replaced by something made from code or recordings.

mod bugs;
mod cases;
mod compare;
mod count;
mod diff;
mod figure;
mod grades;
mod index;
mod lab;
mod machines;
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
use crate::style::Style;
use crate::workspace::Workspace;

/// A directive: its name, and the function that renders its block.
type Directive = (&'static str, fn(&Block) -> Rendered);

const DIRECTIVES: [Directive; 17] = [
    ("snippet", snippet::render),
    ("compare", compare::render),
    ("trace", trace::render),
    ("lab", lab::render),
    ("machines", machines::render),
    ("try", try_it::render),
    ("predict", predict::render),
    ("question", predict::render_question),
    ("figure", figure::render),
    ("count", count::render),
    ("plot", plot::render),
    ("index", index::render),
    ("stacks", stacks::render),
    ("grades", grades::render),
    ("diff", diff::render),
    ("bugs", bugs::render),
    ("cases", cases::render),
];

/// Whether a block with this text after its fence is a directive.
pub fn is_directive(info: &str) -> bool {
    DIRECTIVES.iter().any(|(name, _)| *name == info)
}

/// The names of the sketches that a block shows.
pub fn sketch_names(fence: &Fence) -> Vec<String> {
    let is_compare = fence.info == "compare";
    let lines = fence.body.iter().filter(|_| is_compare);
    let names = lines.filter_map(|line| compare::sketch_name(line));
    names.map(str::to_owned).collect()
}

/// How many lines of Rust the panes of a comparison have. None if it has a problem.
pub fn pane_lengths(workspace: &Workspace, page: &str, fence: Fence) -> Vec<(Style, usize)> {
    let line = fence.first;
    let block = Block {
        workspace,
        page,
        line,
        fence,
    };
    compare::lengths(&block).unwrap_or_default()
}

/// Replaces the directives of a page by HTML. `page` is its path from `md`. A directive with a problem is
/// replaced by the problem.
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
        let html = render(&block).unwrap_or_else(|errors| {
            let found = errors
                .into_iter()
                .map(|block_error| block.problem(block_error));
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

/// HTML, or the problems of the block.
type Rendered = Result<String, Vec<BlockError>>;

/// A directive's block, and its place.
struct Block<'a> {
    workspace: &'a Workspace,
    /// The path of the page, from `md`.
    page: &'a str,
    /// The line of the opening fence in the page.
    line: usize,
    fence: Fence<'a>,
}

/// A problem of a block.
struct BlockError {
    /// Its line, counted from the opening fence.
    offset: usize,
    text: String,
}

impl BlockError {
    fn new(offset: usize, error: &Error) -> Self {
        let text = format!("{error:#}");
        BlockError { offset, text }
    }
}

/// A problem of the block as a whole.
fn block_error(error: impl Into<Error>) -> Vec<BlockError> {
    vec![BlockError::new(0, &error.into())]
}

impl Block<'_> {
    fn problem(&self, block_error: BlockError) -> Problem {
        Problem::new(
            format!("book/md/{}", self.page),
            self.line + block_error.offset,
            block_error.text,
        )
    }

    /// Its lines that are not empty, each with its number, counted from the opening fence.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.fence.body.iter().enumerate();
        let lines = lines.map(|(index, line)| (index + 1, line.trim()));
        lines.filter(|(_, line)| !line.is_empty())
    }

    /// Its only line.
    fn only_line(&self) -> Result<&str, Vec<BlockError>> {
        let mut lines = self.lines();
        match (lines.next(), lines.next()) {
            (Some((_, line)), None) => Ok(line),
            _ => Err(block_error(anyhow::anyhow!(
                "a {} block has one line",
                self.fence.info
            ))),
        }
    }

    /// The relative path from the page to the folder of all pages.
    fn to_root(&self) -> String {
        "../".repeat(self.page.matches('/').count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> (String, Vec<String>) {
        let workspace = Workspace::here().unwrap();
        let (html, problems) = expand(&workspace, "a/page.md", text);
        let problems = problems.iter().map(Problem::to_string);
        (html, problems.collect())
    }

    #[test]
    fn problems_in_a_block_are_reported_with_their_line() {
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
                "2: select-echo/src/echo.rs: no line contains",
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
            (
                "```compare\nsketches: nothing\nconcept: timers\n```\n",
                "1: book/sketches/nothing has no sketch",
            ),
            ("```count\nnothing\n```\n", "1: there is no count nothing"),
            ("```lab\n```\n", "1: a lab block has a line of options"),
            ("```try\n```\n", "1: there is no command"),
            (
                "```diff\nstep-1\n```\n",
                "1: a diff block names two servers",
            ),
            (
                "```diff\nstep-1 step-0\n```\n",
                "1: there is no server step-0",
            ),
            ("```bugs\nnothing\n```\n", "1: \"nothing\" is not"),
            ("```grades\nstep-0\n```\n", "1: there is no server step-0"),
            ("```grades\nstep-1 or\n```\n", "1: \"step-1 or\" is not"),
            ("```plot\nnothing\n```\n", "1: there is no plot nothing"),
            (
                "```question\nWhy?\n```\n",
                "1: a question, an empty line, and the answer",
            ),
            (
                "```figure\nnothing\nA caption.\n```\n",
                "1: cannot read book/figures/nothing.svg",
            ),
            (
                "```figure\nnothing\n```\n",
                "1: the figure nothing has no caption",
            ),
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
    fn a_snippet_shows_its_file_and_lines() {
        let (html, problems) = expanded("```snippet\nbook/src/style.rs::Style::named\n```\n");
        assert!(problems.is_empty(), "{problems:?}");
        assert!(html.contains("book/src/style.rs:"), "{html}");
        assert!(html.contains("fn named") && !html.contains("///"), "{html}");
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
    fn a_pane_has_its_sketches_folded_beside_its_rust() {
        let page = "```compare\nsketches: partial-write\nconcept: partial-write\n```\n";
        let (html, problems) = expanded(page);
        assert!(problems.is_empty(), "{problems:?}");
        let panes: Vec<&str> = html.split("<section").skip(1).collect();
        for (pane, style) in panes.iter().zip(Style::ALL) {
            let (rust, python) = pane
                .split_once("<details class=\"view\" data-view=\"python\"")
                .unwrap();
            assert!(rust.contains("data-view=\"rust\"") && rust.contains(style.program()));
            assert!(python.contains("language-python"), "{python}");
        }
    }

    #[test]
    fn listed_panes_have_the_id_of_their_sketches() {
        let listed = "select: - a\ndispatcher: - b\nchat: - c\nreactor: - d\n";
        let page = format!("```compare\nsketches: partial-write\n{listed}```\n");
        let (html, _) = expanded(&page);
        assert!(html.contains("id=\"partial-write-chat\""), "{html}");
    }

    #[test]
    fn the_answer_to_a_prediction_is_folded() {
        let (html, _) = expanded("```predict\nHow many\nreads?\n\nTwo.\n\nOr three.\n```\n");
        let (question, answer) = html.split_once("<details").unwrap();
        assert!(question.contains("reads?") && !question.contains("Two"));
        assert!(answer.contains("Two.\n\nOr three."));
    }

    #[test]
    fn a_case_in_a_table_of_grades_leads_to_its_entry() {
        let (all, _) = expanded("```cases\n```\n");
        let (grades, _) = expanded("```grades\nstep-2\n```\n");
        let entry = "<tr id=\"case-half-close-flushes\"><td>14</td>";
        let page = "(<a href=\"../concepts/half-close.html\">Half-close and the ways to close</a>)";
        assert!(all.contains(entry) && all.contains(page), "{all}");
        let link = "<a href=\"../cases.html#case-late-reader-served\">";
        assert!(grades.contains(link), "{grades}");
    }

    #[test]
    fn a_question_unfolds_its_answer() {
        let (html, _) =
            expanded("```question\nDoes [`send`](x.md)\nblock?\n\nIt *doesn't*.\n```\n");
        let summary = "<summary>Does <a href=\"x.md\"><code>send</code></a>\nblock?</summary>";
        assert!(html.contains(&format!("<details class=\"question\">\n{summary}\n\nIt *")));
    }
}
