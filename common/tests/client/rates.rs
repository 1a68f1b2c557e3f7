//! The load generator at a fixed rate.

use std::io;
use std::time::Duration;

use common::client::load::{self, Length, LoadSettings};

use crate::load::few;
use crate::servers::{echo, pause_once, serve};

/// A pause of 300 ms at 1,000 messages per second delays about 300 of them. A closed loop sees
/// one.
#[test]
fn a_fixed_rate_shows_what_coordinated_omission_hides() -> io::Result<()> {
    let long = 50_000_000;
    let late = |rate| -> io::Result<u64> {
        let settings = LoadSettings {
            connections: 1,
            rate,
            ..few(600)
        };
        let summary = load::run(serve(pause_once)?, &settings)?.verified()?;
        assert!(
            summary.percentile(100.0) >= Some(Duration::from_millis(290)),
            "{summary}"
        );
        Ok(summary.histogram().count_between(long, u64::MAX))
    };
    let (closed, open) = (late(None)?, late(Some(1_000.0))?);
    assert!(closed <= 20, "closed loop: {closed} late");
    assert!(open >= 150, "fixed rate: {open} late");
    Ok(())
}

#[test]
fn a_rate_that_cannot_be_kept_is_told() -> io::Result<()> {
    let length = Length::Duration(Duration::from_millis(100));
    let settings = LoadSettings {
        connections: 1,
        rate: Some(1e8),
        length,
        ..LoadSettings::default()
    };
    let summary = load::run(serve(echo)?, &settings)?.verified()?;
    assert!(summary.never_sent > 1_000_000, "{summary}");
    assert_eq!(summary.messages + summary.never_sent, 10_000_000);
    Ok(())
}

#[test]
fn a_fixed_rate_over_threads_is_kept_and_hides_no_pause() -> io::Result<()> {
    let settings = LoadSettings {
        threads: 2,
        connections: 2,
        rate: Some(1_000.0),
        ..few(1_000)
    };
    let summary = load::run(serve(pause_once)?, &settings)?.verified()?;
    assert!((0.99..10.0).contains(&summary.seconds), "{summary}");
    // Each connection pauses once for 300 ms, with 500 messages per second due on it.
    let late = summary.histogram().count_between(50_000_000, u64::MAX);
    assert!(late >= 150, "{late} late");
    Ok(())
}
