//! The echo server in `async`/`await`, on tokio with one thread, under the whole contract of the four
//! styles: a task for each client, and one that accepts.
//!
//! It takes the options of the four servers. `--trace`, `--counters`, and `--faults` have no effect,
//! since tokio makes the calls to the kernel.

use std::future::{self, Future};
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use common::args::{self, ServerArgs};
use common::net::MOST_ACCEPTED_AT_STOP;
use common::sys::{AsDescriptor, Listener};
use common::{ConnectionLimit, Settings, StopSignal, net, run};
use socket2::SockRef;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep_until, timeout};

/// Turns of the runtime after a deadline: see [`last_look`].
const LAST_TURNS: usize = 64;

/// An echo server in async/await, on tokio
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

fn main() -> ExitCode {
    run::run(&args::parse::<Args>().server, start)
}

/// Makes everything that can fail, and returns the server.
fn start(
    listener: Listener,
    settings: Settings,
    stop: StopSignal,
) -> io::Result<impl FnOnce() -> io::Result<()>> {
    settings.read_buffer()?; // Each task needs one of its own.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let context = runtime.enter();
    let of_the_system = listener.descriptor().to_os()?.try_clone_to_owned()?;
    listener.close();
    let listener = TcpListener::from_std(of_the_system.into())?;
    let pipe = stop.descriptor().to_os()?.try_clone_to_owned()?; // A pair of Unix sockets.
    let stop = UnixStream::from_std(pipe.into())?;
    drop(context);
    Ok(move || runtime.block_on(serve(listener, settings, stop)))
}

/// Serves until `stop` is readable and all output is sent, or the shutdown timeout is over.
async fn serve(listener: TcpListener, settings: Settings, stop: UnixStream) -> io::Result<()> {
    let server = Server {
        limit: ConnectionLimit::new(settings.max_connections),
        settings,
        stopping: watch::Sender::new(false),
    };
    let mut clients = JoinSet::new();
    loop {
        let retry_at = server.limit.retry_at();
        tokio::select! {
            biased;
            stopped = stop.readable() => {
                stopped?;
                break;
            }
            Some(_) = clients.join_next() => {} // There is a place for one more client.
            () = until(retry_at) => drop(server.limit.retry_if_due(std::time::Instant::now())),
            accepted = listener.accept(), if server.limit.is_open() => match accepted {
                Ok((socket, peer)) => server.spawn(&mut clients, socket, peer),
                Err(error) => drop(server.limit.accept_failed(&error)),
            }
        }
    }
    server.stop(listener, clients).await
}

struct Server {
    settings: Settings,
    limit: ConnectionLimit,
    /// Tells all tasks to stop.
    stopping: watch::Sender<bool>,
}

impl Server {
    fn spawn(&self, clients: &mut JoinSet<()>, socket: TcpStream, peer: SocketAddr) {
        let mut permit = self.limit.accepted(peer);
        let (settings, stopping) = (self.settings.clone(), self.stopping.subscribe());
        clients.spawn(async move {
            if let Err(error) = echo(socket, settings, stopping).await {
                permit.failed(error);
            }
        });
    }

    /// Ends the idle clients, accepts those that wait in the queue, and waits for all tasks.
    async fn stop(self, listener: TcpListener, mut clients: JoinSet<()>) -> io::Result<()> {
        self.stopping.send_replace(true);
        yield_now().await; // The idle ones leave, which makes places for others.
        self.limit.retry_now();
        let listener = listener.into_std()?;
        for _ in 0..MOST_ACCEPTED_AT_STOP {
            if !self.limit.is_open() {
                break;
            }
            match listener.accept() {
                Ok((socket, peer)) => {
                    socket.set_nonblocking(true)?;
                    self.spawn(&mut clients, TcpStream::from_std(socket)?, peer);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => drop(self.limit.accept_failed(&error)),
            }
        }
        drop(listener);
        let mut all = pin!(async { while clients.join_next().await.is_some() {} });
        if timeout(self.settings.shutdown_timeout, &mut all)
            .await
            .is_err()
        {
            tokio::select! {
                biased;
                () = all => {}
                () = last_look() => {}
            }
        }
        Ok(()) // Dropping `clients` ends the tasks that are left.
    }
}

/// Sends back what the client sends, until its end of stream or until the server stops.
async fn echo(
    mut socket: TcpStream,
    settings: Settings,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    net::tune(&socket);
    let mut buffer = settings.read_buffer()?;
    loop {
        let count = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => break,
            count = within(settings.idle_timeout, read(&socket, &mut buffer)) => count?,
        };
        if count == 0 {
            return Ok(()); // Everything has been sent.
        }
        // Not `write_all`: each part that the kernel takes extends the idle timeout.
        let mut pending = &buffer[..count];
        while !pending.is_empty() {
            let sent = within(settings.idle_timeout, socket.write(pending)).await?;
            pending = &pending[sent..];
        }
        yield_now().await; // One read, and then the other clients.
    }
    match timeout(settings.shutdown_timeout, drain(socket, &mut buffer)).await {
        Ok(drained) => drained,
        Err(_) => Ok(()),
    }
}

/// Ends the connection without a reset: if the client has sent more, discards it until the client
/// closes, too.
async fn drain(mut socket: TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    // Not `try_read`: tokio may not know yet that a new socket is readable.
    match recv(&socket, buffer) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()), // Idle.
        Ok(0) => return Ok(()),
        unread => drop(unread?),
    }
    socket.shutdown().await?; // Sends the FIN.
    while read(&socket, buffer).await? > 0 {}
    Ok(())
}

/// Waits until bytes arrive, and reads them. tokio's own `read` takes a short read as a sign that the
/// socket is empty, and waits for the next event. At the mark of urgent data, more bytes follow without
/// an event. This function waits only after `WouldBlock`.
async fn read(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let call = || recv(socket, buffer);
    socket.async_io(Interest::READABLE, call).await
}

/// recv(2), once.
fn recv(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    (&*SockRef::from(socket)).read(buffer)
}

/// An error if the call takes longer than the limit.
async fn within<T>(
    limit: Option<Duration>,
    call: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let Some(limit) = limit else {
        return call.await;
    };
    let mut call = pin!(call);
    match timeout(limit, &mut call).await {
        Ok(result) => result,
        Err(elapsed) => tokio::select! {
            biased;
            result = call => result,
            () = last_look() => Err(elapsed.into()),
        },
    }
}

/// If the process was paused (SIGSTOP), a deadline can pass before tokio has looked at the sockets. In
/// each of these turns, it does, and runs the tasks that wait for them. A time limit wouldn't do: on a
/// busy machine, it can pass without a turn.
async fn last_look() {
    for _ in 0..LAST_TURNS {
        yield_now().await;
    }
}

/// Waits until this time, or forever.
async fn until(time: Option<std::time::Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => future::pending().await,
    }
}
