//! A server of any style, run over a script.

use std::io;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use common::args::{self, LimitArgs};
use common::sys::Listener;
use common::sys::sim::{self, Options, Script, Trace};
use common::{SendPolicy, Settings, StopSignal};

/// A style, and for the reactor its engine; or a small server of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `select-echo`
    Select,
    /// `dispatcher-echo`
    Dispatcher,
    /// `chat-echo`
    Chat,
    /// `reactor-echo` on mio, which is edge-triggered
    Reactor,
    /// `reactor-echo` on select
    ReactorSelect,
    /// A server of `book/steps`
    Small(steps::Server),
}

impl ValueEnum for Style {
    fn value_variants<'a>() -> &'a [Self] {
        use steps::Server;
        const {
            &[
                Style::Select,
                Style::Dispatcher,
                Style::Chat,
                Style::Reactor,
                Style::ReactorSelect,
                Style::Small(Server::Step1),
                Style::Small(Server::Step2),
                Style::Small(Server::Step3),
                Style::Small(Server::Step4),
                Style::Small(Server::Step5),
                Style::Small(Server::Step6),
                Style::Small(Server::Step7),
                Style::Small(Server::Step8),
                Style::Small(Server::FirstDispatcher),
                Style::Small(Server::FirstChat),
                Style::Small(Server::FirstReactor),
            ]
        }
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Style::Select => ("select", "`select-echo`"),
            Style::Dispatcher => ("dispatcher", "`dispatcher-echo`"),
            Style::Chat => ("chat", "`chat-echo`"),
            Style::Reactor => ("reactor", "`reactor-echo` on mio, whose events are edges"),
            Style::ReactorSelect => ("reactor-select", "`reactor-echo` on select"),
            Style::Small(server) => (server.name(), "A server of `book/steps`"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl Style {
    /// The four styles.
    pub const ALL: [Style; 5] = [
        Style::Select,
        Style::Dispatcher,
        Style::Chat,
        Style::Reactor,
        Style::ReactorSelect,
    ];

    /// Its name on the command line.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it echoes whole lines instead of a stream of bytes.
    pub fn is_of_lines(self) -> bool {
        match self {
            Style::Small(server) => server.is_of_lines(),
            _ => self == Style::Chat,
        }
    }

    /// Whether it can queue its output until the socket is writable: `--write queued`.
    pub fn can_queue(self) -> bool {
        matches!(self, Style::Select | Style::Reactor | Style::ReactorSelect)
    }
}

/// The options of a server, as its program takes them.
#[derive(Args, Debug, Clone)]
pub struct ServerConfigArgs {
    #[command(flatten)]
    limits: LimitArgs,
    /// Send at the next writable event instead of at once (select and the reactor)
    #[arg(long)]
    queued: bool,
    /// Longest line, in bytes without its end (chat)
    #[arg(long, value_name = "BYTES", default_value_t = 65536, value_parser = args::number(1..=args::MOST_PENDING))]
    max_line: usize,
}

impl ServerConfigArgs {
    /// Checks what clap can't: whether these styles can queue their output, if they are told to.
    ///
    /// # Errors
    /// A sentence like clap's.
    pub fn check(&self, styles: impl IntoIterator<Item = Style>) -> Result<(), String> {
        let mut styles = styles.into_iter();
        match styles.find(|style| self.queued && !style.can_queue()) {
            None => Ok(()),
            Some(style) => Err(format!(
                "the argument '--queued' cannot be used with the style {}",
                style.name()
            )),
        }
    }
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Its style.
    pub style: Style,
    /// Its limits.
    pub settings: Settings,
    /// Whether it sends at the next writable event instead of at once.
    pub is_queued: bool,
    /// The longest line of chat, in bytes.
    pub max_line: usize,
}

impl ServerConfigArgs {
    /// A server of this style with these options.
    pub fn server(&self, style: Style) -> ServerConfig {
        ServerConfig {
            style,
            settings: Settings::from(&self.limits),
            is_queued: self.queued,
            max_line: self.max_line,
        }
    }
}

impl ServerConfig {
    /// The most bytes that it reads at once, if its options set that. A small server can have a read
    /// buffer of a fixed size.
    pub fn recv_size(&self) -> Option<usize> {
        let is_fixed = match self.style {
            Style::Small(server) => server.missing_options().any(|option| option == "recv_size"),
            _ => false,
        };
        (!is_fixed).then_some(self.settings.recv_size)
    }

    /// Runs the server over a script.
    pub fn run(&self, script: &Script, options: &Options, seed: u64) -> Trace {
        sim::run(script, options, seed, |listener, stop| {
            self.serve(listener, stop)
        })
    }

    /// Serves until the signal is raised.
    ///
    /// # Errors
    /// The server fails.
    pub fn serve(&self, listener: Listener, stop: StopSignal) -> io::Result<()> {
        use reactor_echo::EngineKind;
        let settings = self.settings.clone();
        let policy = match self.is_queued {
            true => SendPolicy::Queued,
            false => SendPolicy::AtOnce,
        };
        match self.style {
            Style::Select => select_echo::serve(listener, settings, policy, stop),
            Style::Dispatcher => dispatcher_echo::serve(listener, settings, stop),
            Style::Chat => chat_echo::serve(listener, settings, self.max_line, stop),
            Style::Reactor => {
                reactor_echo::serve(listener, settings, EngineKind::Mio, policy, stop)
            }
            Style::ReactorSelect => {
                reactor_echo::serve(listener, settings, EngineKind::Select, policy, stop)
            }
            Style::Small(server) => server.start(listener, settings, self.max_line, stop)?(),
        }
    }
}
