//! What a site contains for the lab in its pages: scripts that each set one variable. A page loads them when
//! it needs them, also from a folder, where it can't read other files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bugs::published;

use crate::lab;
use crate::workspace::{Workspace, files_under, slashed};

/// The folders with the code that makes calls.
const SOURCES: [&str; 5] = [
    "select-echo/src",
    "dispatcher-echo/src",
    "chat-echo/src",
    "reactor-echo/src",
    "book/steps/src",
];

/// A file that makes calls besides: it closes what a server drops.
const SOCKET: &str = "common/src/sys/socket.rs";

/// Said if there is no way to make the program for pages.
const NO_TARGET: &str = "the lab in the pages runs only where the book is served: `rustup target add \
                         wasm32-wasip1` adds WebAssembly to a static copy";

/// Writes `lab-sources.js`: each file that a run can name, with its text.
///
/// # Errors
/// A file can't be read or written.
pub fn write_sources(root: &Path, site: &Path) -> Result<()> {
    let mut sources = BTreeMap::new();
    for folder in SOURCES.map(|folder| root.join(folder)) {
        if folder.is_dir() {
            for file in files_under(&folder, "rs")? {
                let name = slashed(file.strip_prefix(root)?);
                sources.insert(name, fs::read_to_string(&file)?);
            }
        }
    }
    if let Ok(text) = fs::read_to_string(root.join(SOCKET)) {
        sources.insert(SOCKET.to_owned(), text);
    }
    let sources = serde_json::to_string(&sources)?;
    write(
        site,
        "lab-sources.js",
        &format!("window.labSources = {sources};\n"),
    )
}

/// Writes `lab-bugs.js`: the table of published bugs.
///
/// # Errors
/// The table isn't right, or the file can't be written.
pub fn write_bugs(root: &Path, site: &Path) -> Result<()> {
    if !root.join(published::TABLE).is_file() {
        return Ok(());
    }
    let bugs = published::read(root).context(published::TABLE)?;
    let bugs = serde_json::to_string(&bugs)?;
    write(site, "lab-bugs.js", &format!("window.labBugs = {bugs};\n"))
}

/// Writes `lab-wasm.js`: the lab's program as WebAssembly, from `module` or new from its source. Returns what
/// is missing if there is neither.
///
/// # Errors
/// The program doesn't build, or a file can't be read or written, or is no WebAssembly.
pub fn write_module(
    workspace: &Workspace,
    site: &Path,
    module: Option<&Path>,
) -> Result<Option<&'static str>> {
    let built = match module {
        Some(_) => None,
        None => lab::build_for_web(workspace)?,
    };
    let Some(module) = module.or(built.as_deref()) else {
        return Ok(Some(NO_TARGET));
    };
    let named = || module.display().to_string();
    let bytes = fs::read(module).with_context(named)?;
    ensure!(bytes.starts_with(b"\0asm"), "{} is no WebAssembly", named());
    let text = base64(&bytes);
    write(
        site,
        "lab-wasm.js",
        &format!("window.labWasm = \"{text}\";\n"),
    )?;
    Ok(None)
}

fn write(site: &Path, name: &str, text: &str) -> Result<()> {
    fs::write(site.join(name), text).with_context(|| format!("cannot write {name}"))
}

/// The bytes in base64: each three of them as four letters.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(b"\0asm\xff\xfe"), "AGFzbf/+");
    }

    #[test]
    fn every_place_of_a_run_is_in_the_sources() -> Result<()> {
        let (workspace, site) = (Workspace::here()?, tempfile::tempdir()?);
        write_sources(&workspace.root, site.path())?;
        let text = fs::read_to_string(site.path().join("lab-sources.js"))?;
        let json = text.trim_start_matches("window.labSources = ");
        let json = json.trim_end_matches(";\n");
        let sources: BTreeMap<String, String> = serde_json::from_str(json)?;
        let servers = [
            &[
                "select",
                "dispatcher",
                "chat",
                "reactor",
                "reactor-select",
                "step-1",
                "step-7",
            ][..],
            &[
                "step-2",
                "step-3",
                "step-4",
                "step-8",
                "first-dispatcher",
                "first-chat",
                "first-reactor",
            ],
        ];
        let script = "connect 1; connect 2; stop-reading 2; send 2 900000; send 1 \"ping\\n\"; reset 1; wait 3s; stop";
        for servers in servers {
            let run = workspace.lab()?.result(servers, &[], script)?;
            let places = run["places"].as_array().context("no places")?;
            ensure!(places.len() > 20);
            for place in places.iter().filter_map(|place| place.as_str()) {
                let (file, line) = place.split_once(':').context("no line")?;
                let text = sources.get(file).with_context(|| place.to_owned())?;
                ensure!(line.parse::<usize>()? <= text.lines().count(), "{place}");
            }
        }
        Ok(())
    }

    #[test]
    fn only_webassembly_is_embedded() -> Result<()> {
        let (workspace, site) = (Workspace::here()?, tempfile::tempdir()?);
        let file = site.path().join("module");
        fs::write(&file, "#!/bin/sh\n")?;
        assert!(write_module(&workspace, site.path(), Some(&file)).is_err());
        fs::write(&file, b"\0asm\x01\0\0\0")?;
        assert_eq!(write_module(&workspace, site.path(), Some(&file))?, None);
        let script = fs::read_to_string(site.path().join("lab-wasm.js"))?;
        assert_eq!(script, "window.labWasm = \"AGFzbQEAAAA=\";\n");
        Ok(())
    }
}
