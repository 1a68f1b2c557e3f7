//! Fenced blocks of a page.

/// A fenced block. Lines count from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Fence<'a> {
    /// What stands behind the opening fence.
    pub info: &'a str,
    /// The lines between the fences.
    pub body: Vec<&'a str>,
    /// The line of the opening fence.
    pub first: usize,
    /// The line of the closing fence, or the page's last one.
    pub last: usize,
}

/// All blocks of the page, in order. What stands within a block is no block of the page.
pub fn all(text: &str) -> Vec<Fence<'_>> {
    let mut fences = Vec::new();
    let mut open: Option<(Fence<'_>, &str)> = None;
    for (index, line) in text.lines().enumerate() {
        let bar = bar(line);
        let rest = line.trim_start()[bar.len()..].trim();
        match open.take() {
            None if !bar.is_empty() => {
                let fence = Fence {
                    info: rest,
                    body: Vec::new(),
                    first: index + 1,
                    last: index + 1,
                };
                open = Some((fence, bar));
            }
            None => {}
            Some((mut fence, opening)) => {
                fence.last = index + 1;
                if bar.starts_with(opening) && rest.is_empty() {
                    fences.push(fence);
                } else {
                    fence.body.push(line);
                    open = Some((fence, opening));
                }
            }
        }
    }
    fences.extend(open.map(|(fence, _)| fence));
    fences
}

/// The backticks or tildes that the line begins with, if they are enough for a fence.
fn bar(line: &str) -> &str {
    let text = line.trim_start();
    let Some(mark) = text.chars().next().filter(|mark| "`~".contains(*mark)) else {
        return "";
    };
    let length = text.len() - text.trim_start_matches(mark).len();
    if length < 3 || text[length..].contains('`') {
        return "";
    }
    &text[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_fence_holds_shorter_ones() {
        let page = "x\n````predict\nq\n```snippet\na\n```\n````\n~~~ text\ny\n~~~\n```` a `b`\n";
        let found: Vec<_> = all(page)
            .into_iter()
            .map(|fence| (fence.info, fence.body.join("|"), fence.first, fence.last))
            .collect();
        let expected = [
            ("predict", "q|```snippet|a|```".to_owned(), 2, 7),
            ("text", "y".to_owned(), 8, 10),
        ];
        assert_eq!(found, expected);
    }
}
