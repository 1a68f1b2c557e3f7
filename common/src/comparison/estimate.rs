//! A median and its confidence interval.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The median of some samples, with an interval of at least 95 % confidence, or of as much as so
/// few samples can give.
///
/// Both ends of the interval are samples. The number of samples below the true median follows a
/// binomial distribution, whatever the distribution of the samples is (Conover,
/// *Practical Nonparametric Statistics*, §3.2). So this assumes nothing about the noise, and one
/// wild sample changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The lower end of the interval.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// The number of samples; 0 if it isn't known.
    pub samples: usize,
}

impl Estimate {
    /// Estimates the median of these samples; `None` if there are none.
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let samples = sorted.len();
        let last = samples.checked_sub(1)?;
        let below = outside(samples);
        Some(Estimate {
            low: sorted[below],
            median: (sorted[last / 2] + sorted[samples / 2]) / 2.0,
            high: sorted[last - below],
            samples,
        })
    }

    /// A value that is known exactly.
    pub fn exact(value: f64) -> Self {
        Estimate {
            low: value,
            median: value,
            high: value,
            samples: 1,
        }
    }

    /// Whether the two intervals overlap, so that the two medians can be the same.
    pub fn overlaps(&self, other: &Estimate) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// Converts it to another unit.
    pub fn times(self, factor: f64) -> Self {
        Estimate {
            low: self.low * factor,
            median: self.median * factor,
            high: self.high * factor,
            ..self
        }
    }

    /// One divided by it: a rate from a time.
    pub fn inverse(self) -> Self {
        Estimate {
            low: 1.0 / self.high,
            median: 1.0 / self.median,
            high: 1.0 / self.low,
            ..self
        }
    }

    /// One divided by another, with the widest interval that the two allow.
    pub fn over(self, other: Self) -> Self {
        Estimate {
            low: self.low / other.high,
            median: self.median / other.median,
            high: self.high / other.low,
            samples: self.samples.min(other.samples),
        }
    }

    /// Half the interval's width as a share of the median: the ± of the estimate.
    pub fn spread(&self) -> f64 {
        (self.high - self.low) / 2.0 / self.median
    }
}

/// For example `0.98 (0.95 to 1.01)`; a precision applies to all three numbers.
impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Estimate {
            low, median, high, ..
        } = self;
        let digits = f.precision().unwrap_or(2);
        write!(f, "{median:.digits$} ({low:.digits$} to {high:.digits$})")
    }
}

/// How many samples to leave out at each end, so that at most 2.5 % of the probability is left
/// out with them.
fn outside(samples: usize) -> usize {
    let mut probability = 0.5_f64.powi(samples as i32);
    let mut below = 0.0;
    for count in 0..samples / 2 {
        below += probability;
        if below > 0.025 {
            return count.saturating_sub(1);
        }
        probability *= (samples - count) as f64 / (count + 1) as f64;
    }
    (samples / 2).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(samples: usize) -> (f64, f64) {
        let estimate = Estimate::of((1..=samples).map(|sample| sample as f64));
        estimate.map_or((0.0, 0.0), |estimate| (estimate.low, estimate.high))
    }

    /// The table in textbooks: for 20 samples the 6th and the 15th, and so on.
    #[test]
    fn the_interval_is_the_binomial_one() {
        assert_eq!(interval(1), (1.0, 1.0));
        assert_eq!(interval(5), (1.0, 5.0));
        assert_eq!(interval(6), (1.0, 6.0));
        assert_eq!(interval(9), (2.0, 8.0));
        assert_eq!(interval(20), (6.0, 15.0));
        assert_eq!(interval(100), (40.0, 61.0));
    }

    #[test]
    fn the_median_lies_between_the_middle_two() {
        let median =
            |samples: &[f64]| Estimate::of(samples.iter().copied()).map(|estimate| estimate.median);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[1.0, 1.0, 1.0, 900.0, 1.0]), Some(1.0));
    }
}
