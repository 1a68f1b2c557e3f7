//! Numbers as people read them.

use common::comparison::Estimate;

/// A round number, without trailing zeros.
pub fn tick(value: f64) -> String {
    trimmed(short(value))
}

/// Three significant digits, with thousands in groups.
pub fn short(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "–".to_owned(),
        _ if size >= 99.95 || value == 0.0 => grouped(value.round()),
        _ if size >= 9.995 => format!("{value:.1}"),
        _ if size >= 0.0995 => format!("{value:.2}"),
        _ if size >= 0.001 => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}

/// A median with its interval, or the value alone if it is exact.
pub fn interval(value: Estimate) -> String {
    let Estimate {
        low, median, high, ..
    } = value;
    if low == high {
        return short(median);
    }
    format!("{} ({} to {})", short(median), short(low), short(high))
}

/// The same, or a dash.
pub fn known(value: Option<Estimate>) -> String {
    value.map_or("–".to_owned(), interval)
}

/// A day, such as `22 November 2026`, from seconds since 1970, UTC.
///
/// The calendar is counted in eras of 400 years that begin on the first of March, as in Howard
/// Hinnant's *chrono-compatible low-level date algorithms*.
pub fn day(seconds: u64) -> String {
    const MONTHS: [&str; 12] = [
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
        "January",
        "February",
    ];
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = 400 * era + year_of_era + u64::from(month >= 10);
    format!("{day} {} {year}", MONTHS[month as usize])
}

fn trimmed(text: String) -> String {
    match text.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|digit| digit == b'0') => whole.to_owned(),
        _ => text,
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("−{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_enough() {
        for (value, expected) in [
            (60_029.0, "60,029"),
            (1_234_567.8, "1,234,568"),
            (308.4, "308"),
            (48.26, "48.3"),
            (10.0, "10.0"),
            (2.1, "2.10"),
            (1.0, "1.00"),
            (0.976, "0.98"),
            (0.0911, "0.091"),
            (0.0, "0"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(short(value), expected);
        }
    }

    #[test]
    fn a_tick_is_round() {
        assert_eq!([1.0, 0.2, 20.0].map(tick), ["1", "0.20", "20"]);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day(0), "1 January 1970");
        assert_eq!(day(951_782_400), "29 February 2000");
        assert_eq!(day(1_795_305_600), "22 November 2026");
    }
}
