//! A plot with a row for each candidate: dots in their intervals, or bars.

use common::comparison::Estimate;

use super::number;
use super::scale::{Scale, Spread};
use super::svg::{self, Sheet};

/// What to draw.
#[derive(Debug)]
pub struct Rows {
    /// What the values are, for the label below the axis.
    pub axis: String,
    /// How to spread the values along it.
    pub spread: Spread,
    /// Whether each value is a bar from the axis' beginning.
    pub bars: bool,
    /// The interval of noise: a server within it doesn't differ from the one to compare with.
    pub band: Option<Estimate>,
    /// One for each candidate, from the top.
    pub entries: Vec<Entry>,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The candidate's name.
    pub candidate: String,
    /// The recorded value.
    pub value: Estimate,
    /// The reader's own value.
    pub own: Option<Estimate>,
    /// Whether the client was the bottleneck, so that the true value can be higher.
    pub at_least: bool,
}

impl Entry {
    /// An entry with a recorded value alone.
    pub fn of(candidate: &str, value: Estimate) -> Self {
        Entry {
            candidate: candidate.to_owned(),
            value,
            own: None,
            at_least: false,
        }
    }

    fn words(&self) -> String {
        let sign = if self.at_least { "≥ " } else { "" };
        format!("{sign}{}", number::short(self.value.median))
    }
}

const ROW: f64 = 24.0;
const TOP: f64 = 10.0;
/// The width of the numbers at the right.
const NUMBERS: f64 = 62.0;
/// How far below the recorded marker the reader's own is.
const BESIDE: f64 = 5.0;

impl Rows {
    /// The drawing.
    pub fn draw(&self, sheet: Sheet, title: &str) -> String {
        let ends = (sheet.names + 10.0, sheet.width - NUMBERS);
        let scale = Scale::over(self.values().into_iter(), self.spread, ends);
        let bottom = TOP + ROW * self.entries.len() as f64;
        let mut parts = self.grid(&scale, bottom);
        for (index, entry) in self.entries.iter().enumerate() {
            let y = TOP + ROW * (index as f64 + 0.5);
            parts += &self.row(entry, &scale, y, sheet);
        }
        svg::drawing(sheet, bottom + 42.0, &self.says(title), &parts)
    }

    /// All values that the axis must cover.
    fn values(&self) -> Vec<f64> {
        let all = self.entries.iter();
        let all = all.flat_map(|entry| [Some(entry.value), entry.own, self.band]);
        let mut values: Vec<f64> = all
            .flatten()
            .flat_map(|value| [value.low, value.median, value.high])
            .collect();
        if self.bars {
            // Even the shortest bar must be visible.
            let positive = values.iter().copied().filter(|value| *value > 0.0);
            values.push(match self.spread {
                Spread::Log => positive.fold(f64::INFINITY, f64::min) / 2.0,
                Spread::Linear | Spread::Root => 0.0,
            });
        }
        values
    }

    fn grid(&self, scale: &Scale, bottom: f64) -> String {
        let mut parts = String::new();
        if let Some(band) = self.band {
            let (low, high) = (scale.place(band.low), scale.place(band.high));
            parts += &svg::block("noise", (low, TOP), (high, bottom));
        }
        for tick in scale.ticks() {
            let x = scale.place(tick);
            parts += &svg::line("grid", (x, TOP), (x, bottom));
            parts += &svg::text("tick middle", x, bottom + 16.0, &number::tick(tick));
        }
        let middle = (scale.place(scale.ends.0) + scale.place(scale.ends.1)) / 2.0;
        parts + &svg::text("axis middle", middle, bottom + 35.0, &self.axis)
    }

    fn row(&self, entry: &Entry, scale: &Scale, y: f64, sheet: Sheet) -> String {
        let Entry {
            candidate,
            value,
            own,
            ..
        } = entry;
        let baseline = y + 4.5;
        let mut parts = svg::text("name end", sheet.names, baseline, candidate);
        // With a second marker below it, the first one moves up a little.
        let up = own.map_or(0.0, |_| BESIDE);
        parts += &self.mark("recorded", candidate, *value, scale, y - up);
        let mut title = format!("{candidate}: {}", number::interval(*value));
        if let Some(own) = own {
            parts += &self.mark("own", candidate, *own, scale, y + BESIDE);
            title += &format!("; your run: {}", number::interval(*own));
        }
        parts += &svg::text("value end", sheet.width - 4.0, baseline, &entry.words());
        svg::of(candidate, &title, &parts)
    }

    fn mark(&self, class: &str, candidate: &str, value: Estimate, scale: &Scale, y: f64) -> String {
        let [low, median, high] =
            [value.low, value.median, value.high].map(|value| scale.place(value));
        if self.bars {
            let start = scale.place(scale.ends.0);
            return svg::block(&format!("bar {class}"), (start, y - 6.0), (median, y + 6.0));
        }
        let whisker = svg::line(&format!("whisker {class}"), (low, y), (high, y));
        whisker + &svg::marker(&format!("mark {class}"), candidate, (median, y))
    }

    fn says(&self, title: &str) -> String {
        let values = self.entries.iter();
        let values = values.map(|entry| format!("{} {}", entry.candidate, entry.words()));
        let values: Vec<_> = values.collect();
        format!("{title}. {}: {}.", self.axis, values.join(", "))
    }
}
