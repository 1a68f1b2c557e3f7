//! tokio as most programs use it: a task for each client, and as many threads as there are cores, or as
//! the environment variable TOKIO_WORKER_THREADS says. A thread without work takes tasks from
//! another one.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::sleep;

mod start;

fn main() -> io::Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    // A task of its own: `block_on` would run it on this thread, which isn't one of those that share the
    // tasks.
    runtime.block_on(runtime.spawn(serve(start::listen()?)))?
}

async fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        match listener.accept().await {
            Ok((socket, _)) => drop(tokio::spawn(echo(socket))),
            // For example, out of descriptors or memory: trying again at once would be a busy loop.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Sends back what the client sends, until its end of stream. An error ends this task, and affects
/// no other.
async fn echo(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = socket.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        socket.write_all(&buffer[..count]).await?;
    }
}
