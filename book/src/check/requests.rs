//! The requests that a browser makes to show a page.

use super::{BuiltPage, Site, in_site};
use crate::html::Element;
use crate::problem::Problem;

/// A page needs only files of the site: a browser fetches nothing from elsewhere.
pub fn external(site: &Site) -> Vec<Problem> {
    let mut problems = Vec::new();
    for page in &site.built {
        for (line, address, text) in in_html(page) {
            problems.push(in_site(site, page, line, &address, text));
        }
    }
    problems.extend(in_styles(site));
    problems
}

/// Lines, the addresses that they fetch, and the texts of the problems.
fn in_html(page: &BuiltPage) -> Vec<(usize, String, String)> {
    let fetching = page.elements.iter().filter_map(|element| {
        let address = fetched(element).find(|address| is_elsewhere(address))?;
        let text = format!("<{}> fetches {address}", element.name);
        Some((element.line, address, text))
    });
    fetching.collect()
}

/// The addresses that a browser fetches on its own for this element.
fn fetched(element: &Element) -> impl Iterator<Item = String> {
    let mut addresses: Vec<String> = Vec::new();
    let names = ["src", "srcset", "poster", "data"];
    addresses.extend(
        names
            .iter()
            .filter_map(|name| element.get(name))
            .map(str::to_owned),
    );
    if matches!(element.name.as_str(), "link" | "use" | "image") {
        addresses.extend(element.get("href").map(str::to_owned));
    }
    addresses.extend(element.get("style").into_iter().flat_map(urls));
    addresses.into_iter()
}

fn in_styles(site: &Site) -> Vec<Problem> {
    let mut problems = Vec::new();
    let styles = site.files.iter().filter(|(path, _)| path.ends_with(".css"));
    for (path, content) in styles {
        for (index, line) in String::from_utf8_lossy(content).lines().enumerate() {
            for address in urls(line)
                .into_iter()
                .filter(|address| is_elsewhere(address))
            {
                let text = format!("it fetches {address}");
                problems.push(Problem::new(format!("(site) {path}"), index + 1, text));
            }
        }
    }
    problems
}

/// The addresses in `url(…)` and after `@import`.
fn urls(style: &str) -> Vec<String> {
    let unquote = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    let in_brackets = style.split("url(").skip(1);
    let in_brackets = in_brackets.map(|rest| unquote(rest.split(')').next().unwrap_or(rest)));
    let imported = style.split("@import").skip(1);
    let imported = imported.map(|rest| unquote(rest.split(';').next().unwrap_or(rest)));
    in_brackets.chain(imported).collect()
}

fn is_elsewhere(address: &str) -> bool {
    let address = address.trim();
    address.starts_with("//") || address.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html;

    #[test]
    fn resources_from_other_hosts_are_found() {
        for (text, count) in [
            ("<script src=\"https://cdn.example/x.js\"></script>", 1),
            ("<link rel=stylesheet href=//example.com/x.css>", 1),
            ("<img src=x.png srcset=\"http://example.com/x.png 2x\">", 1),
            (
                "<p style=\"background: url('https://example.com/x.png')\">",
                1,
            ),
            ("<a href=https://example.com>x</a><img src=x.png>", 0),
        ] {
            let page = BuiltPage {
                path: "x.html".to_owned(),
                elements: html::elements(text),
            };
            assert_eq!(in_html(&page).len(), count, "{text}");
        }
        assert_eq!(urls("@import \"https://example.com/x.css\";").len(), 1);
    }
}
