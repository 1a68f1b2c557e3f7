//! Parts of a drawing. The style sheet sets colours, strokes, and fonts.

use crate::html;
use crate::style::Style;

/// The size of a drawing: one for a page and one for a phone. The style sheet shows one of them.
#[derive(Debug, Clone, Copy)]
pub struct Sheet {
    /// Its class.
    pub name: &'static str,
    /// Its width; a unit is about a pixel.
    pub width: f64,
    /// The width of the candidates' names.
    pub names: f64,
}

/// Both of them.
pub const SHEETS: [Sheet; 2] = [
    Sheet {
        name: "wide",
        width: 740.0,
        names: 138.0,
    },
    Sheet {
        name: "narrow",
        width: 360.0,
        names: 116.0,
    },
];

/// A whole drawing, with a sentence that describes it for readers who can't see it.
pub fn drawing(sheet: Sheet, height: f64, says: &str, parts: &str) -> String {
    let Sheet { name, width, .. } = sheet;
    let says = html::escape(says);
    format!(
        "<svg class=\"{name}\" role=\"img\" aria-label=\"{says}\" viewBox=\"0 0 {width} {height:.0}\">\
         {parts}</svg>"
    )
}

/// Words at a place; `class` decides which end of them is there.
pub fn text(class: &str, x: f64, y: f64, words: &str) -> String {
    let words = html::escape(words);
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>")
}

/// A straight line.
pub fn line(class: &str, from: (f64, f64), to: (f64, f64)) -> String {
    format!(
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    )
}

/// A line through several places.
pub fn path(class: &str, places: &[(f64, f64)]) -> String {
    format!(
        "<polyline class=\"{class}\" points=\"{}\"/>",
        points(places)
    )
}

/// The area between several places.
pub fn area(class: &str, places: &[(f64, f64)]) -> String {
    format!("<polygon class=\"{class}\" points=\"{}\"/>", points(places))
}

/// A rectangle between two corners.
pub fn block(class: &str, from: (f64, f64), to: (f64, f64)) -> String {
    format!(
        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
        from.0,
        from.1,
        (to.0 - from.0).max(0.0),
        to.1 - from.1
    )
}

/// The parts that belong to a candidate, in its colour, with a tooltip.
pub fn of(candidate: &str, title: &str, parts: &str) -> String {
    let colour = style_of(candidate).map_or(String::new(), |style| {
        format!(" data-style=\"{}\"", style.name())
    });
    let title = html::escape(title);
    format!("<g class=\"candidate\"{colour}><title>{title}</title>{parts}</g>")
}

/// A candidate's marker: the shape of its style, or a stroke for those without a style.
pub fn marker(class: &str, candidate: &str, (x, y): (f64, f64)) -> String {
    let corners: &[(f64, f64)] = match style_of(candidate) {
        Some(Style::Select) => {
            return format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.6\"/>");
        }
        Some(Style::Dispatcher) => &[(-4.2, -4.2), (4.2, -4.2), (4.2, 4.2), (-4.2, 4.2)],
        Some(Style::Chat) => &[(0.0, -5.4), (5.2, 4.0), (-5.2, 4.0)],
        Some(Style::Reactor) => &[(0.0, -5.8), (5.8, 0.0), (0.0, 5.8), (-5.8, 0.0)],
        None => &[(-2.0, -5.0), (2.0, -5.0), (2.0, 5.0), (-2.0, 5.0)],
    };
    let places: Vec<_> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
    area(class, &places)
}

/// The style of a candidate: for example, `reactor-mio` is a reactor.
pub fn style_of(candidate: &str) -> Option<Style> {
    let (first, _) = candidate.split_once('-').unwrap_or((candidate, ""));
    Style::named(first)
}

fn points(places: &[(f64, f64)]) -> String {
    let places = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}"));
    places.collect::<Vec<_>>().join(" ")
}
