//! From a connect to a connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Kernel, Object, Owner, other};
use crate::sys::sim::tcp::{Phase, Socket, bits};

/// A connect that has no answer yet.
#[derive(Debug)]
pub(super) struct PendingConnect {
    /// The end that connects.
    end: usize,
    /// When to send the next SYN, and how many were sent.
    at: Duration,
    tries: u32,
}

/// SYNs are sent after 0, 1, 3, 7, 15, 31, and 63 s; the connect fails after 127 s
/// (tcp_syn_retries of tcp(7)).
const MOST_SYNS: u32 = 7;
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The first ports of clients, and of the server's own connections.
const CLIENT_PORTS: u16 = 40_001;
const SERVER_PORTS: u16 = 50_001;

fn loopback_like(address: SocketAddr, port: u16) -> SocketAddr {
    let ip = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, port)
}

impl Kernel {
    /// Connects a client of the script to a listener of the server. Returns the client's end.
    pub fn connect_client(&mut self, client: u32, address: SocketAddr, now: Duration) -> usize {
        let port = CLIENT_PORTS + (self.sockets.len() / 2 % 9_000) as u16;
        let socket = self.client_socket(loopback_like(address, port), address);
        self.begin_to_connect(socket, Owner::Client(client), Owner::Server, now)
    }

    /// socket(2) and connect(2), which return before the connection exists.
    pub fn connect(&mut self, address: SocketAddr, now: Duration) -> io::Result<i32> {
        self.lowest_free()?;
        let port = SERVER_PORTS + (self.sockets.len() / 2 % 9_000) as u16;
        let socket = self.server_socket(loopback_like(address, port), address);
        let end = self.begin_to_connect(socket, Owner::Server, Owner::None, now);
        self.open(Object::Stream(end))
    }

    fn client_socket(&self, local: SocketAddr, peer: SocketAddr) -> Socket {
        let options = &self.options;
        let (receives, sends) = (options.client_receive_buffer, options.client_send_buffer);
        Socket::new(local, peer, receives, sends)
    }

    fn server_socket(&self, local: SocketAddr, peer: SocketAddr) -> Socket {
        let options = &self.options;
        let (receives, sends) = (options.server_receive_buffer, options.server_send_buffer);
        Socket::new(local, peer, receives, sends)
    }

    /// Starts to connect. The other end exists at once, but has no owner until the connection does.
    fn begin_to_connect(
        &mut self,
        socket: Socket,
        owner: Owner,
        other: Owner,
        now: Duration,
    ) -> usize {
        let end = self.sockets.len();
        // It belongs to the server, unless a client of the script takes it.
        let accepting = self.server_socket(socket.peer, socket.local);
        self.sockets.extend([socket, accepting]);
        self.owners.extend([owner, other]);
        self.pending_connects.push(PendingConnect {
            end,
            at: now,
            tries: 0,
        });
        end
    }

    /// When the next repeated SYN is due.
    pub fn next_retry(&self) -> Option<Duration> {
        self.pending_connects.iter().map(|connect| connect.at).min()
    }

    /// Sends the SYNs that are due. Returns whether any got an answer.
    pub fn answer_connects(&mut self, now: Duration) -> bool {
        let pending = std::mem::take(&mut self.pending_connects);
        let before = pending.len();
        for connect in pending {
            let is_waiting = self.sockets[connect.end].phase == Phase::Connecting;
            match connect.at <= now {
                true if is_waiting => self.answer_connect(connect),
                false if is_waiting => self.pending_connects.push(connect),
                _ => {}
            }
        }
        self.pending_connects.len() < before
    }

    fn answer_connect(&mut self, connect: PendingConnect) {
        let end = connect.end;
        let address = self.sockets[end].peer;
        let retry = PendingConnect {
            at: connect.at + FIRST_RETRY * (1 << connect.tries.min(MOST_SYNS)),
            tries: connect.tries + 1,
            end,
        };
        if connect.tries == MOST_SYNS {
            self.sockets[end].timed_out();
        } else if self.silent_ports.contains(&address.port()) {
            self.pending_connects.push(retry);
        } else if let Some(index) = self.listener_at(address) {
            let listener = &mut self.listeners[index];
            // Linux lets one more connection wait than the backlog of listen(2).
            if listener.queue.len() > listener.backlog {
                self.pending_connects.push(retry);
            } else {
                listener.queue.push_back(other(end));
                self.owners[other(end)] = Owner::Server;
                self.establish(end);
                self.wake(Object::Listener(index), bits::IN);
            }
        } else if let Some(place) = self.awaiting.iter().position(|(at, _)| *at == address) {
            let (_, client) = self.awaiting.remove(place);
            self.sockets[other(end)] = self.client_socket(address, self.sockets[end].local);
            self.owners[other(end)] = Owner::Client(client);
            self.reached.push((client, other(end)));
            self.establish(end);
        } else {
            self.sockets[end].refused();
        }
        self.tell_news(end);
    }

    fn establish(&mut self, end: usize) {
        self.sockets[end].connected();
        self.sockets[other(end)].connected();
        self.sockets[other(end)].news = 0; // Nothing watches it yet.
    }
}
