//! Taking a group's samples: in rounds, each round visiting every server with one shape of load after
//! the other, in rotated order, so that whatever drifts hits all alike.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use common::load::Settings;

use crate::arena::{Arena, Server, rotated};
use crate::estimate::Estimate;
use crate::groups::{Group, Shape};
use crate::trial::{Sample, Trial};
use crate::workshop::Ready;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Visits to each server with each shape of load.
    pub rounds: usize,
    /// Samples in a visit.
    pub samples: usize,
    /// How long one sample takes.
    pub slice: Duration,
}

impl Effort {
    /// What it is for this group. A visit that first opens thousands of idle connections takes
    /// seconds: so there are fewer of them, each the longer.
    pub fn for_group(self, group: &Group) -> Effort {
        let fewer = match group.shapes.iter().any(|shape| shape.idle > 0) {
            true => 3,
            false => 1,
        };
        Effort {
            rounds: self.rounds.div_ceil(fewer),
            slice: self.slice * fewer as u32,
            ..self
        }
    }
}

/// The samples of each shape (its place in the group) and contender, in the order of the rounds.
pub type Samples = HashMap<(usize, &'static str), Vec<Sample>>;

/// Takes the samples of those shapes and contenders that `wanted` tells; `watch` hears of each
/// visit before it begins: its number and how many there are.
///
/// # Errors
/// A server that does not start, or loses a connection, or answers wrongly.
pub fn group(
    arena: &Arena,
    group: &Group,
    ready: &[Ready],
    effort: Effort,
    wanted: impl Fn(&Shape, &Ready) -> bool,
    mut watch: impl FnMut(usize, usize),
) -> io::Result<Samples> {
    let takes_part =
        |shape: &Shape, ready: &Ready| shape.is_for(ready.contender) && wanted(shape, ready);
    let entered = |ready: &&Ready| group.shapes.iter().any(|shape| takes_part(shape, ready));
    let entrants: Vec<&Ready> = ready.iter().filter(entered).collect();
    let shapes: Vec<(usize, &Shape)> = group.shapes.iter().enumerate().collect();
    let mut visits = Vec::new();
    for round in 0..effort.rounds {
        // One that needs more idle connections adds them to those of the shape before.
        for shapes in shapes.chunk_by(|_, (_, next)| next.idle > 0) {
            for index in rotated(entrants.len(), round) {
                let takes_part = |(_, shape): &&(usize, &Shape)| takes_part(shape, entrants[index]);
                let shapes: Vec<_> = shapes.iter().filter(takes_part).collect();
                if !shapes.is_empty() {
                    visits.push((index, shapes));
                }
            }
        }
    }
    let servers = entrants.iter().map(|ready| arena.start(ready));
    let mut servers = servers.collect::<io::Result<Vec<_>>>()?;
    let mut samples = Samples::new();
    for (visit, (index, shapes)) in visits.iter().enumerate() {
        watch(visit, visits.len());
        let server = &mut servers[*index];
        for (place, shape) in shapes {
            let taken = samples.entry((*place, server.contender.name)).or_default();
            sample(server, shape, effort, taken)?;
        }
        server.hold(0)?;
        server.rest()?;
    }
    servers
        .into_iter()
        .try_for_each(|server| server.stop().map(drop))?;
    Ok(samples)
}

/// Loads two servers of the same kind by turns, 50 connections × 64 B: the rate of one over the
/// other's, which nothing but noise moves away from 1.
///
/// # Errors
/// As [`group`].
pub fn against_itself(arena: &Arena, ready: &Ready, effort: Effort) -> io::Result<Estimate> {
    let trial = Trial::Echo(Settings::default());
    let servers = [arena.start(ready)?, arena.start(ready)?];
    let mut ratios = Vec::new();
    for round in 0..effort.rounds * effort.samples {
        let mut seconds = [0.0; 2];
        for index in rotated(2, round) {
            seconds[index] = trial.run(&servers[index], effort.slice)?.seconds;
        }
        ratios.push(seconds[1] / seconds[0]);
    }
    for server in servers {
        server.stop()?;
    }
    Estimate::of(ratios).ok_or_else(|| io::Error::other("no round was run"))
}

fn sample(
    server: &mut Server,
    shape: &Shape,
    effort: Effort,
    taken: &mut Vec<Sample>,
) -> io::Result<()> {
    server.hold(shape.idle)?;
    for _ in 0..effort.samples {
        taken.push(shape.trial.run(server, effort.slice)?);
    }
    Ok(())
}
