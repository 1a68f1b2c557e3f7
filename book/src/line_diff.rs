//! The lines in which two texts differ.

/// A change, with the lines around it.
#[derive(Debug, PartialEq, Eq)]
pub struct Hunk<'t> {
    /// The number of its first line in the new text, from 1.
    pub line: usize,
    /// The function that it begins in, if any.
    pub function: Option<&'t str>,
    /// Its lines.
    pub lines: Vec<Line<'t>>,
}

/// A line of a hunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'t> {
    /// Which text it is in.
    pub kind: LineKind,
    /// Its text.
    pub text: &'t str,
}

/// Which text a line is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// In both.
    Same,
    /// In the old one.
    Removed,
    /// In the new one.
    Added,
}

/// The changes from `old` to `new`, each with up to `context` lines before and after it. Changes that
/// are near each other are one hunk.
pub fn hunks<'t>(old: &'t str, new: &'t str, context: usize) -> Vec<Hunk<'t>> {
    let lines = diff(old, new);
    let changes = (0..lines.len()).filter(|place| lines[*place].kind != LineKind::Same);
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for place in changes {
        let (first, end) = (place.saturating_sub(context), place + context + 1);
        match ranges.last_mut() {
            Some((_, last)) if first <= *last => *last = end,
            _ => ranges.push((first, end)),
        }
    }
    let hunk = |(first, end): (usize, usize)| {
        let above = &lines[..first];
        Hunk {
            line: 1 + above
                .iter()
                .filter(|line| line.kind != LineKind::Removed)
                .count(),
            function: enclosing(above),
            lines: lines[first..end.min(lines.len())].to_vec(),
        }
    };
    ranges.into_iter().map(hunk).collect()
}

/// The function that the next line is in, from what rustfmt makes of the end of a function.
fn enclosing<'t>(above: &[Line<'t>]) -> Option<&'t str> {
    let above = above.iter().rev();
    let mut inside = above.take_while(|line| !matches!(line.text, "}" | "    }"));
    inside.find_map(function)
}

/// The name of the function that begins in a line of the new text.
fn function<'t>(line: &Line<'t>) -> Option<&'t str> {
    let text = line.text.trim_start();
    let text = text.strip_prefix("pub ").unwrap_or(text);
    let (name, _) = text.strip_prefix("fn ")?.split_once('(')?;
    (line.kind != LineKind::Removed).then_some(name)
}

/// All lines of both texts, with those of a longest common subsequence only once. In a change, removed
/// lines come before added ones.
fn diff<'t>(old: &'t str, new: &'t str) -> Vec<Line<'t>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // How many lines the rest of both texts have in common, from each pair of places on.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for left in (0..old.len()).rev() {
        for right in (0..new.len()).rev() {
            common[left][right] = match old[left] == new[right] {
                true => common[left + 1][right + 1] + 1,
                false => common[left + 1][right].max(common[left][right + 1]),
            };
        }
    }
    let (mut left, mut right, mut lines) = (0, 0, Vec::new());
    let mut push = |kind, text| lines.push(Line { kind, text });
    while left < old.len() || right < new.len() {
        let is_removed = right == new.len()
            || left < old.len() && common[left + 1][right] >= common[left][right + 1];
        if left < old.len() && right < new.len() && old[left] == new[right] {
            push(LineKind::Same, new[right]);
            (left, right) = (left + 1, right + 1);
        } else if is_removed {
            push(LineKind::Removed, old[left]);
            left += 1;
        } else {
            push(LineKind::Added, new[right]);
            right += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str, context: usize) -> Vec<String> {
        let line = |line: &Line| match line.kind {
            LineKind::Same => format!(" {}", line.text),
            LineKind::Removed => format!("-{}", line.text),
            LineKind::Added => format!("+{}", line.text),
        };
        let hunks = hunks(old, new, context).into_iter();
        let hunks = hunks.map(|hunk| hunk.lines.iter().map(line).collect::<Vec<_>>().join(""));
        hunks.collect()
    }

    #[test]
    fn equal_texts_have_no_hunks() {
        assert!(hunks("a\nb\n", "a\nb\n", 3).is_empty());
    }

    #[test]
    fn changes_are_shown_with_the_lines_around_them() {
        assert_eq!(shown("a\nb\nc\nd", "a\nB\nc\nd", 1), [" a-b+B c"]);
        assert_eq!(shown("a", "a\nb", 3), [" a+b"]);
        assert_eq!(shown("a\nb", "b", 3), ["-a b"]);
    }

    #[test]
    fn changes_far_from_each_other_are_two_hunks() {
        assert_eq!(
            shown("a\nb\nc\nd\ne", "A\nb\nc\nd\nE", 1),
            ["-a+A b", " d-e+E"]
        );
        assert_eq!(shown("a\nb\nc", "A\nb\nC", 1), ["-a+A b-c+C"]);
    }

    #[test]
    fn a_hunk_knows_its_line_and_function() {
        let old = "pub fn first(a: u8) {\n    1\n}\n\nfn second() {\n    2\n}\n\nstruct A;\n";
        let new = old.replace('2', "3").replace('A', "B");
        let found = hunks(old, &new, 0);
        let found = found.iter().map(|hunk| (hunk.line, hunk.function));
        assert!(found.eq([(6, Some("second")), (9, None)]));
    }
}
