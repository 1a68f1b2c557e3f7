//! The progress of the benchmarks: one line for each group, redrawn in place; plain lines if standard
//! error isn't a terminal.

use std::time::{Duration, Instant};

use bench::builder::Ready;
use bench::candidate::Candidate;
use bench::groups::{Group, Shape};
use bench::run::Effort;
use common::client::terminal;
use common::output;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// The line of a group.
const LINE: &str = "{prefix:16} {wide_bar} {percent:>3} %, {msg}";

/// The progress of all groups.
pub struct Progress {
    /// The number of samples of each group to measure.
    samples: Vec<(&'static str, usize)>,
    /// The number of samples of the groups that are done.
    done: usize,
    /// The most time that a group takes.
    limit: Duration,
    begun: Instant,
    /// The group that is being measured.
    group: Option<(&'static str, usize, Instant)>,
    line: ProgressBar,
}

impl Progress {
    /// Counts the samples that will be taken.
    pub fn new(
        groups: &[Group],
        ready: &[Ready],
        effort: Effort,
        wants: &dyn Fn(&Group, &Shape, &Candidate) -> bool,
    ) -> Self {
        let samples = groups.iter().map(|group| {
            let takes_part = |shape: &Shape| {
                let candidates = ready.iter().map(|ready| ready.candidate);
                // The server that runs twice counts twice.
                candidates.filter(|it| wants(group, shape, it)).count() + 1
            };
            let samples = group.shapes.iter().map(takes_part);
            let samples: usize = samples.filter(|&count| count > 1).sum();
            (group.name, samples * effort.rounds)
        });
        Progress {
            samples: samples.filter(|(_, count)| *count > 0).collect(),
            done: 0,
            limit: effort.limit,
            begun: Instant::now(),
            group: None,
            line: ProgressBar::hidden(),
        }
    }

    /// Begins a group, if any of its benchmarks is measured.
    pub fn begin(&mut self, group: &Group) -> bool {
        let found = self.samples.iter().find(|(name, _)| *name == group.name);
        let Some(&(name, samples)) = found else {
            return false;
        };
        self.group = Some((name, samples, Instant::now()));
        if terminal::stderr_redraws() {
            let style = ProgressStyle::with_template(LINE);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            self.line = ProgressBar::new(samples as u64).with_style(style);
            self.line.set_prefix(name);
            self.line.set_message("starting the servers");
            self.line.tick();
        } else {
            let count = self.samples.iter().position(|(it, _)| *it == name);
            output::print_to_stderr(format_args!(
                "{name}: {samples} samples ({} of {} groups)",
                count.map_or(1, |place| place + 1),
                self.samples.len()
            ));
        }
        true
    }

    /// Call this before each visit.
    pub fn visit(&mut self, visit: usize, visits: usize) {
        let Some((_, samples, begun)) = self.group else {
            return;
        };
        self.line.set_length(visits as u64);
        self.line.set_position(visit as u64);
        if visit == 0 {
            return;
        }
        let share = visit as f64 / visits as f64;
        let limit = self.limit.saturating_sub(begun.elapsed()).as_secs_f64();
        let left = (begun.elapsed().as_secs_f64() * (1.0 - share) / share).min(limit);
        // The other groups take as long per sample as the samples so far.
        let done = self.done as f64 + samples as f64 * share;
        let all: usize = self.samples.iter().map(|(_, count)| count).sum();
        let others = all.saturating_sub(self.done + samples) as f64;
        let others = self.begun.elapsed().as_secs_f64() * others / done;
        let words = |seconds: f64| HumanDuration(Duration::from_secs_f64(seconds.ceil()));
        let (left, all) = (words(left), words(left + others));
        self.line
            .set_message(format!("{left:#} left, {all:#} in all"));
    }

    /// Call this when the group is measured.
    pub fn end(&mut self) {
        if let Some((name, samples, begun)) = self.group.take() {
            self.done += samples;
            let took = begun.elapsed();
            let length = self.line.length().unwrap_or(0);
            self.line.set_position(length);
            self.line.finish_with_message(format!("done in {took:.0?}"));
            if !terminal::stderr_redraws() {
                output::print_to_stderr(format_args!("{name}: done in {took:.0?}"));
            }
        }
    }
}
