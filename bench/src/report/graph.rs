//! Numbers as pictures of one line, and as short text.

use common::comparison::Estimate;
use indicatif::HumanCount;

/// Eighths of a cell, from the left.
const BARS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
/// Eighths of a cell, from below.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// A sparkline's lowest and highest levels are this share below and above the median.
const SPARK_RANGE: f64 = 0.2;

/// A bar that takes this share, from 0 to 1, of `width` cells, and is never empty.
pub(super) fn bar(share: f64, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let eighths = eighths.max(1);
    let mut bar = "█".repeat(eighths / 8);
    bar.extend((eighths % 8).checked_sub(1).map(|rest| BARS[rest]));
    bar
}

/// The last `width` values relative to their median, on the same scale in every row.
pub(super) fn sparkline(values: &[f64], median: f64, width: usize) -> String {
    let last = &values[values.len().saturating_sub(width)..];
    let level = |value: &f64| {
        let height = (value / median - 1.0 + SPARK_RANGE) / (2.0 * SPARK_RANGE);
        LEVELS[(height.clamp(0.0, 1.0) * 7.0).round() as usize]
    };
    last.iter().map(level).collect()
}

/// For example `93,789`.
pub(super) fn count(number: f64) -> String {
    HumanCount(number.round() as u64).to_string()
}

/// Microseconds, with three digits or as a whole number.
pub(super) fn microseconds(number: f64) -> String {
    match number {
        ..9.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => count(number),
    }
}

/// For example `0.93 0.90–0.96`.
pub(super) fn ratio(ratio: &Estimate) -> String {
    let Estimate {
        low, median, high, ..
    } = ratio;
    format!("{median:.2} {low:.2}–{high:.2}")
}

/// A change in percent, such as `+3 %`.
pub(super) fn percent(ratio: f64) -> String {
    format!("{:+.0} %", (ratio - 1.0) * 100.0)
}

/// How much slower a server with this ratio is, such as `1.46× slower`, or `5.0× slower`.
pub(super) fn slower(ratio: f64) -> String {
    format!("{} slower", times(ratio))
}

/// One divided by a ratio, such as `1.46×`.
pub(super) fn times(ratio: f64) -> String {
    let times = 1.0 / ratio;
    let digits = if times < 4.995 { 2 } else { 1 };
    format!("{times:.digits$}×")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_by_eighths() {
        assert_eq!(bar(1.0, 3), "███");
        assert_eq!(bar(0.5, 3), "█▌");
        assert_eq!(bar(0.0, 3), "▏");
        assert_eq!(bar(7.0, 2), "██");
        assert_eq!(bar(f64::NAN, 2), "▏");
    }

    #[test]
    fn sparklines_show_the_last_values_beside_the_median() {
        assert_eq!(sparkline(&[100.0; 4], 100.0, 8), "▅▅▅▅");
        let values = [1.0, 60.0, 80.0, 120.0, 150.0];
        assert_eq!(sparkline(&values, 100.0, 4), "▁▁██");
        assert_eq!(sparkline(&[], 100.0, 4), "");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(count(93_788.7), "93,789");
        let shown = [3.333, 9.996, 31.41, 99.96, 2_571.3].map(microseconds);
        assert_eq!(shown, ["3.33", "10.0", "31.4", "100", "2,571"]);
        let estimate = Estimate {
            low: 0.9,
            median: 0.934,
            high: 0.96,
            samples: 9,
        };
        assert_eq!(ratio(&estimate), "0.93 0.90–0.96");
        assert_eq!(slower(0.6849), "1.46× slower");
        assert_eq!(slower(0.1), "10.0× slower");
    }
}
