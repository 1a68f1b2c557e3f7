//! Every name of asynchat's documentation does here what it says there, over real sockets; and the
//! echo server that is made of them keeps its promises.
//!
//! The servers run in this process, each on a thread of its own.

mod closing;
mod echo;
mod receiving;
mod sending;
#[path = "../../../common/tests/shared/serving.rs"]
mod shared;
mod support;
