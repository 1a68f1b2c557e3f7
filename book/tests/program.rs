//! The program `book`, as its reader and mdBook use it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

fn book() -> Command {
    Command::new(env!("CARGO_BIN_EXE_book"))
}

/// A book that is being served; it ends with the test.
struct Served {
    process: Child,
    address: SocketAddr,
}

impl Served {
    fn start() -> Result<Self> {
        let mut process = book()
            .args(["--port", "0", "--no-open"])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().trim_start_matches("the book is at http://");
        let address = address.trim_end_matches('/').parse()?;
        Ok(Served { process, address })
    }

    /// The whole answer to a request for the path.
    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

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

/// Gives the preprocessor a book of one page; answers what it says, or how it complains.
fn preprocessed(page: &str) -> Result<std::result::Result<String, String>> {
    let root = env!("CARGO_MANIFEST_DIR");
    let chapter = json!({
        "name": "Page", "content": page, "number": null, "sub_items": [],
        "path": "page.md", "source_path": "page.md", "parent_names": []
    });
    let context = json!({
        "root": root, "config": {}, "renderer": "html", "mdbook_version": "0.5.4"
    });
    let input = json!([context, { "items": [{ "Chapter": chapter }] }]);
    let mut process = book()
        .arg("preprocessor")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = process.stdin.take().context("no input")?;
    stdin.write_all(input.to_string().as_bytes())?;
    drop(stdin);
    let output = process.wait_with_output()?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8(output.stderr)?));
    }
    let book: Value = serde_json::from_slice(&output.stdout)?;
    let content = book["items"][0]["Chapter"]["content"].as_str();
    Ok(Ok(content.context("no page")?.to_owned()))
}

#[test]
fn mdbook_can_call_it() -> Result<()> {
    let page = "```snippet\nselect-echo/src/connection.rs::Connection::answer\n```\n";
    let page = preprocessed(page)?.map_err(anyhow::Error::msg)?;
    ensure!(page.contains("fn answer("), "{page}");
    let complaint = preprocessed("\n```snippet\nselect-echo/src/nothing.rs\n```\n")?;
    let complaint = complaint.err().context("no complaint")?;
    ensure!(complaint.contains("book/md/page.md:3: cannot read select-echo/src/nothing.rs"));
    ensure!(
        book()
            .args(["preprocessor", "supports", "html"])
            .status()?
            .success()
    );
    Ok(())
}
