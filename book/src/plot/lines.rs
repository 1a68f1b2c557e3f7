//! A plot with a line for each candidate.

use common::comparison::Estimate;

use super::number;
use super::scale::{Scale, Spread};
use super::svg::{self, Sheet};

/// What to draw.
#[derive(Debug)]
pub struct Lines {
    /// What the values are.
    pub axis: String,
    /// What they depend on.
    pub across: String,
    /// One for each candidate.
    pub lines: Vec<Line>,
}

/// One candidate.
#[derive(Debug, PartialEq)]
pub struct Line {
    /// The candidate's name.
    pub candidate: String,
    /// The recorded values, from the left.
    pub points: Vec<Point>,
    /// The reader's own values.
    pub own: Vec<Point>,
}

/// A place along the axis, and the value there.
pub type Point = (f64, Estimate);

const TOP: f64 = 26.0;
const BOTTOM: f64 = 340.0;
const LEFT: f64 = 42.0;
/// The width of a number below the axis.
const NUMBER: f64 = 34.0;
/// The least distance between two names.
const APART: f64 = 15.0;

/// The two axes.
struct Axes {
    x: Scale,
    y: Scale,
}

impl Axes {
    fn place(&self, (at, value): (f64, f64)) -> (f64, f64) {
        (self.x.place(at), self.y.place(value))
    }
}

impl Lines {
    /// The drawing.
    pub fn draw(&self, sheet: Sheet, title: &str) -> String {
        let axes = self.axes(sheet);
        let mut parts = self.grid(&axes);
        for line in &self.lines {
            parts += &draw_line(line, &axes);
        }
        parts += &self.names(&axes);
        svg::drawing(sheet, BOTTOM + 44.0, &self.says(title), &parts)
    }

    fn axes(&self, sheet: Sheet) -> Axes {
        let points = || {
            self.lines
                .iter()
                .flat_map(|line| line.points.iter().chain(&line.own))
        };
        let values = points().flat_map(|(_, value)| [value.low, value.high]);
        let across = (LEFT, sheet.width - sheet.names);
        Axes {
            x: Scale::over(points().map(|(at, _)| *at), Spread::Root, across),
            y: Scale::over(values.chain([0.0]), Spread::Linear, (BOTTOM, TOP)),
        }
    }

    fn grid(&self, axes: &Axes) -> String {
        let (left, right) = (axes.x.place(axes.x.ends.0), axes.x.place(axes.x.ends.1));
        let mut parts = svg::text("axis", 4.0, TOP - 12.0, &self.axis);
        for tick in axes.y.ticks() {
            let y = axes.y.place(tick);
            parts += &svg::line("grid", (left, y), (right, y));
            parts += &svg::text("tick end", left - 7.0, y + 4.0, &number::tick(tick));
        }
        let mut free = f64::NEG_INFINITY;
        for at in self.places() {
            let x = axes.x.place(at);
            parts += &svg::line("grid", (x, BOTTOM), (x, BOTTOM + 5.0));
            // A number that would overlap the one before it is left out.
            if x >= free {
                parts += &svg::text("tick middle", x, BOTTOM + 19.0, &number::tick(at));
                free = x + NUMBER;
            }
        }
        parts
            + &svg::text(
                "axis middle",
                (left + right) / 2.0,
                BOTTOM + 37.0,
                &self.across,
            )
    }

    /// The positions where something was measured, each one once.
    fn places(&self) -> Vec<f64> {
        let points = self.lines.iter().flat_map(|line| &line.points);
        let mut places: Vec<f64> = points.map(|(at, _)| *at).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        places
    }

    /// Each name at the end of its line, with overlapping names moved apart.
    fn names(&self, axes: &Axes) -> String {
        let mut parts = String::new();
        for place in self.places() {
            let ends = self.lines.iter().filter_map(|line| {
                let (at, value) = line.points.last()?;
                (*at == place).then(|| (axes.place((*at, value.median)), line))
            });
            let mut ends: Vec<_> = ends.collect();
            ends.sort_by(|((_, one), _), ((_, other), _)| one.total_cmp(other));
            let heights: Vec<f64> = ends.iter().map(|((_, y), _)| *y).collect();
            for (((x, y), line), height) in ends.into_iter().zip(apart(&heights)) {
                let leader = svg::line("leader", (x + 7.0, y), (x + 17.0, height));
                let name = svg::text("name label", x + 20.0, height + 4.0, &line.candidate);
                parts += &svg::of(&line.candidate, &line.candidate, &(leader + &name));
            }
        }
        parts
    }

