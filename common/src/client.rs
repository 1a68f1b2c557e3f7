//! The programs and tests that talk to a server. No server is built with this module.
//!
//! | module | for |
//! |---|---|
//! | here | [`EchoClient`], a blocking client; the [`ServerAddress`] that people type; a [`RefusingAddress`] |
//! | [`talk`], [`play`], [`load`], [`check`] | what the program `echo-client` does |
//! | [`program`] | a server that a test starts and stops |
//! | [`server_process`] | starting a server as a child process, and never leaving one running |
//! | [`numbered_lines`] | what the checker and the tests send |
//! | [`interrupt`] | the signals that ask this program to end |
//! | [`terminal`] | whether there is a terminal that shows colours and progress |

mod address;
pub mod check;
mod echo_client;
pub mod interrupt;
pub mod load;
pub mod numbered_lines;
pub mod play;
pub mod program;
mod refusing_address;
pub mod server_process;
pub mod talk;
pub mod terminal;

pub(crate) use address::reachable;
pub use address::{DEFAULT_PORT, ServerAddress};
pub use echo_client::{EchoClient, TIME_LIMIT};
pub use refusing_address::RefusingAddress;
