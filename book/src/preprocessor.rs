//! mdBook's view of the directives: a preprocessor, in this process or as a program.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use common::output;
use mdbook_preprocessor::book::{Book, BookItem};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext, parse_input};

use crate::directives;
use crate::glossary::Glossary;
use crate::problem::{self, Problem};
use crate::workspace::Workspace;

/// Expands the directives of all pages, and gives them the texts of the glossary's terms.
#[derive(Debug, Default, Clone)]
pub struct EchoPreprocessor {
    problems: Arc<Mutex<Vec<Problem>>>,
}

impl EchoPreprocessor {
    /// The problems found so far. The pages show them too.
    pub fn problems(&self) -> Vec<Problem> {
        let problems = self.problems.lock();
        problems.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Preprocessor for EchoPreprocessor {
    fn name(&self) -> &str {
        "echo"
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let Some(root) = context.root.parent() else {
            bail!("the book isn't in a workspace");
        };
        let workspace = Workspace::open(root)?;
        let glossary = Glossary::open(&workspace);
        book.for_each_mut(|item| {
            let BookItem::Chapter(chapter) = item else {
                return;
            };
            let path = chapter
                .source_path
                .as_deref()
                .map(crate::workspace::slashed);
            let page = path.unwrap_or_default();
            let (text, found) = directives::expand(&workspace, &page, &chapter.content);
            chapter.content = format!("{text}{}", glossary.of_page(&text));
            let problems = self.problems.lock();
            problems
                .unwrap_or_else(PoisonError::into_inner)
                .extend(found);
        });
        Ok(book)
    }
}

/// Reads a book as JSON from standard input, and writes it with its directives expanded to standard output:
/// mdBook's protocol for preprocessors.
///
/// # Errors
/// The input isn't a book, or directives can't be expanded.
pub fn run_as_program() -> Result<()> {
    let (context, book) = parse_input(io::stdin())?;
    let echo = EchoPreprocessor::default();
    let book = echo.run(&context, book)?;
    let problems = echo.problems();
    if !problems.is_empty() {
        bail!("\n{}", problem::list(&problems));
    }
    output::write_to_stdout(&serde_json::to_vec(&book)?)?;
    Ok(())
}
