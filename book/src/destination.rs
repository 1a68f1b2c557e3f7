//! The folder that `book build` writes the site to.
//!
//! It checks the folder before it replaces it, so that the program deletes only its own files.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{self, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use walkdir::WalkDir;

use crate::build::BuiltSite;
use crate::workspace::slashed;

/// The file that marks a folder as a site of ours. It lists everything else in the folder.
const MARKER: &str = ".four-echoes-site";

/// A folder that can be replaced: it is absent or empty, or it contains an earlier build and
/// nothing else.
#[derive(Debug)]
pub struct Destination {
    folder: PathBuf,
}

impl Destination {
    /// Checks a folder. A relative path starts at the current folder.
    ///
    /// # Errors
    /// The path leads nowhere, or the folder must not be replaced. The message contains it.
    pub fn new(folder: &Path, root: &Path) -> Result<Self> {
        let absolute = path::absolute(folder)?;
        let folder = resolve(&absolute).with_context(|| absolute.display().to_string())?;
        let destination = Destination { folder };
        destination.check_place(root)?;
        destination.check_content()?;
        Ok(destination)
    }

    /// The folder's absolute path, without symbolic links.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The nearest folder above it that exists. A new folder in there is on the same file system.
    pub fn parent(&self) -> &Path {
        let mut above = self.folder.ancestors().skip(1);
        above.find(|folder| folder.is_dir()).unwrap_or(&self.folder)
    }

    /// Replaces the folder with a site. Deletes the earlier build at the end.
    ///
    /// # Errors
    /// The folder can't be replaced. Then the earlier build is still there.
    pub fn replace(&self, built: BuiltSite) -> Result<()> {
        let cannot = || format!("cannot replace {}", self.folder.display());
        mark(&built.site())?;
        // The build took a while, so check again.
        self.check_content()?;
        if let Some(parent) = self.folder.parent() {
            fs::create_dir_all(parent).with_context(cannot)?;
        }
        match swap(&built.site(), &self.folder, &built.aside()) {
            Ok(()) => built.remove(),
            Err(error) => {
                // It is there only if it could not be moved back.
                if built.aside().exists() {
                    let kept = built.keep();
                    bail!(
                        "{}: {error}; what was in it is in {}",
                        cannot(),
                        kept.display()
                    );
                }
                Err(error).with_context(cannot)
            }
        }
    }

    /// Refuses places where a site would do harm.
    fn check_place(&self, root: &Path) -> Result<()> {
        let folder = self.folder.display();
        ensure!(
            !contains(&self.folder, root),
            "{folder} contains the checkout in {}: name another folder",
            root.display()
        );
        ensure!(
            !env::current_dir().is_ok_and(|current| contains(&self.folder, &current)),
            "{folder} contains the current folder, and would be replaced as a whole: change to \
             another folder, and try again"
        );
        // mdBook would copy the site into the next one.
        let pages = root.join("book/md");
        ensure!(
            !contains(&pages, &self.folder),
            "{folder} is among the book's pages in {}: name another folder",
            pages.display()
        );
        Ok(())
    }

    /// Refuses a folder that contains anything that no build has put there.
    fn check_content(&self) -> Result<()> {
        let folder = &self.folder;
        if !folder.exists() {
            return Ok(());
        }
        ensure!(folder.is_dir(), "{} is not a folder", folder.display());
        let list = fs::read_to_string(folder.join(MARKER)).unwrap_or_default();
        let ours: HashSet<&str> = list.lines().chain([MARKER]).collect();
        for entry in entries(folder) {
            let entry = entry?;
            ensure!(
                ours.contains(entry.as_str()),
                "{} contains {entry}, which no `book build` has put there: empty the folder, or \
                 name another one",
                folder.display()
            );
        }
        Ok(())
    }
}

/// Moves `new` to `folder`, and the old contents to `aside`. Moves them back if that fails.
fn swap(new: &Path, folder: &Path, aside: &Path) -> io::Result<()> {
    let is_there = folder.exists();
    if is_there {
        fs::rename(folder, aside)?;
    }
    fs::rename(new, folder).inspect_err(|_| {
        if is_there {
            // If this fails too, it stays aside.
            let _ = fs::rename(aside, folder);
        }
    })
}

/// Writes the list of a site's files into the site.
fn mark(site: &Path) -> Result<()> {
    let list: Vec<String> = entries(site).collect::<Result<_>>()?;
    let marker = site.join(MARKER);
    fs::write(&marker, list.join("\n") + "\n").with_context(|| marker.display().to_string())
}

/// The relative paths of everything in a folder. Doesn't follow symbolic links.
fn entries(folder: &Path) -> impl Iterator<Item = Result<String>> {
    let entries = WalkDir::new(folder).min_depth(1).sort_by_file_name();
    entries
        .into_iter()
        .map(move |entry| Ok(slashed(entry?.path().strip_prefix(folder)?)))
}

/// The path without symbolic links, `.`, and `..`. Its last part doesn't have to exist.
fn resolve(absolute: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(absolute) {
        Err(error) if error.kind() == ErrorKind::NotFound && !absolute.is_symlink() => {
            // A path that ends in `..` has no name.
            match (absolute.parent(), absolute.file_name()) {
                (Some(parent), Some(name)) => Ok(resolve(parent)?.join(name)),
                _ => Err(error),
            }
        }
        resolved => resolved,
    }
}

/// Whether `folder` is `inner`, or one of the folders around it. This compares the folders themselves,
/// since one folder can have several names.
fn contains(folder: &Path, inner: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|of| (of.dev(), of.ino())).ok();
    let inner = resolve(inner).unwrap_or_else(|_| inner.to_owned());
    let wanted = identity(folder);
    wanted.is_some() && inner.ancestors().any(|around| identity(around) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_swap_puts_the_old_folder_back() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let path = |name| scratch.path().join(name);
        fs::create_dir(path("site"))?;
        fs::write(path("site/index.html"), "the earlier one")?;
        assert!(swap(&path("nothing"), &path("site"), &path("aside")).is_err());
        assert_eq!(
            fs::read_to_string(path("site/index.html"))?,
            "the earlier one"
        );
        assert!(!path("aside").exists());
        Ok(())
    }

    #[test]
    fn files_that_the_marker_does_not_list_are_refused() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let folder = scratch.path().join("site");
        let check = || Destination::new(&folder, Path::new("/nothing/here"));
        check()?;
        fs::create_dir_all(folder.join("css"))?;
        fs::write(folder.join("css/page.css"), "")?;
        let error = check().expect_err("it is not marked").to_string();
        assert!(error.contains("site contains css,"), "{error}");
        mark(&folder)?;
        check()?;
        fs::write(folder.join("css/mine.css"), "")?;
        let error = check().expect_err("a file was added").to_string();
        assert!(error.contains("site contains css/mine.css,"), "{error}");
        Ok(())
    }
}
