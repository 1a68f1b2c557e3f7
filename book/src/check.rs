//! What must hold before the book can be published. Each check answers what is wrong.

mod addresses;
mod code;
mod concepts;
mod pages;
mod requests;

use anyhow::Result;

use crate::build::{self, Files};
use crate::html::{self, Element};
use crate::problem::Problem;
use crate::workspace::{Page, Workspace};

/// A check's name, and what it does.
pub type Check = (&'static str, fn(&Site) -> Vec<Problem>);

/// All checks. The commands that pages ask the reader to try are run by
/// [`shell_examples`](crate::shell_examples).
pub const CHECKS: [Check; 10] = [
    ("directives", |site| site.problems.clone()),
    ("raw directives", pages::raw_directives),
    ("typed code", code::typed_by_hand),
    ("headings", pages::headings),
    ("duplicate ids", addresses::duplicate_ids),
    ("links", addresses::links),
    ("requests", requests::external),
    ("parity", concepts::parity),
    ("concept pages", concepts::pages),
    ("concept table", concepts::table),
];

/// The book as it was written and as it was built.
#[derive(Debug)]
pub struct Site {
    /// What it was made from.
    pub workspace: Workspace,
    /// Its pages as they were written.
    pub pages: Vec<Page>,
    /// What was wrong with it when it was built.
    problems: Vec<Problem>,
    /// Everything that was built.
    files: Files,
    /// Its pages as they were built.
    built: Vec<Built>,
}

/// A page as it was built.
#[derive(Debug)]
struct Built {
    /// Seen from the site's folder.
    path: String,
    elements: Vec<Element>,
}

impl Site {
    /// Builds the site of a workspace.
    ///
    /// # Errors
    /// A book that cannot be built at all.
    pub fn build(workspace: Workspace) -> Result<Self> {
        let (files, problems) = build::in_memory(&workspace)?;
        let pages = files.iter().filter(|(path, _)| path.ends_with(".html"));
        let built = pages.map(|(path, content)| Built {
            path: path.clone(),
            elements: html::elements(&String::from_utf8_lossy(content)),
        });
        Ok(Site {
            built: built.collect(),
            pages: workspace.pages()?,
            workspace,
            problems,
            files,
        })
    }

    /// Runs all checks.
    pub fn check(&self) -> Vec<Problem> {
        let found = CHECKS.iter().flat_map(|(_, check)| check(self));
        let mut problems: Vec<Problem> = found.collect();
        problems.sort();
        problems.dedup();
        problems
    }
}

/// A problem in a page as it was written.
fn in_page(page: &Page, line: usize, text: impl Into<String>) -> Problem {
    Problem::new(format!("book/md/{}", page.path), line, text)
}

/// A problem with an address or an id in a page as it was built; where it was written if that can
/// be found.
fn in_site(site: &Site, page: &Built, line: usize, of: &str, text: String) -> Problem {
    let name = page.path.replace(".html", ".md");
    let of = of.replace(".html", ".md");
    let written = site.pages.iter().find(|written| written.path == name);
    let place = written.and_then(|written| {
        let line = written.text.lines().position(|line| line.contains(&of))?;
        Some((written, line + 1))
    });
    match place {
        Some((written, line)) => in_page(written, line, text),
        None => Problem::new(format!("(site) {}", page.path), line, text),
    }
}
