//! The sketches in Python and in pseudocode.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::Site;
use crate::directives;
use crate::fence;
use crate::problem::Problem;
use crate::sketches::SketchLanguage;
use crate::style::Style;
use crate::workspace::{Page, Workspace};

/// Each folder of `book/sketches` has sketches, which are short, and a page shows them.
pub fn all(site: &Site) -> Vec<Problem> {
    let used = used(&site.pages);
    let folders = names(&site.workspace.book().join("sketches")).unwrap_or_default();
    let folders = folders.iter();
    folders
        .flat_map(|name| in_folder(&site.workspace, name, &used))
        .collect()
}

/// The names of the sketches that pages show.
fn used(pages: &[Page]) -> BTreeSet<String> {
    let fences = pages.iter().flat_map(|page| fence::all(&page.text));
    let names = fences.flat_map(|fence| directives::sketch_names(&fence));
    names.collect()
}

/// What is in a folder, without hidden files and what Python compiles.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != "__pycache__" {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn in_folder(workspace: &Workspace, name: &str, used: &BTreeSet<String>) -> Vec<Problem> {
    let path = format!("book/sketches/{name}");
    let files = names(&workspace.root.join(&path)).unwrap_or_default();
    let mut problems = Vec::new();
    if files.is_empty() {
        problems.push(Problem::new(&path, 0, "it has no sketch"));
    } else if !used.contains(name) {
        let text = format!("no page shows it: \"sketches: {name}\" in a compare does");
        problems.push(Problem::new(&path, 0, text));
    }
    for file in files {
        let file_path = format!("{path}/{file}");
        let text = workspace.read(&file_path).unwrap_or_default();
        if let Some((line, text)) = file_problem(&file, &text) {
            problems.push(Problem::new(file_path, line, text));
        }
    }
    problems
}

/// What is wrong with a file, if anything, and where.
fn file_problem(file: &str, text: &str) -> Option<(usize, String)> {
    let (name, extension) = file.split_once('.').unwrap_or((file, ""));
    let mut languages = SketchLanguage::ALL.into_iter();
    let language = languages.find(|language| language.extension() == extension);
    let Some(language) = language.filter(|_| Style::named(name).is_some()) else {
        return Some((0, "expected STYLE.py or STYLE.txt".to_owned()));
    };
    let most = language.most_lines();
    let is_too_long = text.lines().count() > most;
    let text = format!("a sketch in {} has at most {most} lines", language.name());
    is_too_long.then_some((most + 1, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_is_of_a_style_and_short() {
        let lines = |count| "x\n".repeat(count);
        assert_eq!(file_problem("select.py", &lines(20)), None);
        assert_eq!(file_problem("chat.txt", &lines(12)), None);
        for (file, count, line) in [
            ("select.py", 21, 21),
            ("select.txt", 13, 13),
            ("select.rs", 1, 0),
            ("poll.py", 1, 0),
        ] {
            let problem = file_problem(file, &lines(count)).unwrap();
            assert_eq!(problem.0, line, "{file}: {problem:?}");
        }
    }

    #[test]
    fn a_page_names_the_sketches_that_it_shows() {
        let page = |text: &str| Page {
            path: "x.md".to_owned(),
            text: text.to_owned(),
        };
        let pages = [
            page("```compare\nsketches: timers\nconcept: timers\n```\n"),
            page("```text\nsketches: nagle\n```\n"),
        ];
        assert_eq!(used(&pages), BTreeSet::from(["timers".to_owned()]));
    }
}
