//! How much each figure of the four servers may be: what `--check` asserts.

use std::ops::RangeInclusive;

use super::Counts;

/// The limits of one contender.
#[derive(Debug)]
pub struct Band {
    /// Whose.
    pub contender: &'static str,
    /// System calls for each echo: a read, a write and a share of a wait.
    pub system_calls: RangeInclusive<f64>,
    /// Instructions for each echo outside the kernel.
    pub instructions: Most,
    /// Bytes of resident memory for each idle connection.
    pub bytes_per_idle_connection: Most,
}

/// At most how much.
#[derive(Debug, Clone, Copy)]
pub enum Most {
    /// So much.
    Of(f64),
    /// As much as another contender.
    As(&'static str),
}

/// Everybody's wake-ups with silent clients only.
pub const IDLE_WAKE_UPS: RangeInclusive<u64> = 0..=0;

/// What is asserted of the four servers and their engines.
pub const BANDS: &[Band] = &[
    band("select", Most::Of(150.0), 128.0),
    band("select-queued", Most::Of(300.0), 128.0),
    band("dispatcher", Most::Of(150.0), 192.0),
    band("chat", Most::Of(250.0), 256.0),
    band("reactor-tokio", Most::As("bare-tokio"), 1_100.0),
    band("reactor-mio", Most::Of(200.0), 256.0),
    band("reactor-select", Most::Of(300.0), 256.0),
];

const fn band(contender: &'static str, instructions: Most, bytes: f64) -> Band {
    Band {
        contender,
        system_calls: 2.0..=2.1,
        instructions,
        bytes_per_idle_connection: Most::Of(bytes),
    }
}

/// The limits of the contender of that name, if it has any.
pub fn of(contender: &str) -> Option<&'static Band> {
    BANDS.iter().find(|band| band.contender == contender)
}

/// One line for each figure that is out of its band. What was not counted is not out of it.
pub fn breaches(all: &[Counts]) -> Vec<String> {
    let breaches = all
        .iter()
        .filter_map(|counts| Some(out(counts, of(&counts.contender)?, all)));
    breaches.flatten().collect()
}

fn out(counts: &Counts, band: &Band, all: &[Counts]) -> Vec<String> {
    let calls = counts.system_calls.as_ref().map(|calls| calls.per_echo);
    let figures = [
        (
            "system calls per echo",
            calls,
            Some(band.system_calls.clone()),
        ),
        (
            "instructions per echo",
            counts.instructions,
            up_to(band.instructions, |counts| counts.instructions, all),
        ),
        (
            "bytes per idle connection",
            counts.bytes_per_idle_connection,
            up_to(
                band.bytes_per_idle_connection,
                |counts| counts.bytes_per_idle_connection,
                all,
            ),
        ),
        (
            "wake-ups while idle",
            counts.idle_wake_ups.map(|wake_ups| wake_ups as f64),
            Some(0.0..=*IDLE_WAKE_UPS.end() as f64),
        ),
    ];
    let breach = |(figure, value, range): (&str, Option<f64>, Option<RangeInclusive<f64>>)| {
        let (value, range) = value.zip(range)?;
        let (name, low, high) = (&counts.contender, range.start(), range.end());
        (!range.contains(&value))
            .then(|| format!("{name}: {value:.2} {figure}, but {low} to {high:.2} are allowed"))
    };
    figures.into_iter().filter_map(breach).collect()
}

/// The range below a limit; `None` if it is another contender's figure and that was not counted.
fn up_to(
    most: Most,
    figure: fn(&Counts) -> Option<f64>,
    all: &[Counts],
) -> Option<RangeInclusive<f64>> {
    match most {
        Most::Of(value) => Some(0.0..=value),
        Most::As(name) => {
            let other = all.iter().find(|counts| counts.contender == name)?;
            Some(0.0..=figure(other)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Calls;
    use super::*;
    use crate::contender;

    fn counts(contender: &str, calls: f64, instructions: f64) -> Counts {
        Counts {
            contender: contender.to_owned(),
            system_calls: Some(Calls {
                per_echo: calls,
                by_name: [].into(),
                own_count: None,
            }),
            counted_calls: None,
            instructions: Some(instructions),
            bytes_per_idle_connection: None,
            idle_wake_ups: Some(0),
            binary: None,
            lines: None,
            build_seconds: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn bands_are_of_contenders_that_exist() {
        for band in BANDS {
            assert!(contender::named(band.contender).is_some());
        }
    }

    #[test]
    fn every_figure_that_is_out_is_named() {
        assert!(breaches(&[counts("select", 2.02, 100.0)]).is_empty());
        let mut bad = counts("select", 3.02, 151.0);
        bad.bytes_per_idle_connection = Some(129.0);
        bad.idle_wake_ups = Some(1);
        let said = breaches(&[bad]);
        assert_eq!(said.len(), 4, "{said:?}");
        assert_eq!(
            said[0],
            "select: 3.02 system calls per echo, but 2 to 2.10 are allowed"
        );
        // Fewer than a read and a write for each message would be a wrong count.
        assert_eq!(breaches(&[counts("select", 1.9, 100.0)]).len(), 1);
    }

    #[test]
    fn one_contender_is_held_against_another() {
        let tokio = counts("reactor-tokio", 2.02, 500.0);
        assert!(breaches(std::slice::from_ref(&tokio)).is_empty());
        assert!(breaches(&[tokio.clone(), counts("bare-tokio", 2.02, 500.0)]).is_empty());
        assert_eq!(
            breaches(&[tokio, counts("bare-tokio", 2.02, 499.0)]).len(),
            1
        );
    }
}
