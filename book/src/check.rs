//! The checks before the book can be published. Each one returns the problems that it finds.

mod addresses;
mod code;
mod concepts;
mod order;
mod pages;
mod requests;
mod shape;
mod sketches;

use anyhow::Result;

use crate::build::{self, SiteFiles};
use crate::html::{self, Element};
use crate::problem::Problem;
use crate::workspace::{Page, Workspace};

/// A check: its name, and the function that runs it.
pub type Check = (&'static str, fn(&Site) -> Vec<Problem>);

/// All checks. The commands that pages show are run by
/// [`shell_examples`](crate::shell_examples).
pub const CHECKS: [Check; 13] = [
    ("directives", |site| site.problems.clone()),
    ("raw directives", pages::raw_directives),
    ("typed code", code::typed_by_hand),
    ("parts of pages", shape::parts),
    ("long panes", shape::panes),
    ("duplicate ids", addresses::duplicate_ids),
    ("links", addresses::links),
    ("requests", requests::external),
    ("tags", concepts::tags),
    ("concept pages", concepts::pages),
    ("concept table", concepts::table),
    ("order", order::all),
    ("sketches", sketches::all),
];

/// The book: its sources, and the site that was built from them.
#[derive(Debug)]
pub struct Site {
    /// The workspace that it was built from.
    pub workspace: Workspace,
    /// The sources of its pages.
    pub pages: Vec<Page>,
    /// The problems found by building it.
    problems: Vec<Problem>,
    /// All files of the site.
    files: SiteFiles,
    /// The pages of the site.
    built: Vec<BuiltPage>,
}

/// A page of the site.
#[derive(Debug)]
struct BuiltPage {
    /// Its path from the site's folder.
    path: String,
    elements: Vec<Element>,
}

impl Site {
    /// Builds the site of a workspace.
    ///
    /// # Errors
    /// A book that cannot be built at all.
    pub fn build(workspace: Workspace) -> Result<Self> {
        let (files, problems) = build::build_in_memory(&workspace)?;
        let pages = files.iter().filter(|(path, _)| path.ends_with(".html"));
        let built = pages.map(|(path, content)| BuiltPage {
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

/// A problem in a page's source.
fn in_page(page: &Page, line: usize, text: impl Into<String>) -> Problem {
    Problem::new(format!("book/md/{}", page.path), line, text)
}

/// A problem with an address or an id in a page of the site. Its place is in the page's source, if it can be
/// found there.
fn in_site(site: &Site, page: &BuiltPage, line: usize, of: &str, text: String) -> Problem {
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
