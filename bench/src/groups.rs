//! The groups of benchmarks: which load for which servers.

use common::client::load::LoadSettings;
use common::comparison::{Family, Unit};

use crate::candidate::{ALL, Candidate};
use crate::trial::Trial;

/// Benchmarks that are measured together, while the same servers run.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its permanent name.
    pub name: &'static str,
    /// What the seconds measure.
    pub about: &'static str,
    /// One benchmark for each shape of load.
    pub shapes: Vec<Shape>,
}

/// One benchmark: a trial, and the servers that it applies to.
#[derive(Debug, Clone)]
pub struct Shape {
    /// For example `50 × 64 B`.
    pub name: String,
    /// Silent connections meanwhile.
    pub idle: usize,
    /// What to do.
    pub trial: Trial,
    /// Bytes each way with each message; 0 where that doesn't matter.
    pub bytes: u64,
    /// What to count.
    pub unit: Unit,
    for_all: bool,
}

impl Shape {
    /// Whether it applies to this candidate. The candidate must be able to hold the connections, and
    /// only the chosen few go through every shape.
    pub fn is_for(&self, candidate: &Candidate) -> bool {
        let busy = match &self.trial {
            Trial::Echo(settings) => settings.connections,
            Trial::Connect => 1,
            Trial::Fairness => 11,
        };
        let is_chosen = candidate.family == Family::Ours
            || ["bare-tokio", "bare-mio", "c-epoll"].contains(&candidate.name);
        self.idle + busy <= candidate.most_connections
            && (self.for_all || is_chosen)
            // A thread for each of thousands of idle connections would test the machine's memory.
            && !(candidate.name == "threads" && self.idle > 1_000)
    }

    /// All candidates that it applies to.
    pub fn candidates(&self) -> impl Iterator<Item = &'static Candidate> {
        ALL.iter().filter(|candidate| self.is_for(candidate))
    }
}

/// One load on all servers that can hold its connections.
pub fn single(name: String, settings: LoadSettings) -> Group {
    group("live", "one message", vec![echo(name, settings, true)])
}

/// All groups.
pub fn all() -> Vec<Group> {
    vec![
        round_trip(),
        pipelined_lines(),
        stream(),
        connect(),
        idle(),
        fairness(),
    ]
}

fn round_trip() -> Group {
    let mut shapes = Vec::new();
    for (size, size_name) in [(64, "64 B"), (1 << 10, "1 KiB"), (16 << 10, "16 KiB")] {
        for connections in [1, 50, 500] {
            let settings = LoadSettings {
                connections,
                size,
                ..LoadSettings::default()
            };
            // With one connection, so that the sequential server can take part too.
            let for_all = size == 64 && connections < 500;
            let name = format!("{connections} × {size_name}");
            shapes.push(echo(name, settings, for_all));
        }
    }
    group("round-trip", "one message and its echo", shapes)
}

fn pipelined_lines() -> Group {
    let settings = LoadSettings {
        connections: 10,
        size: 16,
        depth: 64,
        ..LoadSettings::default()
    };
    let shapes = vec![echo("10 × 64 lines of 16 B".to_owned(), settings, true)];
    group("pipelined-lines", "one line of many under way", shapes)
}

fn stream() -> Group {
    // Shorter than the longest line that a line server accepts.
    let settings = LoadSettings {
        connections: 1,
        size: 32 << 10,
        depth: 32,
        ..LoadSettings::default()
    };
    let shape = Shape {
        unit: Unit::Bytes,
        ..echo("1 × 32 lines of 32 KiB".to_owned(), settings, true)
    };
    let shapes = vec![shape];
    group("stream", "32 KiB of a stream", shapes)
}

fn connect() -> Group {
    let shape = special("one after the other", Unit::Connections, Trial::Connect);
    group("connect", "one connection with one message", vec![shape])
}

fn idle() -> Group {
    let shape = |idle: usize| Shape {
        idle,
        ..echo(
            format!("10 busy, {idle} idle"),
            LoadSettings {
                connections: 10,
                ..LoadSettings::default()
            },
            idle <= 900,
        )
    };
    let shapes = [0, 400, 900, 5_000, 9_000].map(shape).into();
    group("idle", "one message beside idle connections", shapes)
}

fn fairness() -> Group {
    let shape = special(
        "p99 of 10 pingers beside a flooder",
        Unit::Latency,
        Trial::Fairness,
    );
    group("fairness", "a ping, the slowest of a hundred", vec![shape])
}

fn group(name: &'static str, about: &'static str, shapes: Vec<Shape>) -> Group {
    Group {
        name,
        about,
        shapes,
    }
}

fn echo(name: String, settings: LoadSettings, for_all: bool) -> Shape {
    Shape {
        name,
        idle: 0,
        bytes: settings.size as u64,
        unit: Unit::Messages,
        trial: Trial::Echo(settings),
        for_all,
    }
}

fn special(name: &str, unit: Unit, trial: Trial) -> Shape {
    Shape {
        name: name.to_owned(),
        idle: 0,
        bytes: 0,
        unit,
        trial,
        for_all: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_gets_more_connections_than_it_can_hold() {
        let groups = all();
        let idle = groups.iter().find(|group| group.name == "idle");
        let shapes = idle.map(|group| &group.shapes[..]).unwrap_or_default();
        let entrants = |shape: &Shape| -> Vec<_> {
            shape.candidates().map(|candidate| candidate.name).collect()
        };
        let [none, .., most] = shapes else {
            panic!("the group of idle connections has its shapes")
        };
        assert!(entrants(none).contains(&"select"));
        assert!(!entrants(most).contains(&"select"));
        assert!(entrants(most).contains(&"chat"));
        assert!(!entrants(none).contains(&"sequential"));
    }
}
