//! Counts how much code a style is, from its source.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use common::code_lines;
use syn::{Fields, ImplItem, Item};

use crate::style::Style;
use crate::workspace::{Workspace, files_under};

/// The counts of one style. Only lines of code count: no comments, empty lines, or tests.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeStats {
    /// Lines of `echo.rs`: what a user of the style writes.
    pub own_lines: usize,
    /// Lines of the style's machinery: everything except `echo.rs`, `main.rs`, and tests.
    pub style_lines: usize,
    /// Files of the style's machinery.
    pub style_files: usize,
    /// Structs in `echo.rs`.
    pub structs: usize,
    /// Fields of these structs.
    pub fields: usize,
    /// Functions in `echo.rs` that the style calls: those of implemented traits.
    pub callbacks: usize,
}

impl CodeStats {
    /// Counts a style's code.
    ///
    /// # Errors
    /// A file can't be read, or isn't Rust.
    pub fn count(workspace: &Workspace, style: Style) -> Result<Self> {
        let own = workspace.read(&format!("{}/src/echo.rs", style.program()))?;
        let mut stats = CodeStats::of_user(&own).with_context(|| style.program())?;
        for file in files_under(&workspace.root.join(style.program()).join("src"), "rs")? {
            let is_machinery = |name: &&str| !["echo.rs", "main.rs", "tests.rs"].contains(name);
            let name = file.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| is_machinery(&name)) {
                stats.style_lines += code_lines::count(&file, &fs::read_to_string(&file)?);
                stats.style_files += 1;
            }
        }
        Ok(stats)
    }

    fn of_user(source: &str) -> Result<Self> {
        let mut stats = CodeStats {
            own_lines: code_lines::count(Path::new("echo.rs"), source),
            style_lines: 0,
            style_files: 0,
            structs: 0,
            fields: 0,
            callbacks: 0,
        };
        for item in syn::parse_file(source)?.items {
            match item {
                Item::Struct(item) => {
                    stats.structs += 1;
                    stats.fields += number_of(&item.fields);
                }
                Item::Impl(item) if item.trait_.is_some() => {
                    let functions = item.items.iter();
                    stats.callbacks += functions
                        .filter(|item| matches!(item, ImplItem::Fn(_)))
                        .count();
                }
                _ => {}
            }
        }
        Ok(stats)
    }
}

fn number_of(fields: &Fields) -> usize {
    fields.iter().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_counted_without_comments_and_tests() -> Result<()> {
        let source = "\
//! About.

/// One client's.
struct Echo {
    /// What waits.
    out: Vec<u8>,
    paused: bool,
}

impl Protocol for Echo {
    fn data_received(&mut self) {} // it echoes
}

impl Echo {
    fn new() {}
}

#[cfg(test)]
mod tests {
    struct Fake;
}
";
        let stats = CodeStats::of_user(source)?;
        assert_eq!((stats.own_lines, stats.fields), (10, 2));
        assert_eq!((stats.structs, stats.callbacks), (1, 1));
        Ok(())
    }
}