    fn says(&self, title: &str) -> String {
        let lines = self.lines.iter().filter_map(|line| {
            let ((from, first), (to, last)) = (line.points.first()?, line.points.last()?);
            let [first, last] = [first, last].map(|value| number::short(value.median));
            Some(format!(
                "{} {first} at {from}, {last} at {to}",
                line.candidate
            ))
        });
        let lines: Vec<_> = lines.collect();
        format!(
            "{title}. {} over {}: {}.",
            self.axis,
            self.across,
            lines.join("; ")
        )
    }
}

fn draw_line(line: &Line, axes: &Axes) -> String {
    let recorded = draw_points("recorded", &line.candidate, &line.points, axes);
    let own = draw_points("own", &line.candidate, &line.own, axes);
    svg::of(&line.candidate, &line.candidate, &(recorded + &own))
}

fn draw_points(class: &str, candidate: &str, points: &[Point], axes: &Axes) -> String {
    let of = |value: fn(&Estimate) -> f64| -> Vec<(f64, f64)> {
        let places = points.iter().map(|(at, estimate)| (*at, value(estimate)));
        places.map(|place| axes.place(place)).collect()
    };
    let (low, median, high) = (of(|it| it.low), of(|it| it.median), of(|it| it.high));
    let around: Vec<_> = low.into_iter().chain(high.into_iter().rev()).collect();
    let mut parts = svg::area(&format!("ribbon {class}"), &around);
    parts += &svg::path(&format!("line {class}"), &median);
    for place in median {
        parts += &svg::marker(&format!("mark {class}"), candidate, place);
    }
    parts
}

/// Heights in rising order, moved so that none is closer than [`APART`] to the next: groups of
/// crowded ones are spread around their middle.
fn apart(heights: &[f64]) -> Vec<f64> {
    // For each group: the sum of the places where its members want it to begin, and their number.
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for &height in heights {
        let mut group = (height, 1);
        while let Some(&(sum, count)) = groups.last() {
            let end = sum / count as f64 + APART * count as f64;
            if end <= group.0 / group.1 as f64 {
                break;
            }
            groups.pop();
            let shift = APART * (count * group.1) as f64;
            group = (sum + group.0 - shift, count + group.1);
        }
        groups.push(group);
    }
    let placed = groups.into_iter().flat_map(|(sum, count)| {
        (0..count).map(move |index| sum / count as f64 + APART * index as f64)
    });
    placed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_lie_on_one_another() {
        assert_eq!(apart(&[10.0, 100.0]), [10.0, 100.0]);
        assert_eq!(apart(&[50.0, 50.0]), [42.5, 57.5]);
        let many = apart(&[10.0, 11.0, 12.0, 40.0, 41.0, 300.0]);
        assert!(
            many.windows(2)
                .all(|pair| pair[1] - pair[0] >= APART - 1e-9),
            "{many:?}"
        );
        assert_eq!(many.len(), 6);
    }

    #[test]
    fn a_series_with_missing_values_has_a_shorter_line() {
        let lines = Lines {
            axis: "µs".to_owned(),
            across: "idle".to_owned(),
            lines: vec![
                Line {
                    candidate: "select".to_owned(),
                    points: vec![(0.0, Estimate::exact(9.0)), (900.0, Estimate::exact(14.0))],
                    own: vec![],
                },
                Line {
                    candidate: "chat".to_owned(),
                    points: vec![(0.0, Estimate::exact(9.0)), (9000.0, Estimate::exact(9.0))],
                    own: vec![],
                },
                Line {
                    candidate: "nobody".to_owned(),
                    points: vec![],
                    own: vec![],
                },
            ],
        };
        let drawn = lines.draw(svg::SHEETS[0], "Idle");
        assert!(
            drawn.contains("select 9.00 at 0, 14.0 at 900; chat 9.00 at 0, 9.00 at 9000."),
            "{drawn}"
        );
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }
}
