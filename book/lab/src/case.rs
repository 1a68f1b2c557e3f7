//! One run, with everything that decides it.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use common::Settings;
use common::args::{MOST_CONNECTIONS, MOST_RECV_SIZE, number};
use common::sys::Faults;
use common::sys::sim::{Options, Schedule, Script, Trace};

use crate::server::{ServerConfig, ServerConfigArgs, Style};

/// A run of a server: the same case always gives the same trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulationCase {
    /// The server, and its options.
    pub server: ServerConfig,
    /// What clients do.
    pub script: Script,
    /// The kernel's options.
    pub options: Options,
    /// Decides everything that the script and the options leave open.
    pub seed: u64,
}

/// The options of a run of one server, for the command line.
#[derive(Args, Debug, Clone)]
pub struct SimulationArgs {
    /// Style of the server
    #[arg(long, value_enum, default_value = "select")]
    pub style: Style,
    #[command(flatten)]
    options: CaseOptions,
}

/// The options of a run of any server.
#[derive(Args, Debug, Clone)]
pub struct CaseOptions {
    #[command(flatten)]
    server: ServerConfigArgs,
    #[command(flatten)]
    kernel: KernelArgs,
    /// Seed of the random schedule
    #[arg(long, default_value_t = 0, help_heading = "Simulated kernel")]
    seed: u64,
}

/// The simulated kernel.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Simulated kernel")]
struct KernelArgs {
    /// Address that the server listens on
    #[arg(long, default_value_t = Options::default().address)]
    address: SocketAddr,
    /// When bytes arrive and clients act
    #[arg(long, value_enum, default_value = "lockstep")]
    schedule: ScheduleArg,
    /// Calls that fail: SEED[:KIND=PERCENT,…], as for the servers' own `--faults`; SEED decides which
    #[arg(long, value_name = "SPEC")]
    faults: Option<Faults>,
    /// Connections that can wait to be accepted
    #[arg(long, default_value_t = Options::default().backlog, value_parser = number(1..=65535))]
    backlog: usize,
    /// Upper limit of the server's descriptors: each number is below it
    #[arg(long, default_value_t = Options::default().descriptors, value_parser = number(1..=MOST_CONNECTIONS))]
    descriptors: usize,
    /// Bytes that the kernel keeps for the server until it reads them
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().server_receive_buffer, value_parser = number(1..=MOST_RECV_SIZE))]
    server_receive_buffer: usize,
    /// Bytes from the server that the kernel holds until they are acknowledged
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().server_send_buffer, value_parser = number(1..=MOST_RECV_SIZE))]
    server_send_buffer: usize,
    /// Bytes that the kernel keeps for a client until it reads them
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().client_receive_buffer, value_parser = number(1..=MOST_RECV_SIZE))]
    client_receive_buffer: usize,
    /// Bytes from a client that the kernel holds until they are acknowledged
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().client_send_buffer, value_parser = number(1..=MOST_RECV_SIZE))]
    client_send_buffer: usize,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum ScheduleArg {
    /// All at once, whenever the server waits
    Lockstep,
    /// In pieces, at moments that the seed chooses
    Random,
}

impl SimulationArgs {
    /// Checks what clap can't.
    ///
    /// # Errors
    /// As [`CaseOptions::check`].
    pub fn check(&self) -> Result<(), String> {
        self.options.check([self.style])
    }

    /// The case for a script with these options.
    pub fn case(&self, script: Script) -> SimulationCase {
        self.options.case(self.style, script)
    }
}

impl CaseOptions {
    /// Checks what clap can't: whether these styles take the options.
    ///
    /// # Errors
    /// A sentence like clap's.
    pub fn check(&self, styles: impl IntoIterator<Item = Style>) -> Result<(), String> {
        self.server.check(styles)
    }

    /// The case for a server and a script with these options.
    pub fn case(&self, style: Style, script: Script) -> SimulationCase {
        let kernel = &self.kernel;
        SimulationCase {
            server: self.server.server(style),
            script,
            options: Options {
                address: kernel.address,
                backlog: kernel.backlog,
                descriptors: kernel.descriptors,
                server_receive_buffer: kernel.server_receive_buffer,
                server_send_buffer: kernel.server_send_buffer,
                client_receive_buffer: kernel.client_receive_buffer,
                client_send_buffer: kernel.client_send_buffer,
                schedule: match kernel.schedule {
                    ScheduleArg::Lockstep => Schedule::Lockstep,
                    ScheduleArg::Random => Schedule::Random,
                },
                faults: kernel.faults.clone(),
                ..Options::default()
            },
            seed: self.seed,
        }
    }
}

impl SimulationCase {
    /// Runs it.
    pub fn run(&self) -> Trace {
        self.server.run(&self.script, &self.options, self.seed)
    }
}

/// The options that make this case, without those that have their default value, and the script.
impl Display for SimulationCase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (server, usual) = (&self.server, Settings::default());
        write!(f, "--style {} --seed {}", server.style.name(), self.seed)?;
        let settings = &server.settings;
        if settings.max_connections != usual.max_connections {
            write!(f, " --max-connections {}", settings.max_connections)?;
        }
        if let Some(timeout) = settings.idle_timeout {
            write!(f, " --idle-timeout {}", timeout.as_secs_f64())?;
        }
        option(f, "recv-size", settings.recv_size, usual.recv_size)?;
        option(f, "high-water", settings.high_water, usual.high_water)?;
        if settings.shutdown_timeout != usual.shutdown_timeout {
            write!(
                f,
                " --shutdown-timeout {}",
                settings.shutdown_timeout.as_secs_f64()
            )?;
        }
        if server.is_queued {
            f.write_str(" --queued")?;
        }
        option(f, "max-line", server.max_line, 65536)?;
        let (kernel, usual) = (&self.options, Options::default());
        if kernel.schedule == Schedule::Random {
            f.write_str(" --schedule random")?;
        }
        if let Some(faults) = &kernel.faults {
            write!(f, " --faults {faults}")?;
        }
        if kernel.address != usual.address {
            write!(f, " --address {}", kernel.address)?;
        }
        for (name, value, usual) in [
            ("backlog", kernel.backlog, usual.backlog),
            ("descriptors", kernel.descriptors, usual.descriptors),
            (
                "server-receive-buffer",
                kernel.server_receive_buffer,
                usual.server_receive_buffer,
            ),
            (
                "server-send-buffer",
                kernel.server_send_buffer,
                usual.server_send_buffer,
            ),
            (
                "client-receive-buffer",
                kernel.client_receive_buffer,
                usual.client_receive_buffer,
            ),
            (
                "client-send-buffer",
                kernel.client_send_buffer,
                usual.client_send_buffer,
            ),
        ] {
            option(f, name, value, usual)?;
        }
        write!(f, " --script '{}'", self.script)
    }
}

fn option(f: &mut Formatter<'_>, name: &str, value: usize, usual: usize) -> fmt::Result {
    match value == usual {
        true => Ok(()),
        false => write!(f, " --{name} {value}"),
    }
}
