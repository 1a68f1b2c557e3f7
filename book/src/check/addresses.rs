//! Links, fragments, and ids within the site.

use std::collections::{HashMap, HashSet};

use super::{BuiltPage, Site, in_site};
use crate::html::Element;
use crate::problem::Problem;

/// Each id of a page is unique.
pub fn duplicate_ids(site: &Site) -> Vec<Problem> {
    let pages = site.built.iter();
    pages.flat_map(|page| duplicates(site, page)).collect()
}

fn duplicates(site: &Site, page: &BuiltPage) -> Vec<Problem> {
    let mut known = HashSet::new();
    let twice = page.elements.iter().filter_map(|element| {
        let id = element.get("id")?;
        let text = format!("a second id {id:?}");
        (!known.insert(id)).then(|| in_site(site, page, element.line, id, text))
    });
    twice.collect()
}

/// Every link within the site leads to a file that exists, and to an id that is in it.
pub fn links(site: &Site) -> Vec<Problem> {
    let ids: HashMap<&str, HashSet<&str>> = site
        .built
        .iter()
        .map(|page| {
            let ids = page.elements.iter().filter_map(|element| element.get("id"));
            (page.path.as_str(), ids.collect())
        })
        .collect();
    let mut problems = Vec::new();
    // The browser shows this page for an address at any depth, so its links have no fixed base.
    for page in site.built.iter().filter(|page| page.path != "404.html") {
        for element in &page.elements {
            for link in addresses(element).filter(|link| !is_external(link)) {
                if let Some(text) = link_problem(site, &ids, &page.path, link) {
                    problems.push(in_site(site, page, element.line, link, text));
                }
            }
        }
    }
    problems
}

fn addresses(element: &Element) -> impl Iterator<Item = &str> {
    ["href", "src"]
        .into_iter()
        .filter_map(|name| element.get(name))
}

fn is_external(link: &str) -> bool {
    let scheme = link.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.chars().all(char::is_alphabetic)) || link.starts_with("//")
}

/// What is wrong with the link, if anything.
fn link_problem(
    site: &Site,
    ids: &HashMap<&str, HashSet<&str>>,
    page: &str,
    link: &str,
) -> Option<String> {
    let (address, fragment) = link.split_once('#').unwrap_or((link, ""));
    let address = address.split('?').next().unwrap_or_default();
    let target = match address {
        "" => page.to_owned(),
        address => resolve(page, address),
    };
    if !site.files.contains_key(&target) {
        return Some(format!("{link} has no target"));
    }
    let is_there = |ids: &HashSet<&str>| fragment.is_empty() || ids.contains(fragment);
    match ids.get(target.as_str()) {
        Some(ids) if !is_there(ids) => Some(format!("{link}: no such id")),
        _ => None,
    }
}

/// The address, from the site's folder.
fn resolve(page: &str, address: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in address.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_seen_from_the_page() {
        assert_eq!(resolve("a/b.html", "../c.html"), "c.html");
        assert_eq!(resolve("a/b.html", "./c.css"), "a/c.css");
        assert_eq!(resolve("b.html", "c/d.html"), "c/d.html");
    }

    #[test]
    fn an_external_link_has_a_scheme() {
        assert!(is_external("https://example.com") && is_external("mailto:a@b"));
        assert!(!is_external("a.html#b:c") && !is_external("#a"));
    }
}
