//! The table in lines of text for a width, the most important columns first.

use super::columns;
use super::style;
use super::table::Table;
use super::words;

/// A line of text, in pieces of one colour each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(pub(super) Vec<(String, Option<u8>)>);

impl Line {
    /// How many cells it takes: there is nothing wide in it.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(text, _)| text.chars().count()).sum()
    }

    /// The line without what is beyond that many cells, nor spaces at its end.
    pub(super) fn cut(mut self, width: usize) -> Self {
        let mut left = width;
        for (text, _) in &mut self.0 {
            *text = text.chars().take(left).collect();
            left -= text.chars().count();
        }
        while let Some((text, _)) = self.0.last_mut() {
            text.truncate(text.trim_end().len());
            if !text.is_empty() {
                break;
            }
            self.0.pop();
        }
        self
    }
}

/// The whole table. `loaded` is the series that is under load now; of the last one, the noise floor
/// tells.
pub(super) fn lines(table: &Table, width: usize, loaded: Option<usize>) -> Vec<Line> {
    let said = |sentences: Vec<String>| {
        let broken = sentences.into_iter().flat_map(|text| wrapped(&text, width));
        broken
            .map(|text| Line(vec![(text, None)]))
            .collect::<Vec<_>>()
    };
    let mut lines = said(words::above(table));
    lines.push(Line::default());
    lines.extend(rows(table, width, loaded));
    lines.push(Line::default());
    lines.extend(said(words::below(table, loaded)));
    lines.into_iter().map(|line| line.cut(width)).collect()
}

fn rows(table: &Table, width: usize, loaded: Option<usize>) -> Vec<Line> {
    let columns = columns::of(table, width);
    let row = |place: usize| {
        let server = place.checked_sub(1);
        let style = server.map(|server| style::of(table.servers[server].candidate));
        let colour = style.and_then(|style| style.colour);
        let is_loaded = loaded.is_some() && loaded == server;
        let pointer = if is_loaded { '›' } else { ' ' };
        let marker = style.map_or(' ', |style| style.marker);
        let mut line = vec![(pointer.to_string(), None), (marker.to_string(), colour)];
        for column in &columns {
            let colour = colour.filter(|_| column.coloured);
            line.push((" ".to_owned(), None));
            line.push((column.cell(place), colour));
        }
        Line(line)
    };
    (0..=table.servers.len()).map(row).collect()
}

/// The text in lines of at most that many cells, broken at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::table;
    use super::*;

    fn text(width: usize) -> Vec<String> {
        let (fast, slow) = ([93_789.0; 9], [52_406.0; 9]);
        let series: [(&str, &[f64]); 4] = [
            ("select", &fast),
            ("reactor-tokio", &slow),
            ("c-epoll", &fast),
            ("select", &fast),
        ];
        let lines = lines(&table(&series), width, Some(1));
        let text = |line: &Line| line.0.iter().map(|(text, _)| text.as_str()).collect();
        lines.iter().map(text).collect()
    }

    fn line_of(name: &str, width: usize) -> String {
        let lines = text(width).into_iter();
        let mut found = lines.filter(|line| line.contains(name) && line.contains("298"));
        found.next().unwrap_or_default()
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [20, 60, 80, 81, 100, 120, 140, 200] {
            for line in text(width) {
                assert!(line.chars().count() <= width, "{width}: {line}");
                assert_eq!(line, line.trim_end());
            }
        }
    }

    #[test]
    fn eighty_columns_show_what_matters() {
        let line = line_of("reactor-tokio", 80);
        for part in [
            "›◆",
            "52,406",
            "▅▅▅",
            "298",
            "1,571",
            "0.56 0.56–0.56",
            "2.04",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        let line = line_of("c-epoll", 80);
        assert!(
            line.contains(" · c-epoll") || line.starts_with(" · c-epoll"),
            "{line}"
        );
        assert!(line.ends_with(" -"), "{line}");
    }

    #[test]
    fn more_columns_show_more() {
        let line = line_of("reactor-tokio", 120);
        assert!(
            line.contains("1.79× slower") && line.contains("7.31"),
            "{line}"
        );
        assert!(line.matches('█').count() > 8, "{line}");
    }

    #[test]
    fn text_is_broken_at_spaces() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("noise", 2), ["noise"]);
    }
}
