//! The API does what asynchat's documentation says, over real sockets, and the echo server that is
//! built on it keeps the contract.
//!
//! The servers run in this process, each on a thread of its own.

mod closing;
mod echo;
mod receiving;
mod sending;
#[path = "../../../common/tests/shared/serving.rs"]
mod shared;
mod support;
