//! The book, served.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
#[cfg(target_os = "linux")]
use rustix::process::Resource;

#[cfg(target_os = "linux")]
use crate::support::limits;
use crate::{Checkout, ServedBook};

#[test]
fn pages_are_served_with_a_script_that_reloads_them() -> Result<()> {
    let checkout = Checkout::new()?;
    let served = ServedBook::start_with(&mut checkout.book(""))?;
    ensure!(served.address.ip().is_loopback());
    let page = served.get("/why.html")?;
    ensure!(page.starts_with("HTTP/1.1 200") && page.contains("text/html"));
    ensure!(page.contains("First edition") && page.contains("/__version"));
    ensure!(page.contains("<meta name=\"four-echoes-served\" content=\"\">"));
    ensure!(served.get("/__version")?.ends_with("\r\n1"));
    ensure!(served.get("/")?.starts_with("HTTP/1.1 200"));
    for path in ["/nothing.html", "/../Cargo.toml", "/%2e%2e/Cargo.toml"] {
        let answer = served.get(path)?;
        ensure!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    Ok(())
}

#[test]
fn pages_of_other_sites_get_nothing() -> Result<()> {
    let checkout = Checkout::new()?;
    let served = ServedBook::start_with(&mut checkout.book(""))?;
    let (own, address) = (format!("Host: {}\r\n", served.address), served.address);
    for (status, head) in [
        ("200", format!("GET / HTTP/1.1\r\n{own}")),
        (
            "200",
            format!("GET / HTTP/1.1\r\n{own}Origin: http://{address}\r\n"),
        ),
        ("403", "GET / HTTP/1.1\r\nHost: example.org\r\n".to_owned()),
        (
            "403",
            format!("GET / HTTP/1.1\r\n{own}Origin: http://example.org\r\n"),
        ),
        (
            "403",
            format!("POST /lab/run HTTP/1.1\r\n{own}Origin: null\r\n"),
        ),
        (
            "415",
            format!("POST /lab/run HTTP/1.1\r\n{own}Origin: http://{address}\r\n"),
        ),
    ] {
        let answer = served.request(&format!("{head}\r\n"))?;
        ensure!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{head}: {answer}"
        );
        ensure!(!answer.contains("Access-Control"), "{answer}");
    }
    Ok(())
}

#[test]
fn idle_connections_delay_no_request() -> Result<()> {
    let checkout = Checkout::new()?;
    let served = ServedBook::start_with(&mut checkout.book(""))?;
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(TcpStream::connect(served.address)?);
        ensure!(served.get("/why.html")?.starts_with("HTTP/1.1 200"));
    }
    Ok(())
}

#[test]
fn the_error_names_a_port_in_use() -> Result<()> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = taken.local_addr()?.port().to_string();
    let checkout = Checkout::new()?;
    let mut book = checkout.book("");
    let output = book.args(["--no-open", "--port", &port]).output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1), "{}", output.status);
    ensure!(
        said.contains(&format!("cannot listen on port {port}: choose another one")),
        "{said}"
    );
    ensure!(said.contains("Address already in use"), "{said}");
    Ok(())
}

#[test]
fn idle_connections_are_closed_when_descriptors_run_out() -> Result<()> {
    let checkout = Checkout::new()?;
    let served = ServedBook::start_with(&mut checkout.book_after("ulimit -n 20"))?;
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(TcpStream::connect(served.address)?);
    }
    for _ in 0..20 {
        ensure!(served.get("/why.html")?.starts_with("HTTP/1.1 200"));
    }
    Ok(())
}

/// Processor time that the program has used.
#[cfg(target_os = "linux")]
fn cpu_time(served: &ServedBook) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", served.process.id()))?;
    // proc_pid_stat(5): utime and stime, in ticks of 10 ms.
    let fields: Vec<&str> = stat.split(' ').collect();
    let ticks = fields[13].parse::<u64>()? + fields[14].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

