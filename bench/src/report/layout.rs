//! Tables and sentences in lines of text for a width, the most important columns first.

use common::comparison::{Comparison, Row};

use super::columns::{self, View};
use super::style;
use super::words::{self, Loaded};

/// A line of text, in pieces of one colour each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(pub(super) Vec<(String, Option<u8>)>);

impl Line {
    /// How many cells it takes: it contains no wide character.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(text, _)| text.chars().count()).sum()
    }

    /// Cuts the line at that many cells, and removes spaces at its end.
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

/// The page of the live comparison; `loaded` is the server that is under load now.
pub(crate) fn live(comparison: &Comparison, width: usize, loaded: Option<&Loaded>) -> Vec<Line> {
    let mut lines = said(words::above(comparison), width);
    lines.push(Line::default());
    if let Some((_, benchmark)) = comparison.main() {
        let rows: Vec<&Row> = benchmark.rows.iter().collect();
        let view = View {
            benchmark,
            rows: &rows,
            changes: None,
            is_live: true,
        };
        let server = loaded.and_then(|loaded| loaded.server);
        lines.extend(table(&view, width, server, false));
    }
    lines.push(Line::default());
    lines.extend(said(words::below(comparison, loaded), width));
    lines.into_iter().map(|line| line.cut(width)).collect()
}

/// Sentences, each on a new line.
pub(super) fn said(sentences: Vec<String>, width: usize) -> Vec<Line> {
    let broken = sentences.into_iter().flat_map(|text| wrapped(&text, width));
    broken.map(|text| Line(vec![(text, None)])).collect()
}

/// The head and a line for each server, with a heading before each family if `is_sectioned` is set.
pub(super) fn table(
    view: &View<'_>,
    width: usize,
    loaded: Option<usize>,
    is_sectioned: bool,
) -> Vec<Line> {
    let columns = columns::of(view, width);
    let cells = |place: usize, colour: Option<u8>| {
        let cell = move |column: &columns::Column| {
            let colour = colour.filter(|_| column.coloured);
            [(" ".to_owned(), None), (column.cell(place), colour)]
        };
        columns.iter().flat_map(cell).collect::<Vec<_>>()
    };
    let mut lines = vec![Line(
        [vec![("  ".to_owned(), None)], cells(0, None)].concat(),
    )];
    let mut family = None;
    for (place, row) in view.rows.iter().enumerate() {
        if is_sectioned && family != Some(row.family) {
            family = Some(row.family);
            lines.push(Line(vec![(words::family(row.family).to_owned(), None)]));
        }
        let style = style::of(&row.candidate);
        let pointer = if loaded == Some(place) { '›' } else { ' ' };
        let start = vec![
            (pointer.to_string(), None),
            (style.marker.to_string(), style.colour),
        ];
        lines.push(Line([start, cells(place + 1, style.colour)].concat()));
    }
    lines
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
    use super::super::tests::comparison;
    use super::*;

    fn text(width: usize) -> Vec<String> {
        let (fast, slow) = ([93_789.0; 9], [52_406.0; 9]);
        let series: [(&str, &[f64]); 4] = [
            ("select", &fast),
            ("reactor-tokio", &slow),
            ("c-epoll", &fast),
            ("select", &fast),
        ];
        let loaded = Loaded {
            server: Some(1),
            until: "9".to_owned(),
        };
        let lines = live(&comparison(&series), width, Some(&loaded));
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
