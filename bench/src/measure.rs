//! Taking a group's samples: in rounds, each round visiting every server with one shape of load after
//! the other, in rotated order, so that whatever drifts hits all alike.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use common::client::load::Settings;

use crate::builder::Ready;
use crate::estimate::Estimate;
use crate::groups::{Group, Shape};
use crate::harness::{Harness, rotated};
use crate::trial::{Sample, Trial};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Visits to each server with each shape of load, each for one sample.
    pub rounds: usize,
    /// How long one sample takes.
    pub slice: Duration,
    /// Shapes that first open thousands of idle connections, which takes a second, are part of
    /// every so manieth round only.
    pub seldom: usize,
    /// A shape that has more idle connections than these gets these.
    pub most_idle: usize,
}

impl Effort {
    fn has(&self, shape: &Shape, round: usize) -> bool {
        shape.idle <= MANY_IDLE || round.is_multiple_of(self.seldom)
    }
}

/// More idle connections than these take long to open.
const MANY_IDLE: usize = 1_000;

/// The samples of each shape (its place in the group) and candidate, in the order of the rounds.
pub type Samples = HashMap<(usize, &'static str), Vec<Sample>>;

/// Takes the samples of those shapes and candidates that `wanted` tells; `watch` hears of each
/// visit before it begins: its number and how many there are.
///
/// # Errors
/// A server that does not start, or loses a connection, or answers wrongly.
pub fn group(
    harness: &Harness,
    group: &Group,
    ready: &[Ready],
    effort: Effort,
    wanted: impl Fn(&Shape, &Ready) -> bool,
    mut watch: impl FnMut(usize, usize),
) -> io::Result<Samples> {
    let takes_part =
        |shape: &Shape, ready: &Ready| shape.is_for(ready.candidate) && wanted(shape, ready);
    let entered = |ready: &&Ready| group.shapes.iter().any(|shape| takes_part(shape, ready));
    let entrants: Vec<&Ready> = ready.iter().filter(entered).collect();
    let visits = |round| {
        let takes_part =
            |shape: &Shape, ready: &Ready| effort.has(shape, round) && takes_part(shape, ready);
        visits(group, &entrants, round, takes_part)
    };
    let visits: Vec<_> = (0..effort.rounds).flat_map(visits).collect();
    let servers = entrants.iter().map(|ready| harness.start(ready));
    let mut servers = servers.collect::<io::Result<Vec<_>>>()?;
    let mut samples = Samples::new();
    for (visit, (index, shapes)) in visits.iter().enumerate() {
        watch(visit, visits.len());
        let server = &mut servers[*index];
        for (place, shape) in shapes {
            server.hold(shape.idle.min(effort.most_idle))?;
            let sample = shape.trial.run(server, effort.slice)?;
            let taken = samples.entry((*place, server.candidate.name));
            taken.or_default().push(sample);
        }
        server.hold(0)?;
        server.rest()?;
    }
    servers
        .into_iter()
        .try_for_each(|server| server.stop().map(drop))?;
    Ok(samples)
}

/// The visits of a round: whose turn it is, and with which shapes of load, each with its place in
/// the group.
fn visits<'a>(
    group: &'a Group,
    entrants: &[&Ready],
    round: usize,
    takes_part: impl Fn(&Shape, &Ready) -> bool,
) -> Vec<(usize, Vec<(usize, &'a Shape)>)> {
    let shapes: Vec<(usize, &Shape)> = group.shapes.iter().enumerate().collect();
    let mut visits = Vec::new();
    // One that needs more idle connections adds them to those of the shape before.
    for shapes in shapes.chunk_by(|_, (_, next)| next.idle > 0) {
        for index in rotated(entrants.len(), round) {
            let takes_part = |(_, shape): &&(usize, &Shape)| takes_part(shape, entrants[index]);
            let shapes: Vec<_> = shapes.iter().filter(takes_part).copied().collect();
            if !shapes.is_empty() {
                visits.push((index, shapes));
            }
        }
    }
    visits
}

/// Loads two servers of the same kind, 50 connections × 64 B: the rate of one over the other's, which
/// nothing but noise moves away from 1. Half of the others have their turns between the two: those
/// that are compared are no closer in time.
///
/// # Errors
/// As [`group`].
pub fn against_itself(
    harness: &Harness,
    ready: &Ready,
    all: &[Ready],
    effort: Effort,
) -> io::Result<Estimate> {
    let settings = Settings::default();
    let is_other = |other: &&Ready| {
        other.candidate.name != ready.candidate.name
            && other.candidate.most_connections >= settings.connections
    };
    let others: Vec<&Ready> = all.iter().filter(is_other).collect();
    let (between, after) = others.split_at(others.len() / 2);
    let order = [&[ready], between, &[ready], after].concat();
    let trial = Trial::Echo(settings);
    let servers = order.into_iter().map(|ready| harness.start(ready));
    let servers = servers.collect::<io::Result<Vec<_>>>()?;
    let mut ratios = Vec::new();
    for round in 0..effort.rounds {
        let mut seconds = vec![0.0; servers.len()];
        for index in rotated(servers.len(), round) {
            seconds[index] = trial.run(&servers[index], effort.slice)?.seconds;
            servers[index].rest()?;
        }
        ratios.push(seconds[between.len() + 1] / seconds[0]);
    }
    for server in servers {
        server.stop()?;
    }
    Estimate::of(ratios).ok_or_else(|| io::Error::other("no round was run"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups;

    #[test]
    fn thousands_of_idle_connections_are_opened_seldom() {
        let effort = Effort {
            rounds: 7,
            slice: Duration::ZERO,
            seldom: 3,
            most_idle: usize::MAX,
        };
        let groups = groups::all();
        let shapes = groups.iter().flat_map(|group| &group.shapes);
        for shape in shapes {
            let rounds = (0..effort.rounds).filter(|&round| effort.has(shape, round));
            let expected = if shape.idle < 5_000 { 7 } else { 3 };
            assert_eq!(rounds.count(), expected, "{}", shape.name);
        }
    }
}
