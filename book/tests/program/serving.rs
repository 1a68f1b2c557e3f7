//! The book, served.

use std::net::TcpStream;

use anyhow::{Result, ensure};

use crate::Served;

#[test]
fn it_is_served_with_what_reloads_it() -> Result<()> {
    let served = Served::start()?;
    ensure!(served.address.ip().is_loopback());
    let page = served.get("/concepts/partial-write.html")?;
    ensure!(page.starts_with("HTTP/1.1 200") && page.contains("text/html"));
    ensure!(page.contains("id=\"partial-write-select\"") && page.contains("/__version"));
    ensure!(served.get("/__version")?.ends_with("\r\n1"));
    ensure!(served.get("/")?.starts_with("HTTP/1.1 200"));
    for path in ["/nothing.html", "/../Cargo.toml", "/%2e%2e/Cargo.toml"] {
        let answer = served.get(path)?;
        ensure!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    Ok(())
}

#[test]
fn connections_that_ask_nothing_delay_nobody() -> Result<()> {
    let served = Served::start()?;
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(TcpStream::connect(served.address)?);
        ensure!(served.get("/why.html")?.starts_with("HTTP/1.1 200"));
    }
    Ok(())
}
