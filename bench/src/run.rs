//! Measures a group of benchmarks in rounds. Each round visits every server with one shape of load
//! after the other, in rotated order, so that drift affects all servers alike.

use std::io;
use std::time::{Duration, Instant};

use crate::builder::Ready;
use crate::calls;
use crate::candidate::Candidate;
use crate::groups::{Group, Shape};
use crate::harness::{Harness, Server, rotated};
use crate::trial::{Sample, Trial};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Visits to each server with each shape of load; each visit takes one sample.
    pub rounds: usize,
    /// How long one sample takes.
    pub slice: Duration,
    /// Shapes that first open thousands of idle connections, which takes a second, run only in one of
    /// this many rounds.
    pub seldom: usize,
    /// A shape with more idle connections than this opens only this many.
    pub most_idle: usize,
    /// Whether to count system calls before the first round.
    pub counts_calls: bool,
    /// The time limit of a group: visits that haven't begun by then are left out.
    pub limit: Duration,
}

impl Effort {
    fn has(&self, shape: &Shape, round: usize) -> bool {
        shape.idle <= MANY_IDLE || round.is_multiple_of(self.seldom)
    }
}

/// Opening more idle connections than this takes long.
const MANY_IDLE: usize = 1_000;
/// The length of a first slice, whose sample isn't kept: page faults, interpreters that warm up.
const WARM_UP: Duration = Duration::from_millis(20);

/// The samples of one server under one shape of load.
#[derive(Debug, Clone)]
pub struct Series {
    /// The server.
    pub candidate: &'static Candidate,
    /// Whether this is the second instance of a server. Comparing the two gives the noise floor.
    pub is_twin: bool,
    /// System calls per echo; `None` for a server that doesn't count them.
    pub calls: Option<f64>,
    /// One sample for each round in which the server was visited.
    pub samples: Vec<Sample>,
}

/// A visit to one server.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The server's index in the series.
    pub server: usize,
    /// The indices of the shapes in the group.
    pub shapes: Vec<usize>,
}

/// A group that is being measured: all of its servers run, and one at a time is under load.
#[derive(Debug)]
pub struct Run<'a> {
    group: &'a Group,
    effort: Effort,
    begun: Instant,
    servers: Vec<Server>,
    /// By shape, then by server.
    series: Vec<Vec<Series>>,
    /// The same: whether this server is measured with this shape.
    takes_part: Vec<Vec<bool>>,
}

impl<'a> Run<'a> {
    /// Counts the system calls, starts all servers for which `wanted` returns true, and warms them
    /// up. The first server that is measured with every shape is started twice. Its second instance is
    /// visited after half of the others, so that the two are no closer in time than any other two
    /// servers.
    ///
    /// # Errors
    /// A server doesn't start, loses a connection, or returns wrong bytes.
    pub fn start(
        harness: &Harness,
        group: &'a Group,
        ready: &[Ready],
        effort: Effort,
        wanted: impl Fn(&Shape, &Candidate) -> bool,
    ) -> io::Result<Self> {
        let begun = Instant::now();
        let takes_part = |shape: &Shape, candidate: &Candidate| {
            shape.is_for(candidate) && wanted(shape, candidate)
        };
        let shapes_of = |ready: &Ready| {
            let shapes = group.shapes.iter();
            shapes
                .filter(|shape| takes_part(shape, ready.candidate))
                .count()
        };
        let entered = ready.iter().filter(|ready| shapes_of(ready) > 0);
        let mut entrants: Vec<(&Ready, bool)> = entered.map(|ready| (ready, false)).collect();
        let most = entrants.iter().map(|(ready, _)| shapes_of(ready)).max();
        let twice = entrants
            .iter()
            .position(|(ready, _)| Some(shapes_of(ready)) == most);
        if let Some(place) = twice {
            let half = place + entrants.len().div_ceil(2);
            let twin = (entrants[place].0, true);
            entrants.insert(half.min(entrants.len()), twin);
        }
        let mut run = Run {
            group,
            effort,
            begun,
            servers: Vec::new(),
            series: vec![Vec::new(); group.shapes.len()],
            takes_part: vec![Vec::new(); group.shapes.len()],
        };
        for (ready, is_twin) in entrants {
            for (place, shape) in group.shapes.iter().enumerate() {
                let takes_part = takes_part(shape, ready.candidate);
                let is_counted = takes_part && !is_twin && effort.counts_calls && shape.idle == 0;
                let calls = match &shape.trial {
                    Trial::Echo(settings) if is_counted => {
                        calls::per_echo(harness, ready, settings)?
                    }
                    _ => None,
                };
                run.takes_part[place].push(takes_part);
                run.series[place].push(Series {
                    candidate: ready.candidate,
                    is_twin,
                    calls,
                    samples: Vec::new(),
                });
            }
            run.servers.push(harness.start(ready)?);
        }
        run.warm_up()?;
        Ok(run)
    }