#[cfg(target_os = "linux")]
#[test]
fn accept_does_not_spin_without_descriptors() -> Result<()> {
    let checkout = Checkout::new()?;
    let served = ServedBook::start_with(&mut checkout.book(""))?;
    limits::leave_descriptors(served.process.id(), 0)?;
    let _waiting = TcpStream::connect(served.address)?;
    let before = cpu_time(&served)?;
    thread::sleep(Duration::from_secs(1));
    let used = cpu_time(&served)? - before;
    ensure!(
        used < Duration::from_millis(300),
        "{used:?} of processor time in 1 s"
    );
    limits::set(served.process.id(), Resource::Nofile, 100)?;
    ensure!(served.get("/why.html")?.starts_with("HTTP/1.1 200"));
    Ok(())
}

/// Waits until all threads of the process sleep: then none is about to allocate memory.
#[cfg(target_os = "linux")]
fn wait_until_asleep(process: u32) -> Result<()> {
    let deadline = std::time::Instant::now() + crate::TIME_LIMIT;
    loop {
        let mut states = Vec::new();
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let stat = fs::read_to_string(thread?.path().join("stat"))?;
            let (_, state) = stat.rsplit_once(") ").context("no state")?;
            states.push(state.chars().next());
        }
        if states.iter().all(|state| *state == Some('S')) {
            return Ok(());
        }
        ensure!(
            std::time::Instant::now() < deadline,
            "its threads don't sleep: {states:?}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn it_responds_without_new_threads() -> Result<()> {
    let checkout = Checkout::new()?;
    let served = ServedBook::start_with(&mut checkout.book(""))?;
    wait_until_asleep(served.process.id())?;
    let status = fs::read_to_string(format!("/proc/{}/status", served.process.id()))?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.context("no size")?.trim().trim_end_matches(" kB");
    // There is address space for a response, but not for the stack of a thread, which has 2 MiB.
    let limit = (size.parse::<u64>()? + 1024) * 1024;
    limits::set(served.process.id(), Resource::As, limit)?;
    for _ in 0..3 {
        ensure!(served.get("/why.html")?.starts_with("HTTP/1.1 200"));
    }
    Ok(())
}

#[test]
fn it_rebuilds_with_closed_output_pipes() -> Result<()> {
    let checkout = Checkout::new()?;
    let mut served = ServedBook::start_with(checkout.book("").stderr(Stdio::piped()))?;
    // Neither output has a reader now.
    drop(served.process.stderr.take());
    for (version, text) in [(2, "Second edition."), (3, "Third edition.")] {
        fs::write(checkout.page(), format!("# Why\n\n{text}\n"))?;
        served.wait_for_version(version)?;
        ensure!(served.get("/why.html")?.contains(text));
    }
    Ok(())
}

#[test]
fn it_rebuilds_with_a_full_output_pipe() -> Result<()> {
    let checkout = Checkout::new()?;
    // Its problems are longer than a pipe's buffer.
    let text = "# Why\n\n".to_owned() + &"```snippet\nnothing.rs\n```\n\n".repeat(2000);
    fs::write(checkout.page(), &text)?;
    let served = ServedBook::start_with(checkout.book("").stderr(Stdio::piped()))?;
    fs::write(checkout.page(), text + "Second edition.")?;
    served.wait_for_version(2)?;
    ensure!(served.get("/why.html")?.contains("Second edition."));
    Ok(())
}

#[test]
fn files_that_cargo_builds_trigger_no_rebuild() -> Result<()> {
    let checkout = Checkout::new()?;
    let served = ServedBook::start_with(checkout.book("").env("CARGO_TARGET_DIR", "book/out"))?;
    fs::write(checkout.page(), "# Why\n\nSecond edition.\n")?;
    served.wait_for_version(2)?;
    fs::write(checkout.root().join("book/out/program"), "built meanwhile")?;
    // By then it would have been built again.
    thread::sleep(Duration::from_secs(4));
    ensure!(served.version()? == 2, "it is built again and again");
    Ok(())
}
