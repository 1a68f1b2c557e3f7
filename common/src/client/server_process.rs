//! A server as a child process: its process group, and what it prints when it starts.

mod group;
mod output;
mod patience;

pub use group::ProcessGroup;
pub use output::{NotAnnounced, ProcessOutput, announced};
pub use patience::Patience;
