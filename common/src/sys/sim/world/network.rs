//! Moves bytes between the clients and the server's kernel.

use std::io;
use std::time::Duration;

use super::World;
use crate::script::ClientSocket;
use crate::sys::faults::draw_below;
use crate::sys::sim::kernel::{Owner, other};
use crate::sys::sim::tcp::{Phase, Socket, bits};

/// Most bytes that a client or a packet moves at once when the seed decides.
const MOST_MOVED: usize = 8_192;

impl ClientSocket for Socket {
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Socket::send(self, bytes)
    }

    fn send_urgent(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Socket::send_urgent(self, bytes)
    }

    fn recv(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; most.min(self.received.len()).max(1)];
        let count = Socket::recv(self, &mut buffer)?;
        buffer.truncate(count);
        Ok(buffer)
    }

    fn finish(&mut self) {
        let _ = Socket::finish(self); // The connection can have ended already.
    }

    fn close(&mut self) {
        Socket::close(self);
    }
}

impl World {
    /// Lets the network and the clients move everything that can be moved.
    pub fn move_everything(&mut self) {
        loop {
            let mut moved = self.answer_connects();
            for place in 0..self.active.len() {
                let first = self.active[place];
                for end in [first, other(first)] {
                    moved |= self.run_client(end, usize::MAX);
                    while self.kernel.send_packet(end, usize::MAX) {
                        moved = true;
                    }
                }
            }
            if !moved {
                break;
            }
        }
        self.forget_the_inactive();
    }

    /// Moves one packet or one client, if any can move. The seed chooses.
    pub(super) fn move_something(&mut self) -> bool {
        let Some(mut rng) = self.rng.take() else {
            return false;
        };
        let mut moved = self.answer_connects();
        let ends: Vec<usize> = self
            .active
            .iter()
            .flat_map(|first| [*first, other(*first)])
            .collect();
        let mut moves: Vec<(usize, bool)> = Vec::new();
        for end in ends {
            if self.kernel.has_packet(end) {
                moves.push((end, true));
            }
            if self.can_act(end) {
                moves.push((end, false));
            }
        }
        if !moves.is_empty() {
            let (end, is_packet) = moves[draw_below(&mut rng, moves.len())];
            let limit = match rng.u8(..3) {
                0 => 1,
                1 => 1 + draw_below(&mut rng, MOST_MOVED),
                _ => usize::MAX,
            };
            self.now += Duration::from_micros(rng.u64(..50));
            moved |= match is_packet {
                true => self.kernel.send_packet(end, limit),
                false => self.run_client(end, limit),
            };
        } else {
            self.forget_the_inactive();
        }
        self.rng = Some(rng);
        moved
    }

    fn answer_connects(&mut self) -> bool {
        let moved = self.kernel.answer_connects(self.now);
        for (client, end) in std::mem::take(&mut self.kernel.reached) {
            self.client(client).end = Some(end);
        }
        moved
    }

    fn has_client(&self, end: usize) -> bool {
        match self.kernel.owners[end] {
            Owner::Client(number) => {
                let client = self.clients.get(&number);
                client.is_some_and(|client| client.end == Some(end))
            }
            Owner::Server | Owner::None => false,
        }
    }

    fn can_act(&mut self, end: usize) -> bool {
        let Owner::Client(number) = self.kernel.owners[end] else {
            return false;
        };
        let Some(client) = self.clients.get(&number).filter(|one| one.end == Some(end)) else {
            return false;
        };
        let socket = &mut self.kernel.sockets[end];
        if socket.phase == Phase::Connecting {
            return false;
        }
        let readiness = socket.readiness();
        client.wants_to_write() && readiness & bits::OUT != 0
            || client.wants_to_read() && readiness & bits::IN != 0
            || client.wants_to_end()
    }

    fn run_client(&mut self, end: usize, limit: usize) -> bool {
        let Owner::Client(number) = self.kernel.owners[end] else {
            return false;
        };
        let client = self.clients.get_mut(&number);
        let socket = &mut self.kernel.sockets[end];
        client.is_some_and(|client| {
            client.end == Some(end)
                && socket.phase != Phase::Connecting
                && client.run(socket, limit)
        })
    }

    /// Forgets connections that have ended for both sides: they don't change any more.
    fn forget_the_inactive(&mut self) {
        let mut active = std::mem::take(&mut self.active);
        let is_used = |end: usize| {
            let phase = self.kernel.sockets[end].phase;
            let is_over = matches!(phase, Phase::Finished | Phase::Dead);
            self.has_client(end) || !is_over || self.kernel.has_packet(end)
        };
        active.retain(|first| is_used(*first) || is_used(other(*first)));
        self.active = active;
    }
}
