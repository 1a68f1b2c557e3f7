//! Links, fragments and ids within the site.

use std::collections::{HashMap, HashSet};

use super::{Built, Site, in_site};
use crate::html::Element;
use crate::problem::Problem;

/// No id stands twice on a page.
pub fn duplicate_ids(site: &Site) -> Vec<Problem> {
    let pages = site.built.iter();
    pages.flat_map(|page| duplicates(site, page)).collect()
}

fn duplicates(site: &Site, page: &Built) -> Vec<Problem> {
    let mut known = HashSet::new();
    let twice = page.elements.iter().filter_map(|element| {
        let id = element.get("id")?;
        let text = format!("a second id {id:?}");
        (!known.insert(id)).then(|| in_site(site, page, element.line, id, text))
    });
    twice.collect()
}

/// Every link within the site leads to a file that is there, and to an id that is in it.
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
    // The page for what is not found is shown at any depth, and so cannot be checked from one.
    for page in site.built.iter().filter(|page| page.path != "404.html") {
        for element in &page.elements {
            for link in addresses(element).filter(|link| !leads_out(link)) {
                if let Some(text) = dead(site, &ids, &page.path, link) {
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

fn leads_out(link: &str) -> bool {
    let scheme = link.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.chars().all(char::is_alphabetic)) || link.starts_with("//")
}

/// What is wrong with the link, if anything.
fn dead(site: &Site, ids: &HashMap<&str, HashSet<&str>>, page: &str, link: &str) -> Option<String> {
    let (address, fragment) = link.split_once('#').unwrap_or((link, ""));
    let address = address.split('?').next().unwrap_or_default();
    let target = match address {
        "" => page.to_owned(),
        address => resolve(page, address),
    };
    if !site.files.contains_key(&target) {
        return Some(format!("{link} leads nowhere"));
    }
    let is_there = |ids: &HashSet<&str>| fragment.is_empty() || ids.contains(fragment);
    match ids.get(target.as_str()) {
        Some(ids) if !is_there(ids) => Some(format!("{link}: there is no such id")),
        _ => None,
    }
}

/// The address, seen from the site's folder.
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
    fn a_link_out_has_a_scheme() {
        assert!(leads_out("https://example.com") && leads_out("mailto:a@b"));
        assert!(!leads_out("a.html#b:c") && !leads_out("#a"));
    }
}
