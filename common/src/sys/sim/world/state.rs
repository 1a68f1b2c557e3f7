//! The state of the connections, as the trace shows it.

use super::World;
use crate::script::ScriptedClient;
use crate::sys::sim::kernel::{Object, Owner, other};
use crate::sys::sim::tcp::{Phase, bits};
use crate::sys::sim::trace::{Connection, ConnectionState};

impl World {
    /// The name of the peer of one end.
    pub(super) fn name(&self, end: usize) -> String {
        match self.kernel.owners[other(end)] {
            Owner::Client(client) => format!("client {client}"),
            Owner::Server | Owner::None => self.kernel.sockets[end].peer.to_string(),
        }
    }

    /// What a descriptor refers to, as the trace names it.
    pub(super) fn peer(&self, fd: i32) -> Option<String> {
        match self.kernel.object(fd).ok()? {
            Object::Stream(end) => Some(self.name(end)),
            Object::Listener(_) => Some("listener".to_owned()),
            Object::Stop => Some("stop signal".to_owned()),
            Object::Standard | Object::Poll(_) => None,
        }
    }

    /// Whether the server waits until a listener is readable.
    pub(super) fn listening(&self) -> bool {
        let mut descriptors = self.kernel.descriptors();
        descriptors.any(|(fd, object)| {
            matches!(object, Object::Listener(_)) && self.kernel.watched(fd) & bits::IN != 0
        })
    }

    pub(super) fn connections(&self) -> Vec<Connection> {
        let mut fds = vec![None; self.kernel.sockets.len()];
        for (fd, object) in self.kernel.descriptors() {
            if let Object::Stream(end) = object {
                fds[end] = Some(fd);
            }
        }
        let ends = fds.into_iter().enumerate();
        let servers = ends.filter(|(end, _)| {
            let is_answered = self.kernel.sockets[*end].phase != Phase::Connecting;
            self.kernel.owners[*end] == Owner::Server && (end % 2 == 0 || is_answered)
        });
        servers.map(|(end, fd)| self.connection(end, fd)).collect()
    }

    fn connection(&self, end: usize, fd: Option<i32>) -> Connection {
        let (server, peer) = (&self.kernel.sockets[end], &self.kernel.sockets[other(end)]);
        let client = match self.kernel.owners[other(end)] {
            Owner::Client(number) => self.clients.get(&number),
            Owner::Server | Owner::None => None,
        };
        let watched = fd.map_or(0, |fd| self.kernel.watched(fd));
        let state = match (server.phase, server.peer_finished, server.has_finished) {
            (Phase::Dead, ..) => ConnectionState::Reset,
            _ if server.is_orphan => ConnectionState::Closed,
            (Phase::Connecting, ..) => ConnectionState::Connecting,
            _ if fd.is_none() => ConnectionState::Waiting,
            (Phase::Finished, ..) | (_, true, true) => ConnectionState::Finished,
            (_, true, false) => ConnectionState::PeerFinished,
            (_, false, true) => ConnectionState::ServerFinished,
            (_, false, false) => ConnectionState::Open,
        };
        let (watched_for_reading, watched_for_writing) =
            (watched & bits::IN != 0, watched & bits::OUT != 0);
        let is_reported = fd.is_some_and(|fd| self.kernel.is_reported(fd));
        let is_usable = matches!(state, ConnectionState::Open | ConnectionState::PeerFinished);
        let sends_by_edges = is_usable && !self.kernel.polls.is_empty();
        let server_holds = server.bytes_read as i64 - server.bytes_written as i64;
        Connection {
            name: self.name(end),
            fd,
            state,
            watched_for_reading,
            watched_for_writing,
            remembered_for_reading: watched_for_reading
                && is_reported
                && !server.received.is_empty(),
            remembered_for_writing: sends_by_edges && server_holds > 0 && !watched_for_writing,
            is_reading_paused: state == ConnectionState::Open && !watched_for_reading,
            client_to_send: client.map_or(0, ScriptedClient::bytes_to_send),
            client_send_buffer: peer.sending.len(),
            server_receive_buffer: server.received.len(),
            server_holds,
            server_send_buffer: server.sending.len(),
            client_receive_buffer: peer.received.len(),
            client_received: client.map_or(0, ScriptedClient::bytes_received),
            client_ended: client.and_then(ScriptedClient::ended),
        }
    }
}
