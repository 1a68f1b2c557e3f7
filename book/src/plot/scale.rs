//! Maps values to places on paper.

/// How to spread values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Evenly.
    Linear,
    /// Evenly for each factor; only for values above zero.
    Log,
    /// By their square roots, so that there is space between the small ones.
    Root,
}

/// An axis, which maps values to places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    spread: Spread,
    /// The values at its two ends.
    pub ends: (f64, f64),
    /// The places of its two ends.
    places: (f64, f64),
}

impl Scale {
    /// An axis from `places.0` to `places.1` that covers all values, and ends at round ones.
    pub fn over(values: impl Iterator<Item = f64>, spread: Spread, places: (f64, f64)) -> Self {
        let usable = values.filter(|value| value.is_finite());
        let usable = usable.filter(|value| spread != Spread::Log || *value > 0.0);
        let (low, high) = usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let ends = match spread {
            _ if low > high => (1.0, 10.0),
            Spread::Log => (round_below(low), round_above(high)),
            Spread::Root => (low, high),
            Spread::Linear => {
                let step = step(low, high);
                ((low / step).floor() * step, (high / step).ceil() * step)
            }
        };
        Scale {
            spread,
            ends,
            places,
        }
    }

    /// The place of the value. A value beyond an end gets the place of that end.
    pub fn place(&self, value: f64) -> f64 {
        let value = value.max(self.ends.0).min(self.ends.1);
        let bend = |value: f64| match self.spread {
            Spread::Linear => value,
            Spread::Log => value.ln(),
            Spread::Root => value.sqrt(),
        };
        let (low, high) = (bend(self.ends.0), bend(self.ends.1));
        let share = if high > low {
            (bend(value) - low) / (high - low)
        } else {
            0.5
        };
        self.places.0 + share * (self.places.1 - self.places.0)
    }

    /// Round values along it, including both ends.
    pub fn ticks(&self) -> Vec<f64> {
        let (low, high) = self.ends;
        match self.spread {
            Spread::Linear | Spread::Root => {
                let step = step(low, high);
                let count = ((high - low) / step).round() as usize;
                (0..=count).map(|index| low + step * index as f64).collect()
            }
            Spread::Log => log_ticks(low, high),
        }
    }
}

/// The step for about five steps from one to the other: 1, 2, or 5 times a power of ten.
fn step(low: f64, high: f64) -> f64 {
    let range = if high > low {
        high - low
    } else {
        high.abs().max(1.0)
    };
    let rough = range / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|of| of * power);
    // With a little slack: 0.3 / 5 is not exactly 0.06.
    let fits = |step: &&f64| **step >= rough * 0.75;
    *steps.iter().find(fits).unwrap_or(&steps[3])
}

/// Up to two powers of ten are divided at 2 and 5.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let within: &[f64] = if high / low <= 100.0 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let all =
        (first..=last).flat_map(|power| within.iter().map(move |digit| digit * 10_f64.powi(power)));
    let slack = 1e-9;
    all.filter(|tick| (low * (1.0 - slack)..=high * (1.0 + slack)).contains(tick))
        .collect()
}

/// The next of 1, 2, 5, 10, 20, … at or below the value.
fn round_below(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let digits = [5.0, 2.0, 1.0].map(|digit| digit * power);
    let digits = digits.into_iter();
    digits.filter(|round| *round <= value).fold(power, f64::max)
}

fn round_above(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    let above = digits.into_iter().find(|round| *round >= value);
    above.unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(values: &[f64], spread: Spread) -> Scale {
        Scale::over(values.iter().copied(), spread, (0.0, 100.0))
    }

    fn ticks(values: &[f64], spread: Spread) -> Vec<String> {
        let ticks = scale(values, spread).ticks();
        ticks.iter().map(|tick| format!("{tick:.2}")).collect()
    }

    #[test]
    fn ticks_are_round_and_reach_beyond_the_values() {
        assert_eq!(
            ticks(&[0.0, 1.04], Spread::Linear),
            ["0.00", "0.20", "0.40", "0.60", "0.80", "1.00", "1.20"]
        );
        assert_eq!(
            ticks(&[0.93, 1.02], Spread::Linear),
            ["0.92", "0.94", "0.96", "0.98", "1.00", "1.02"]
        );
        assert_eq!(
            ticks(&[48.0, 60_029.0], Spread::Log),
            ["100.00", "1000.00", "10000.00", "100000.00"]
        );
        assert_eq!(
            ticks(&[3.0, 31.0], Spread::Log),
            ["2.00", "5.00", "10.00", "20.00", "50.00"]
        );
    }

    #[test]
    fn values_lie_between_the_ends() {
        assert_eq!(scale(&[0.0, 10.0], Spread::Linear).place(5.0), 50.0);
        assert_eq!(scale(&[1.0, 100.0], Spread::Log).place(10.0), 50.0);
        assert_eq!(scale(&[0.0, 400.0], Spread::Root).place(100.0), 50.0);
        assert_eq!(scale(&[1.0, 2.0, 1000.0], Spread::Log).ends, (1.0, 1000.0));
    }

    #[test]
    fn empty_or_invalid_data_still_makes_an_axis() {
        for values in [&[][..], &[f64::NAN], &[3.0], &[0.0]] {
            for spread in [Spread::Linear, Spread::Log, Spread::Root] {
                let scale = scale(values, spread);
                assert!(
                    scale.place(scale.ends.0).is_finite(),
                    "{values:?} {scale:?}"
                );
                assert!(scale.ticks().len() < 12, "{values:?} {scale:?}");
            }
        }
    }
}
