//! The structure of pages.

use super::{Site, in_site};
use crate::directives;
use crate::problem::Problem;

/// Every directive was expanded.
pub fn raw_directives(site: &Site) -> Vec<Problem> {
    let mut problems = Vec::new();
    for page in &site.built {
        let codes = page
            .elements
            .iter()
            .filter(|element| element.name == "code");
        for code in codes {
            let mut classes = code.get("class").unwrap_or_default().split(' ');
            let language = classes.find_map(|class| class.strip_prefix("language-"));
            let name = language.unwrap_or_default();
            let name = name.split([',', '{']).next().unwrap_or_default();
            if directives::is_directive(name) {
                let text = format!("the directive {name} is not expanded");
                problems.push(in_site(site, page, code.line, &format!("```{name}"), text));
            }
        }
    }
    problems
}
