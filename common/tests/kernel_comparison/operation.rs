//! The operations of a sequence, drawn from a seed.

use fastrand::Rng;

/// Clients in each sequence. Both connect at its beginning, and read only what the sequence says.
pub const CLIENTS: usize = 2;

/// One operation. The number is that of the client, or of the server's stream in the order in which
/// it accepted them.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    Client(usize, ClientAction),
    Server(usize, ServerCall),
    Accept,
    /// select(2) on everything, with a timeout of zero.
    Select,
    /// epoll_wait(2) with a timeout of zero.
    Wait,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ClientAction {
    Send(usize),
    Urgent,
    /// Sends until the buffers of both kernels are full.
    Fill,
    Read(usize),
    /// Reads until nothing more comes.
    Drain,
    HalfClose,
    Close,
    Reset,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ServerCall {
    Recv(usize),
    /// Reads until nothing more comes.
    Drain,
    Send(usize),
    /// Sends until the buffers of both kernels are full.
    Fill,
    Finish,
    TakeError,
    PeerAddr,
    ResetOnClose,
    Close,
    /// With readable, writable, and priority as bits.
    Register(u8),
    Reregister(u8),
    Deregister,
}

impl Operation {
    pub fn sends_fin(&self) -> bool {
        matches!(
            self,
            Operation::Server(_, ServerCall::Finish | ServerCall::Close)
        )
    }
}

/// A sequence. It sends too little to fill a buffer.
pub fn draw(seed: u64) -> Vec<Operation> {
    let mut rng = Rng::with_seed(seed);
    let mut operations = Vec::new();
    if rng.bool() {
        // So that most sequences concern a connection that is watched.
        operations.push(Operation::Accept);
        operations.push(Operation::Server(0, ServerCall::Register(7)));
    }
    for _ in 0..rng.usize(6..40) {
        operations.push(draw_one(&mut rng));
    }
    operations.extend([Operation::Wait, Operation::Select]);
    operations
}

fn draw_one(rng: &mut Rng) -> Operation {
    let which = rng.usize(..CLIENTS);
    let client = |action| Operation::Client(which, action);
    let server = |call| Operation::Server(which, call);
    match rng.u8(..64) {
        0..9 => client(ClientAction::Send(rng.usize(1..2000))),
        9 => client(ClientAction::Urgent),
        10..13 => client(ClientAction::Read(rng.usize(1..3000))),
        13..15 => client(ClientAction::HalfClose),
        15 => client(ClientAction::Close),
        16 => client(ClientAction::Reset),
        17 => server(ServerCall::Recv(0)),
        18..26 => server(ServerCall::Recv(rng.usize(1..3000))),
        26..32 => server(ServerCall::Send(rng.usize(0..2000))),
        32..34 => server(ServerCall::Finish),
        34 => server(ServerCall::TakeError),
        35 => server(ServerCall::PeerAddr),
        36 => server(ServerCall::ResetOnClose),
        37 => server(ServerCall::Close),
        38..42 => server(ServerCall::Register(rng.u8(1..8))),
        42..46 => server(ServerCall::Reregister(rng.u8(1..8))),
        46 => server(ServerCall::Deregister),
        47..51 => Operation::Accept,
        51..56 => Operation::Select,
        _ => Operation::Wait,
    }
}
