//! The limits of each figure of the four servers, which `--check` asserts.

use std::ops::RangeInclusive;

use super::Counts;

/// The limits of one candidate.
#[derive(Debug)]
pub struct Band {
    /// The candidate's name.
    pub candidate: &'static str,
    /// System calls per echo: a read, a write, and a share of a wait. On io_uring only the share.
    pub system_calls: RangeInclusive<f64>,
    /// The most instructions per echo outside the kernel.
    pub instructions: f64,
    /// The most bytes of resident memory per idle connection.
    pub bytes_per_idle_connection: f64,
}

/// Wake-ups of any server with silent clients only.
pub const IDLE_WAKE_UPS: RangeInclusive<u64> = 0..=0;

/// The limits for the four servers and their engines: a tenth above the counts on the machine of
/// the committed record, so that a larger change in cost is noticed. Nearly a quarter for select:
/// on a busy machine, fewer connections are ready at each wait, and every wait makes the lists
/// again. Its bytes have 30 more: its map of connections grows once while they are counted, and from
/// build to build, the heap reuses the old one or doesn't.
pub const BANDS: &[Band] = &[
    band("select", 210.0, 175.0),
    band("select-queued", 820.0, 175.0),
    band("dispatcher", 381.0, 205.0),
    band("chat", 770.0, 290.0),
    band("reactor-tokio", 880.0, 800.0),
    band("reactor-mio", 435.0, 275.0),
    band("reactor-select", 515.0, 360.0),
    Band {
        system_calls: 0.0..=0.5,
        ..band("reactor-uring", f64::INFINITY, 2_900.0)
    },
];

const fn band(candidate: &'static str, instructions: f64, bytes: f64) -> Band {
    Band {
        candidate,
        system_calls: 2.0..=2.1,
        instructions,
        bytes_per_idle_connection: bytes,
    }
}

/// The limits of the candidate of that name, if it has any.
pub fn of(candidate: &str) -> Option<&'static Band> {
    BANDS.iter().find(|band| band.candidate == candidate)
}

/// One line for each figure outside its band. A figure that wasn't counted isn't outside.
pub fn breaches(all: &[Counts]) -> Vec<String> {
    let breaches = all
        .iter()
        .filter_map(|counts| Some(out(counts, of(&counts.candidate)?)));
    breaches.flatten().collect()
}

fn out(counts: &Counts, band: &Band) -> Vec<String> {
    let calls = counts.system_calls.as_ref().map(|calls| calls.per_echo);
    let wake_ups = counts.idle_wake_ups.map(|wake_ups| wake_ups as f64);
    let figures = [
        ("system calls per echo", calls, band.system_calls.clone()),
        (
            "instructions per echo",
            counts.instructions,
            0.0..=band.instructions,
        ),
        (
            "bytes per idle connection",
            counts.bytes_per_idle_connection,
            0.0..=band.bytes_per_idle_connection,
        ),
        (
            "wake-ups while idle",
            wake_ups,
            0.0..=*IDLE_WAKE_UPS.end() as f64,
        ),
    ];
    let breach = |(figure, value, range): (&str, Option<f64>, RangeInclusive<f64>)| {
        let value = value.filter(|value| !range.contains(value))?;
        let (name, low, high) = (&counts.candidate, range.start(), range.end());
        Some(format!(
            "{name}: {value:.2} {figure}, but {low} to {high:.2} are allowed"
        ))
    };
    figures.into_iter().filter_map(breach).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate;
    use common::comparison::Calls;

    fn counts(candidate: &str, calls: f64, instructions: f64) -> Counts {
        Counts {
            candidate: candidate.to_owned(),
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
    fn bands_are_of_candidates_that_exist() {
        for band in BANDS {
            assert!(candidate::named(band.candidate).is_some());
        }
    }

    #[test]
    fn every_figure_that_is_out_is_named() {
        assert!(breaches(&[counts("select", 2.02, 100.0)]).is_empty());
        let band = of("select").expect("it has a band");
        let mut bad = counts("select", 3.02, band.instructions + 1.0);
        bad.bytes_per_idle_connection = Some(band.bytes_per_idle_connection + 1.0);
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
}
