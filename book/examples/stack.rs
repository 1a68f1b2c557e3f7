//! `stack STYLE`: serves one line in that style, and prints the stack on which its bytes reach
//! the code that a user of the style writes.
//!
//! Build it without optimisation: otherwise the compiler inlines the calls that the stack shows.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::backtrace::Backtrace;
use std::env;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use common::sys::Listener;
use common::{SendPolicy, Settings, StopSignal, net, output, sys};
use reactor_echo::EngineKind;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> io::Result<()> {
    let style = env::args().nth(1).unwrap_or_default();
    tracing_subscriber::registry().with(Capture).init();
    let listener = net::listen("127.0.0.1", 0, 16)?;
    let address = listener.local_addr()?;
    let (stopper, stop) = StopSignal::pair()?;
    // The server has the main thread, as in its program; the client has its own thread.
    let client = thread::spawn(move || {
        let echoed = say_hello(address);
        stopper.stop().and(echoed)
    });
    serve(&style, listener, stop)?;
    client
        .join()
        .map_err(|_| io::Error::other("the client panicked"))??;
    if let Some(stack) = STACK.get() {
        output::print(format_args!("{stack}\n"))?;
    }
    Ok(())
}

fn serve(style: &str, listener: Listener, stop: StopSignal) -> io::Result<()> {
    let settings = Settings::default();
    match style {
        "select" => select_echo::serve(listener, settings, SendPolicy::default(), stop),
        "dispatcher" => dispatcher_echo::serve(listener, settings, stop),
        "chat" => chat_echo::serve(listener, settings, 65_536, stop),
        "reactor" => {
            let (engine, policy) = (EngineKind::default(), SendPolicy::default());
            reactor_echo::serve(listener, settings, engine, policy, stop)
        }
        _ => Err(io::Error::other(
            "usage: stack select|dispatcher|chat|reactor",
        )),
    }
}

fn say_hello(server: SocketAddr) -> io::Result<()> {
    let mut socket = TcpStream::connect(server)?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.write_all(b"hello\n")?;
    socket.read_exact(&mut [0; 6])
}

static STACK: OnceLock<Backtrace> = OnceLock::new();

/// Captures the first stack on which bytes reach the user. That is where handlers are entered; the
/// select style has none, so there it is where the user calls recv.
struct Capture;

const HANDLERS: [&str; 3] = ["handle_read", "found_terminator", "data_received"];

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != sys::TRACE_TARGET {
            return;
        }
        let mut here = Here::default();
        event.record(&mut here);
        if here.is_user {
            STACK.get_or_init(Backtrace::force_capture);
        }
    }
}

#[derive(Default)]
struct Here {
    is_user: bool,
}

impl Visit for Here {
    fn record_str(&mut self, field: &Field, value: &str) {
        let is_recv = env::args().nth(1).as_deref() == Some("select") && value == "recv";
        self.is_user |= HANDLERS.contains(&value) || field.name() == "call" && is_recv;
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