    fn warm_up(&self) -> io::Result<()> {
        for (place, server) in self.servers.iter().enumerate() {
            let shapes = self.group.shapes.iter().zip(&self.takes_part);
            let mut shapes = shapes.filter(|(_, takes_part)| takes_part[place]);
            if let Some((shape, _)) = shapes.next() {
                shape.trial.run(server, WARM_UP.min(self.effort.slice))?;
                server.rest()?;
            }
        }
        Ok(())
    }

    /// The samples so far, by shape and then by server.
    pub fn series(&self) -> &[Vec<Series>] {
        &self.series
    }

    /// The visits of a round.
    pub fn visits(&self, round: usize) -> Vec<Visit> {
        let shapes: Vec<(usize, &Shape)> = self.group.shapes.iter().enumerate().collect();
        let mut visits = Vec::new();
        // A shape that needs more idle connections adds them to those of the shape before.
        for shapes in shapes.chunk_by(|_, (_, next)| next.idle > 0) {
            for server in rotated(self.servers.len(), round) {
                let is_due = |(place, shape): &&(usize, &Shape)| {
                    self.takes_part[*place][server] && self.effort.has(shape, round)
                };
                let shapes: Vec<_> = shapes.iter().filter(is_due).map(|it| it.0).collect();
                if !shapes.is_empty() {
                    visits.push(Visit { server, shapes });
                }
            }
        }
        visits
    }

    /// Takes the samples of one visit.
    ///
    /// # Errors
    /// A connection can't be opened, was lost, or returned wrong bytes.
    pub fn visit(&mut self, visit: &Visit) -> io::Result<()> {
        let server = &mut self.servers[visit.server];
        for &place in &visit.shapes {
            let shape = &self.group.shapes[place];
            server.hold(shape.idle.min(self.effort.most_idle))?;
            let sample = shape.trial.run(server, self.effort.slice)?;
            self.series[place][visit.server].samples.push(sample);
        }
        server.hold(0)?;
        server.rest()
    }

    /// Runs all rounds, as far as the time limit allows, and then stops the servers. Before each visit
    /// it calls `watch` with the visit's number and how many there are.
    ///
    /// # Errors
    /// The errors of [`visit`](Self::visit), or a server doesn't stop.
    pub fn finish(mut self, mut watch: impl FnMut(usize, usize)) -> io::Result<Vec<Vec<Series>>> {
        let rounds = 0..self.effort.rounds;
        let visits: Vec<_> = rounds.flat_map(|round| self.visits(round)).collect();
        for (number, visit) in visits.iter().enumerate() {
            if self.begun.elapsed() >= self.effort.limit {
                break;
            }
            watch(number, visits.len());
            self.visit(visit)?;
        }
        for server in self.servers {
            server.stop()?;
        }
        Ok(self.series)
    }
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
            counts_calls: false,
            limit: Duration::MAX,
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
