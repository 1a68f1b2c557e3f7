//! mdBook's protocol.

use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::book;

/// Passes a book of one page to the preprocessor. Returns the page that it writes, or its error message.
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
fn it_speaks_mdbooks_preprocessor_protocol() -> Result<()> {
    let page = "```snippet\nbook/src/style.rs::Style::named\n```\n";
    let page = preprocessed(page)?.map_err(anyhow::Error::msg)?;
    ensure!(page.contains("fn named("), "{page}");
    let error = preprocessed("\n```snippet\nselect-echo/src/nothing.rs\n```\n")?;
    let error = error.err().context("no error")?;
    ensure!(error.contains("book/md/page.md:3: cannot read select-echo/src/nothing.rs"));
    ensure!(
        book()
            .args(["preprocessor", "supports", "html"])
            .status()?
            .success()
    );
    Ok(())
}
