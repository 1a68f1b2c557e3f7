//! One run of one case: its input and its result.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::server::{Launch, ProcessGroups, Server};
use super::{Case, Kind, Needs, Selection, Target};
use crate::client::EchoClient;

/// What the case observed, or why it didn't pass.
pub(super) type CaseResult = Result<String, CaseError>;

/// Why a case didn't pass.
#[derive(Debug)]
pub(super) enum CaseError {
    /// The server breaks the rule. Contains what the case observed.
    Fail(String),
    /// The case can't be tested here. Contains the reason.
    Skip(String),
}

impl From<io::Error> for CaseError {
    fn from(error: io::Error) -> Self {
        CaseError::Fail(error.to_string())
    }
}

/// Adds to an error what the case was doing.
pub(super) trait While<T> {
    /// Turns an error into a failure of the case, with `what` in front.
    fn while_(self, what: &str) -> Result<T, CaseError>;
}

impl<T> While<T> for io::Result<T> {
    fn while_(self, what: &str) -> Result<T, CaseError> {
        self.map_err(|error| CaseError::Fail(format!("{what}: {error}")))
    }
}

/// Ends the case as failed unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($seen:tt)+) => {
        if !$condition {
            return Err($crate::client::check::case_run::CaseError::Fail(format!($($seen)+)));
        }
    };
}
pub(super) use ensure;

/// The input of a case: the server's address or command, its kind, and the limits.
pub(super) struct CaseRun {
    selection: Selection,
    target: Target,
    groups: ProcessGroups,
    server: Option<Server>,
}

impl CaseRun {
    /// Adds every process that the case starts to `groups`, so that it can be ended from outside.
    pub(super) fn new(target: &Target, selection: &Selection, groups: &ProcessGroups) -> Self {
        CaseRun {
            selection: selection.clone(),
            target: target.clone(),
            groups: groups.clone(),
            server: None,
        }
    }

    /// Runs `case`. For a wire case of a command, it starts the server first, and checks afterwards
    /// that it is still running.
    pub(super) fn carry_out(mut self, case: &Case) -> CaseResult {
        if case.needs == Needs::Wire && matches!(self.target, Target::Command(_)) {
            self.server = Some(self.start()?);
        }
        let result = (case.body)(&self);
        if let Some(status) = self.server.as_ref().and_then(Server::ended) {
            return Err(CaseError::Fail(format!("the server ended with {status}")));
        }
        result
    }

    pub(super) fn kind(&self) -> Kind {
        self.selection.kind
    }

    /// How many of `bytes` sent by [`traffic`](super::traffic) should come back: a line server
    /// only returns whole lines.
    pub(super) fn expected_answer(&self, bytes: usize) -> usize {
        match self.kind() {
            Kind::Stream => bytes,
            Kind::Line => bytes - bytes % super::traffic::LINE,
        }
    }

    /// A time limit of the contract, in milliseconds, times the slack.
    pub(super) fn limit(&self, milliseconds: u64) -> Duration {
        self.selection.relaxed(Duration::from_millis(milliseconds))
    }

    /// The pause of a slow client, in milliseconds, divided by the slack: on a busy machine, everything else
    /// makes it slow.
    pub(super) fn pause(&self, milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds).div_f64(self.selection.slack.max(1.0))
    }

    /// The share of processor time that the contract allows, times the slack.
    pub(super) fn share(&self, share: f64) -> f64 {
        share * self.selection.slack
    }

    /// The server of a wire case.
    pub(super) fn address(&self) -> Result<SocketAddr, CaseError> {
        match (&self.target, &self.server) {
            (Target::Address(address), _) => Ok(*address),
            (_, Some(server)) => Ok(server.address()),
            (_, None) => Err(CaseError::Skip("no server to connect to".into())),
        }
    }

    /// The process of a wire case's server, if the checker started it.
    pub(super) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// Connects to the server of a wire case.
    pub(super) fn connect(&self) -> Result<EchoClient, CaseError> {
        EchoClient::connect(self.address()?).while_("connecting")
    }

    /// The server's command, to start it with more options.
    pub(super) fn launch(&self) -> Result<Launch, CaseError> {
        match &self.target {
            Target::Command(command) => Ok(Launch::new(command, &self.groups)),
            Target::Address(_) => Err(CaseError::Skip("needs the server's command".into())),
        }
    }

    /// Starts the server as its command says.
    pub(super) fn start(&self) -> Result<Server, CaseError> {
        self.launch()?.start()
    }
}
