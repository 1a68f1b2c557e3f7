//! The copy of the crates.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::function::Forms;
use crate::published::Bug;

/// A bug: some lines of a file are others.
#[derive(Debug, Clone)]
pub struct Change {
    /// The name by which the copy's programs turn it on.
    pub name: String,
    /// The file, from the root of the repository.
    pub file: String,
    /// The lines as they are. They are there once.
    pub right: String,
    /// The lines with the bug.
    pub wrong: String,
}

/// The folders that the copy consists of. The lab needs the others, the last but two for its tests.
const FOLDERS: [&str; 8] = [
    "common",
    "select-echo",
    "dispatcher-echo",
    "chat-echo",
    "reactor-echo",
    "book/bugs",
    "book/steps",
    "book/lab",
];

/// The module of `common` that knows which bug is on.
const CHOICE: &str = include_str!("bug.rs.txt");

/// The lab's module that turns a bug on.
const LAB_CHOICE: &str = include_str!("lab_bug.rs.txt");

/// Makes or updates the copy in the folder `to`, with these changes. The copy's lab has the folder's name,
/// and prints the table.
///
/// # Errors
/// A file can't be read or written, or a change doesn't fit the sources as they are.
pub fn make_copy(root: &Path, to: &Path, changes: &[Change], table: &[Bug]) -> io::Result<()> {
    let mut files = BTreeMap::new();
    for folder in FOLDERS {
        read_folder(root, Path::new(folder), &mut files)?;
    }
    for (number, change) in changes.iter().enumerate() {
        let (right, wrong) = both_forms(root, change, number, &files)?;
        files.insert(PathBuf::from(&change.file), right);
        files.insert(wrong_path(&change.file, number), wrong);
    }
    let names: Vec<&str> = changes.iter().map(|change| change.name.as_str()).collect();
    let names = format!("{CHOICE}static NAMES: &[&str] = &{names:#?};\n");
    files.insert("common/src/bug.rs".into(), names.into());
    if let Some(lib) = files.get_mut(Path::new("common/src/lib.rs")) {
        lib.extend_from_slice(b"\npub mod bug;\n");
    }
    files.insert("book/lab/src/bug.rs".into(), LAB_CHOICE.into());
    files.insert("book/lab/src/bugs.json".into(), serde_json::to_vec(table)?);
    files.insert("Cargo.toml".into(), manifest(root)?.into());
    files.insert("Cargo.lock".into(), fs::read(root.join("Cargo.lock"))?);
    if let Some(lab) = files.get_mut(Path::new("book/lab/Cargo.toml")) {
        lab.extend(program(to).into_bytes());
    }
    remove_old(to, &files)?;
    for (path, bytes) in &files {
        write_if_changed(to, &to.join(path), bytes)?;
    }
    Ok(())
}

/// The whole file of a change with the wrong lines in it.
///
/// # Errors
/// As [`make_copy`].
pub fn wrong_source(root: &Path, change: &Change) -> io::Result<String> {
    let text = fs::read_to_string(root.join(&change.file))?;
    Ok(forms(&text, change)?.wrong_file())
}

fn forms<'text>(text: &'text str, change: &Change) -> io::Result<Forms<'text>> {
    let forms = Forms::find(text, &change.right, &change.wrong);
    forms.map_err(|error| io::Error::other(format!("`{}`, {}: {error}", change.name, change.file)))
}

/// The file in which the function's body is chosen, and the file with the wrong body.
fn both_forms(
    root: &Path,
    change: &Change,
    number: usize,
    files: &BTreeMap<PathBuf, Vec<u8>>,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let text = fs::read_to_string(root.join(&change.file))?;
    let forms = forms(&text, change)?;
    let path = wrong_path(&change.file, number);
    let path = Path::new(&change.file)
        .parent()
        .and_then(|src| path.strip_prefix(src).ok());
    let path = path.unwrap_or(Path::new("")).display();
    let krate = match change.file.starts_with("common/") {
        true => "crate",
        false => "common",
    };
    // On the line of the opening brace: all lines keep their numbers.
    let choice = format!(" if {krate}::bug::is({number}) {{ return include!(\"{path}\"); }}");
    let so_far = files
        .get(Path::new(&change.file))
        .map(|bytes| String::from_utf8_lossy(bytes));
    let so_far = so_far.unwrap_or_default();
    let mut lines: Vec<_> = so_far.lines().map(str::to_owned).collect();
    lines[forms.opens()].push_str(&choice);
    Ok(((lines.join("\n") + "\n").into(), forms.wrong_body().into()))
}

/// Where the wrong body is: next to the file that includes it, under the same name, because the name
/// tells whose code makes a call.
fn wrong_path(file: &str, number: usize) -> PathBuf {
    let file = Path::new(file);
    let (folder, name) = (file.parent(), file.file_name());
    folder
        .unwrap_or(Path::new(""))
        .join(format!("@{number}"))
        .join(name.unwrap_or_default())
}

/// The four styles take their versions from the workspace. Here it has no other members, and wrong
/// lines may leave something unused.
fn manifest(root: &Path) -> io::Result<String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let manifest = manifest.replace("\"bench\", \"book\", ", "").replace(
        "[workspace.lints.rust]\n",
        "[workspace.lints.rust]\nwarnings = { level = \"allow\", priority = -1 }\n",
    );
    Ok(manifest)
}

/// The lab's program has the name of the copy's folder: otherwise it would replace the original's in
/// the folder that cargo builds in.
fn program(to: &Path) -> String {
    let name = to.file_name().unwrap_or_default().display();
    format!("\n[[bin]]\nname = \"{name}\"\npath = \"src/main.rs\"\n")
}

fn read_folder(
    root: &Path,
    folder: &Path,
    files: &mut BTreeMap<PathBuf, Vec<u8>>,
) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            files.insert(path, fs::read(entry.path())?);
        } else if entry.file_name() != "target" {
            read_folder(root, &path, files)?;
        }
    }
    Ok(())
}

/// Removes files that an earlier copy had.
fn remove_old(to: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    let mut old = BTreeMap::new();
    for folder in FOLDERS
        .into_iter()
        .filter(|folder| to.join(folder).exists())
    {
        read_folder(to, Path::new(folder), &mut old)?;
    }
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.keys().collect(), files.keys().collect());
    for path in old.difference(&new) {
        fs::remove_file(to.join(path))?;
    }
    Ok(())
}

/// A file that doesn't change isn't written, so that cargo doesn't build it again.
fn write_if_changed(to: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(file).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // Another process can make the same copy, and build from it.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let new = to.join(format!("new-{}-{number}", process::id()));
    fs::write(&new, bytes)?;
    fs::rename(new, file)
}
