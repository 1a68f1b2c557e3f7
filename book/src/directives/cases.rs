//! `cases`: all cases of the checker, each with what it looks at and a link to the page that explains it.

use std::fmt::Write;

use super::{Block, Rendered, block_error};
use crate::case_pages;
use crate::grades::{Case, Grades};
use crate::html::escape;

pub fn render(block: &Block) -> Rendered {
    let grades = Grades::read(block.workspace).map_err(block_error)?;
    let mut rows = String::new();
    for Case {
        number,
        name,
        about,
    } in &grades.cases
    {
        let page = case_pages::page_of(name);
        let (id, page_title) = (case_pages::id_of(name), title(block, page));
        let (name, about, page_title) = (escape(name), escape(about), escape(&page_title));
        let root = block.to_root();
        // Writing to a string cannot fail.
        let _ = writeln!(
            rows,
            "<tr id=\"{id}\"><td>{number}</td><th scope=\"row\"><code>{name}</code></th>\
             <td>{about} (<a href=\"{root}{page}.html\">{page_title}</a>)</td></tr>"
        );
    }
    Ok(format!(
        "<figure class=\"grades\">\n<table>\n<caption>All cases, with the page that says more</caption>\n\
         <thead><tr><th scope=\"col\">no.</th><th scope=\"col\">case</th><th scope=\"col\">what it looks at</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</figure>"
    ))
}

/// The title of a concept's page, or of the contract.
fn title(block: &Block, page: &str) -> String {
    let concepts = block.workspace.concepts.iter();
    let mut named = concepts.filter(|concept| concept.page == format!("{page}.md"));
    let concept = named.next().map(|concept| concept.title.clone());
    concept.unwrap_or_else(|| "The contract".to_owned())
}
