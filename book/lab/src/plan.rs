//! What a script makes each client do.

use std::collections::BTreeMap;

use common::sys::sim::{Payload, Script, Step};

use crate::generate::LONG;

/// What a script makes a client do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientPlan {
    /// What it sends, an urgent byte included.
    bytes: Vec<u8>,
    urgent: Vec<usize>,
    /// How many bytes of the alphabet it has sent.
    alphabet: usize,
    /// Whether it has ended its stream, and can't send any more.
    pub has_ended: bool,
    /// Whether it sends after the stop.
    pub sends_late: bool,
    /// Whether it doesn't read for a while.
    pub pauses: bool,
    /// Whether it closes or resets its connection, and doesn't see what comes after that.
    pub leaves: bool,
    /// Whether it reads everything in the end.
    pub listens: bool,
}

impl ClientPlan {
    /// What a server reads of the first `count` bytes that the client sends: all but an urgent
    /// byte.
    pub fn stream(&self, count: usize) -> Vec<u8> {
        let bytes = self.bytes.iter().take(count).enumerate();
        let inline = bytes.filter(|(place, _)| !self.urgent.contains(place));
        inline.map(|(_, byte)| *byte).collect()
    }

    /// Everything that it sends, without an urgent byte.
    pub fn whole_stream(&self) -> Vec<u8> {
        self.stream(self.bytes.len())
    }

    /// How many urgent bytes it sends, which a server doesn't read.
    pub fn urgent_bytes(&self) -> usize {
        self.urgent.len()
    }
}

/// Whether a step requests the stop.
fn is_stop(step: &Step) -> bool {
    match step {
        Step::Stop => true,
        Step::Together(steps) => steps.contains(&Step::Stop),
        _ => false,
    }
}

/// What a script makes all clients do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The clients, by their numbers.
    pub clients: BTreeMap<u32, ClientPlan>,
    /// Whether the script contains a stop.
    pub has_stop: bool,
    /// Whether there is time for everything before the stop, or no stop.
    pub is_patient: bool,
}

impl Plan {
    /// The plan of a script.
    pub fn new(script: &Script) -> Self {
        let mut plan = Plan::default();
        let stop = script.steps.iter().position(is_stop);
        let (before, after) = script.steps.split_at(stop.unwrap_or(script.steps.len()));
        before.iter().for_each(|step| plan.add(step));
        plan.has_stop = stop.is_some();
        plan.is_patient = !plan.has_stop || before.last() == Some(&Step::Wait(LONG));
        let counts = plan.clients.clone();
        after.iter().for_each(|step| plan.add(step));
        for (number, client) in &mut plan.clients {
            let count = counts.get(number).map_or(0, |before| before.bytes.len());
            client.sends_late = client.bytes.len() > count;
        }
        plan
    }

    fn add(&mut self, step: &Step) {
        match step {
            Step::Connect(client, _) => self.client(*client).listens = true,
            Step::Send(client, payload) => self.client(*client).send(payload),
            Step::Urgent(client, text) => {
                let client = self.client(*client);
                client.send(&Payload::Text(text.clone()));
                client.urgent.push(client.bytes.len() - 1);
            }
            Step::StopReading(client) | Step::Read(client, _) => {
                let client = self.client(*client);
                (client.listens, client.pauses) = (false, true);
            }
            Step::ResumeReading(client) => self.client(*client).listens = true,
            Step::HalfClose(client) => self.client(*client).has_ended = true,
            Step::Close(client) | Step::Reset(client) => self.client(*client).leaves = true,
            Step::Together(steps) => steps.iter().for_each(|step| self.add(step)),
            _ => {}
        }
    }

    fn client(&mut self, number: u32) -> &mut ClientPlan {
        self.clients.entry(number).or_default()
    }
}

impl ClientPlan {
    /// Bytes sent after the end of the stream are lost, and that isn't the server's fault.
    fn send(&mut self, payload: &Payload) {
        self.leaves |= self.has_ended;
        match payload {
            Payload::Text(text) => self.bytes.extend(text),
            Payload::Count(count) => {
                let first = self.alphabet;
                self.alphabet += count;
                let letters = (first..self.alphabet).map(|place| b'a' + (place % 26) as u8);
                self.bytes.extend(letters);
            }
        }
    }
}
