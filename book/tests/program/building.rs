//! Where the program builds, and what it must not delete there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{Checkout, ServedBook};

/// Every path below a folder, with the contents of the files.
fn snapshot(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry?;
        let content = match entry.file_type().is_file() {
            true => fs::read(entry.path())?,
            false => Vec::new(),
        };
        all.insert(entry.path().display().to_string(), content);
    }
    Ok(all)
}

/// Runs a command that fails. Returns what it prints to standard error.
fn failure(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    ensure!(
        output.status.code() == Some(1),
        "{command:?}: {}",
        output.status
    );
    Ok(String::from_utf8(output.stderr)?)
}

fn success(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn build_refuses_a_folder_with_other_files() -> Result<()> {
    let checkout = Checkout::new()?;
    let root = checkout.root();
    let home = root.parent().context("no parent")?;
    for folder in ["site", "deep/er/site"] {
        fs::create_dir_all(root.join(folder))?;
        fs::write(root.join(folder).join("thesis.txt"), "years of work")?;
    }
    fs::create_dir_all(root.join("published/.git"))?;
    fs::create_dir(root.join("hollow"))?;
    symlink(root.join("site"), root.join("link"))?;
    symlink("nothing", root.join("dangling"))?;
    let before = snapshot(home)?;
    let absolute = root.join("published").display().to_string();
    for (dest, says) in [
        ("site", "/checkout/site contains thesis.txt"),
        ("site/", "/checkout/site contains thesis.txt"),
        ("./site/.", "/checkout/site contains thesis.txt"),
        ("book/../site", "/checkout/site contains thesis.txt"),
        ("link", "/checkout/site contains thesis.txt"),
        ("deep", "/checkout/deep contains er"),
        (&absolute, "/checkout/published contains .git"),
        (".", "/checkout contains the checkout"),
        ("..", " contains the checkout"),
        ("/", "/ contains the checkout"),
        ("book", "/checkout/book contains "),
        ("book/md", "among the book's pages"),
        ("book/md/deep/er", "among the book's pages"),
        ("book/book.toml", "/checkout/book/book.toml is not a folder"),
        ("book/book.toml/site", "/book.toml/site: Not a directory"),
        ("dangling", "/checkout/dangling: No such file"),
        ("nothing/..", "/checkout/nothing/..: No such file"),
    ] {
        let said = failure(checkout.book("").args(["build", "--dest", dest]))?;
        ensure!(said.contains(says), "--dest {dest}: {said}");
        ensure!(snapshot(home)? == before, "--dest {dest} changed something");
    }
    let said = failure(checkout.book("hollow").args(["build", "--dest", "."]))?;
    ensure!(
        said.contains("/checkout/hollow contains the current folder"),
        "{said}"
    );
    ensure!(snapshot(home)? == before);
    Ok(())
}

#[test]
fn build_replaces_only_an_earlier_build() -> Result<()> {
    let checkout = Checkout::new()?;
    let root = checkout.root();
    let build = || {
        let mut command = checkout.book("");
        command.args(["build", "--dest", "sites/v1.2"]);
        command
    };
    fs::create_dir_all(root.join("sites/v1.new"))?;
    fs::write(root.join("sites/v1.new/thesis.txt"), "years of work")?;
    let site = root.join("sites/v1.2");
    let said = success(&mut build())?;
    ensure!(
        said == format!("the book is in {}\n", site.display()),
        "{said}"
    );
    ensure!(site.join("why.html").is_file());

    // The files of an earlier build are deleted.
    fs::write(checkout.page(), "# Why\n\nSecond edition.\n")?;
    success(&mut build())?;
    ensure!(fs::read_to_string(site.join("why.html"))?.contains("Second edition."));

    // A build that fails leaves everything as it was, and no files of its own.
    let before = snapshot(&root.join("sites"))?;
    fs::write(checkout.page(), "# Why\n\n```snippet\nnothing.rs\n```\n")?;
    let said = failure(&mut build())?;
    ensure!(said.contains("cannot read nothing.rs"), "{said}");
    ensure!(snapshot(&root.join("sites"))? == before);
    fs::write(checkout.page(), "# Why\n")?;

    // Files that were added to an earlier build are kept.
    fs::write(site.join("CNAME"), "book.example")?;
    let said = failure(&mut build())?;
    ensure!(said.contains("sites/v1.2 contains CNAME"), "{said}");
    ensure!(site.join("CNAME").is_file());
    let left: Vec<_> = snapshot(&root.join("sites"))?.into_keys().collect();
    ensure!(left.iter().any(|path| path.ends_with("v1.new/thesis.txt")));
    ensure!(
        !left.iter().any(|path| path.contains("/.book-")),
        "{left:?}"
    );
    Ok(())
}

#[test]
fn cargo_target_dir_can_be_relative() -> Result<()> {
    let checkout = Checkout::new()?;
    let root = checkout.root();
    for (variable, folder) in [
        ("CARGO_TARGET_DIR", "out"),
        ("CARGO_BUILD_TARGET_DIR", "made"),
    ] {
        let said = success(checkout.book("").env(variable, folder).arg("build"))?;
        let site = root.join(folder).join("book");
        ensure!(
            said == format!("the book is in {}\n", site.display()),
            "{said}"
        );
        ensure!(site.join("why.html").is_file());
    }
    fs::write(checkout.page(), "# Why\n\n[a dead link](nowhere.html)\n")?;
    let mut check = checkout.book("book");
    let said = failure(check.env("CARGO_TARGET_DIR", "../out").arg("check"))?;
    ensure!(said.contains("nowhere.html has no target"), "{said}");
    let served = ServedBook::start_with(checkout.book("").env("CARGO_TARGET_DIR", "out"))?;
    ensure!(served.get("/why.html")?.starts_with("HTTP/1.1 200"));
    for folder in ["out", "made"] {
        ensure!(
            fs::read_dir(root.join(folder))?.count() == 1,
            "scratch is left"
        );
    }
    Ok(())
}

#[test]
fn it_uses_the_checkout_around_the_current_folder() -> Result<()> {
    let checkout = Checkout::new()?;
    let root = checkout.root();
    fs::write(checkout.page(), "# Why\n\n```snippet\nonly-here.rs\n```\n")?;
    let said = failure(checkout.book("book/md").arg("check"))?;
    ensure!(
        said.contains(&format!("the checkout is {}\n", root.display())),
        "{said}"
    );
    ensure!(said.contains("cannot read only-here.rs"), "{said}");
    Ok(())
}
