//! Finds the checkout to work on.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Files that every checkout has, and hardly any other folder.
const MARKS: [&str; 2] = ["book/book.toml", "book/concepts.toml"];

/// Returns the root of the checkout around the current folder. Outside any checkout, returns the
/// one that this program was built in.
///
/// # Errors
/// Neither exists.
pub fn find() -> Result<PathBuf> {
    let book = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A current folder that was deleted is in no checkout.
    let current = env::current_dir().unwrap_or_default();
    choose(&current, book.parent().unwrap_or(book))
}

fn choose(current: &Path, built_in: &Path) -> Result<PathBuf> {
    let is_checkout = |folder: &&Path| MARKS.iter().all(|mark| folder.join(mark).is_file());
    let candidates = current.ancestors().chain([built_in]);
    match candidates.into_iter().find(is_checkout) {
        Some(root) => Ok(root.to_owned()),
        None => bail!(
            "the current folder is in no checkout of Four Echoes, and {}, where this program was \
             built, is gone. Change to a checkout and try again",
            built_in.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_folder_comes_first() -> Result<()> {
        let root = find()?;
        let elsewhere = Path::new("/nothing/here");
        assert_eq!(choose(&root.join("book/md"), elsewhere)?, root);
        assert_eq!(choose(elsewhere, &root)?, root);
        Ok(())
    }

    #[test]
    fn the_error_without_a_checkout_says_what_to_do() {
        let nowhere = Path::new("/nothing/here");
        let error = choose(nowhere, nowhere).expect_err("there is no checkout");
        let message = error.to_string();
        assert!(message.contains("/nothing/here") && message.contains("Change to a checkout"));
    }
}
