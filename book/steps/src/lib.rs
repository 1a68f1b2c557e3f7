//! The servers that a reader of the book builds.
//!
//! | module | for |
//! |---|---|
//! | [`step1`] to [`step8`] | a select loop, from an echo in a page to the whole contract, and then to lines |
//! | [`first_dispatcher`], [`first_chat`], [`first_reactor`] | the first server of each other style |
//! | [`shared`] | what the first dispatcher and the first chat server share |
//! | `program` | a program around any of them (feature `program`) |
//!
//! Each module is a complete server, and each step is the one before with a few lines changed. The
//! faults that a step still has are part of the lesson: the book grades them with the checker.
//!
//! No other server is built on these.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use std::io;

use clap::ValueEnum;
use common::sys::Listener;
use common::{Settings, StopSignal};

pub mod first_chat;
pub mod first_dispatcher;
pub mod first_reactor;
pub mod shared;
pub mod step1;
pub mod step2;
pub mod step3;
pub mod step4;
pub mod step5;
pub mod step6;
pub mod step7;
pub mod step8;

#[cfg(feature = "program")]
pub mod program;

/// One of the servers.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Echo
    #[value(name = "1")]
    Step1,
    /// Pending output
    #[value(name = "2")]
    Step2,
    /// Half-close
    #[value(name = "3")]
    Step3,
    /// Limits and back-pressure
    #[value(name = "4")]
    Step4,
    /// Timers
    #[value(name = "5")]
    Step5,
    /// Running out of descriptors
    #[value(name = "6")]
    Step6,
    /// Graceful stop
    #[value(name = "7")]
    Step7,
    /// Lines
    #[value(name = "8")]
    Step8,
    /// The first server of the dispatcher style
    FirstDispatcher,
    /// The first server of the chat style
    FirstChat,
    /// The first server of the reactor style
    FirstReactor,
}

impl Server {
    /// All of them.
    pub const ALL: [Server; 11] = [
        Server::Step1,
        Server::Step2,
        Server::Step3,
        Server::Step4,
        Server::Step5,
        Server::Step6,
        Server::Step7,
        Server::Step8,
        Server::FirstDispatcher,
        Server::FirstChat,
        Server::FirstReactor,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Server::Step1 => "step-1",
            Server::Step2 => "step-2",
            Server::Step3 => "step-3",
            Server::Step4 => "step-4",
            Server::Step5 => "step-5",
            Server::Step6 => "step-6",
            Server::Step7 => "step-7",
            Server::Step8 => "step-8",
            Server::FirstDispatcher => "first-dispatcher",
            Server::FirstChat => "first-chat",
            Server::FirstReactor => "first-reactor",
        }
    }

    /// The number of a step.
    pub fn step(self) -> Option<usize> {
        self.name().strip_prefix("step-")?.parse().ok()
    }

    /// Whether it echoes whole lines, and not a stream of bytes.
    pub fn is_of_lines(self) -> bool {
        matches!(self, Server::Step8 | Server::FirstChat)
    }

    /// The options that the server doesn't have, by their names in the code, such as `recv_size`. The
    /// other servers of the repository have them all.
    pub fn missing_options(self) -> impl Iterator<Item = &'static str> {
        let is_missing = move |first: usize| self.step().is_none_or(|step| step < first);
        let missing = ADDED.iter().filter(move |(_, first)| is_missing(*first));
        missing.map(|(option, _)| *option)
    }

    /// Makes everything that the server needs before it can serve. What this returns then serves
    /// until `stop` is raised. A server that doesn't know an option ignores it.
    ///
    /// # Errors
    /// No descriptor is left for a map of sockets.
    pub fn start(
        self,
        listener: Listener,
        settings: Settings,
        max_line: usize,
        stop: StopSignal,
    ) -> io::Result<Serve> {
        Ok(match self {
            Server::Step1 => Box::new(|| step1::serve(listener, stop)),
            Server::Step2 => Box::new(|| step2::serve(listener, stop)),
            Server::Step3 => Box::new(|| step3::serve(listener, stop)),
            Server::Step4 => Box::new(|| step4::serve(listener, settings, stop)),
            Server::Step5 => Box::new(|| step5::serve(listener, settings, stop)),
            Server::Step6 => Box::new(|| step6::serve(listener, settings, stop)),
            Server::Step7 => Box::new(|| step7::serve(listener, settings, stop)),
            Server::Step8 => Box::new(move || step8::serve(listener, settings, max_line, stop)),
            Server::FirstDispatcher => {
                let map = shared::socket_map(&stop)?;
                Box::new(|| first_dispatcher::serve(listener, map))
            }
            Server::FirstChat => {
                let map = shared::socket_map(&stop)?;
                Box::new(|| first_chat::serve(listener, map))
            }
            Server::FirstReactor => Box::new(|| first_reactor::serve(listener, stop)),
        })
    }
}

/// The options that not every server has, and the number of the first step that has them.
const ADDED: [(&str, usize); 6] = [
    ("max_connections", 4),
    ("recv_size", 4),
    ("high_water", 4),
    ("idle_timeout", 5),
    ("shutdown_timeout", 7),
    ("max_line", 8),
];

/// The rest of a server's work: its loop.
///
/// # Errors
/// What the server can't go on after.
pub type Serve = Box<dyn FnOnce() -> io::Result<()>>;
