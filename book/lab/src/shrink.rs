//! Finds the smallest case that still breaks a rule.

use common::Settings;
use common::sys::sim::{Options, Payload, Schedule, Step};

use crate::case::SimulationCase;
use crate::contract::{Rule, check_contract};

impl SimulationCase {
    /// Makes the case smaller while it breaks the same rule: fewer steps, smaller numbers,
    /// options with their default value.
    pub fn shrink(self, rule: Rule) -> Self {
        let mut smallest = self;
        loop {
            let smaller = smallest.smaller().find(|case| case.breaks(rule));
            match smaller {
                Some(smaller) => smallest = smaller,
                None => return smallest,
            }
        }
    }

    fn breaks(&self, rule: Rule) -> bool {
        check_contract(self, &self.run()).is_err_and(|broken| broken.rule == rule)
    }

    /// Cases that are a little simpler than this one.
    fn smaller(&self) -> impl Iterator<Item = SimulationCase> {
        // Without its stop, no server ends.
        let steps = self.script.steps.iter().enumerate();
        let removable = steps.filter(|(_, step)| **step != Step::Stop);
        let fewer_steps = removable.map(|(place, _)| {
            let mut case = self.clone();
            case.script.steps.remove(place);
            case
        });
        let simpler = OPTIONS.iter().map(|simplify| {
            let mut case = self.clone();
            simplify(&mut case);
            case
        });
        let smaller_steps = (0..self.script.steps.len()).flat_map(move |place| {
            smaller_steps(&self.script.steps[place])
                .into_iter()
                .map(move |step| {
                    let mut case = self.clone();
                    case.script.steps[place] = step;
                    case
                })
        });
        let candidates = fewer_steps.chain(simpler).chain(smaller_steps);
        candidates.filter(move |case| case != self)
    }
}

const OPTIONS: [fn(&mut SimulationCase); 14] = [
    |case| case.options.faults = None,
    |case| case.options.schedule = Schedule::Lockstep,
    |case| case.seed = 0,
    |case| case.server.is_queued = false,
    |case| case.server.max_line = 65536,
    |case| case.server.settings.idle_timeout = None,
    |case| case.server.settings.max_connections = usize::MAX,
    |case| case.server.settings.shutdown_timeout = Settings::default().shutdown_timeout,
    |case| case.server.settings.recv_size = Settings::default().recv_size,
    |case| case.server.settings.high_water = Settings::default().high_water,
    |case| case.options.backlog = Options::default().backlog,
    |case| case.options.server_receive_buffer = Options::default().server_receive_buffer,
    |case| case.options.server_send_buffer = Options::default().server_send_buffer,
    |case| {
        case.options.client_receive_buffer = Options::default().client_receive_buffer;
        case.options.client_send_buffer = Options::default().client_send_buffer;
    },
];

fn smaller_steps(step: &Step) -> Vec<Step> {
    match step {
        Step::Send(client, Payload::Count(count)) if *count > 1 => vec![
            Step::Send(*client, Payload::Count(1)),
            Step::Send(*client, Payload::Count(count / 2)),
            Step::Send(*client, Payload::Count(count - 1)),
        ],
        Step::Send(client, Payload::Text(text)) if text.len() > 1 => {
            let (first, second) = text.split_at(text.len() / 2);
            let parts = [first, second, &text[1..]];
            parts
                .map(|part| Step::Send(*client, Payload::Text(part.to_vec())))
                .to_vec()
        }
        Step::Read(client, count) if *count > 1 => vec![Step::Read(*client, count / 2)],
        _ => Vec::new(),
    }
}
