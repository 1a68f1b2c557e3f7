//! What a future contains, and what happens when it is dropped: each line is a result of this run.
//!
//! `cargo run -p bench --example async_rules`

use std::hint::black_box;
use std::io;
use std::mem::size_of_val;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::output;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

const SHORT: Duration = Duration::from_millis(20);

fn main() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        sizes()?;
        dropped_reads().await?;
        dropped_tasks().await
    })
}

fn show(what: &str, result: &str) -> io::Result<()> {
    output::print(format_args!("{what:45} {result}\n"))
}

/// The buffer is needed after the `.await`, so the future contains it.
async fn keeps_a_buffer() {
    let buffer = [0_u8; 1024];
    yield_now().await;
    black_box(&buffer);
}

/// The buffer is gone before the `.await`.
async fn needs_no_buffer() {
    {
        let buffer = [0_u8; 1024];
        black_box(&buffer);
    }
    yield_now().await;
}

fn sizes() -> io::Result<()> {
    let (large, small) = (keeps_a_buffer(), needs_no_buffer());
    let contains = |size: usize| {
        if size >= 1024 {
            "more than 1 KiB"
        } else {
            "a few bytes"
        }
    };
    show(
        "a future with a buffer across an await:",
        contains(size_of_val(&large)),
    )?;
    show(
        "a future with a buffer before the await:",
        contains(size_of_val(&small)),
    )
}

/// `hel` arrives in time, and `lo` after the timeout.
async fn late() -> io::Result<(DuplexStream, DuplexStream)> {
    let (mut client, server) = duplex(64);
    client.write_all(b"hel").await?;
    Ok((client, server))
}

async fn dropped_reads() -> io::Result<()> {
    let (mut client, mut server) = late().await?;
    let mut line = [0; 5];
    let is_late = timeout(SHORT, server.read_exact(&mut line)).await.is_err();
    client.write_all(b"lo").await?;
    let count = server.read(&mut line).await?;
    let rest = String::from_utf8_lossy(&line[..count]);
    assert_timeout(is_late)?;
    show("read_exact was dropped, the next read gets:", &rest)?;

    let (mut client, mut server) = late().await?;
    let mut line = Vec::new();
    server.read_buf(&mut line).await?;
    let is_late = timeout(SHORT, server.read_buf(&mut line)).await.is_err();
    client.write_all(b"lo").await?;
    server.read_buf(&mut line).await?;
    assert_timeout(is_late)?;
    show(
        "read_buf was dropped, all reads together:",
        &String::from_utf8_lossy(&line),
    )
}

fn assert_timeout(is_late: bool) -> io::Result<()> {
    is_late
        .then_some(())
        .ok_or_else(|| io::Error::other("no timeout"))
}

/// Sets the flag a while later.
async fn set_later(flag: Arc<AtomicBool>) {
    sleep(SHORT).await;
    flag.store(true, Ordering::Relaxed);
}

async fn dropped_tasks() -> io::Result<()> {
    let ended = |flag: &AtomicBool| {
        if flag.load(Ordering::Relaxed) {
            "it ran to its end"
        } else {
            "it was stopped"
        }
    };

    let flag = Arc::<AtomicBool>::default();
    drop(set_later(Arc::clone(&flag)));
    sleep(SHORT * 3).await;
    show("a future that was dropped:", ended(&flag))?;

    let flag = Arc::<AtomicBool>::default();
    drop(tokio::spawn(set_later(Arc::clone(&flag))));
    sleep(SHORT * 3).await;
    show("a task whose handle was dropped:", ended(&flag))?;

    let flag = Arc::<AtomicBool>::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(set_later(Arc::clone(&flag)));
    drop(tasks);
    sleep(SHORT * 3).await;
    show("a task whose JoinSet was dropped:", ended(&flag))
}
