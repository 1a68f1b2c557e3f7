//! The numbers of a plot, below it.

use common::comparison::Comparison;

use crate::html;

/// A table of what a plot shows, and of what doesn't fit there.
#[derive(Debug, Default)]
pub struct Table {
    /// The names of the columns; the first one is for candidates.
    pub headings: Vec<&'static str>,
    /// The rows, each with as many cells as there are headings.
    pub rows: Vec<Vec<String>>,
    /// A remark about the numbers.
    pub notes: Vec<String>,
}

impl Table {
    /// The table, folded.
    pub fn html(&self, title: &str, record: &Comparison) -> String {
        let headings = self.headings.iter();
        let headings: Vec<_> = headings
            .map(|heading| format!("<th scope=\"col\">{}</th>", html::escape(heading)))
            .collect();
        let rows: Vec<_> = self.rows.iter().map(|row| one(row)).collect();
        let notes: Vec<_> = self.notes.iter().cloned().chain(skipped(record)).collect();
        let notes: Vec<_> = notes
            .iter()
            .map(|note| format!("<p>{}</p>", html::escape(note)))
            .collect();
        format!(
            "<details><summary>The numbers</summary>\
             <div class=\"table-wrapper\" role=\"group\" tabindex=\"0\" aria-label=\"{}: the numbers\">\
             <table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>{}\
             <p>Made by <code>{}</code></p></details>",
            html::escape(title),
            headings.concat(),
            rows.concat(),
            notes.concat(),
            html::escape(&record.command),
        )
    }
}

fn one(row: &[String]) -> String {
    let mut cells = row.iter().map(|cell| html::escape(cell));
    let name = cells.next().unwrap_or_default();
    let others: Vec<_> = cells.map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr><th scope=\"row\">{name}</th>{}</tr>", others.concat())
}

/// The servers that are missing, and why.
fn skipped(record: &Comparison) -> Option<String> {
    let skipped = record.skipped.iter();
    let skipped: Vec<_> = skipped
        .map(|one| format!("{} ({})", one.name, one.lacks))
        .collect();
    (!skipped.is_empty()).then(|| format!("The machine lacked: {}.", skipped.join(", ")))
}
