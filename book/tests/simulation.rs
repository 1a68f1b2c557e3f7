//! The lab's own tests, which are in another workspace: the contract in thousands of runs of each
//! style, the examples, and cases that once failed.

use std::io;
use std::path::Path;
use std::process::Command;

#[test]
fn styles_keep_the_contract_over_the_simulated_kernel() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO"))
        .current_dir(&root)
        .args(["test", "--locked", "--no-fail-fast", "--manifest-path"])
        .arg("book/lab/Cargo.toml")
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join(".."))
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("select_keeps_the_contract ... ok"), "{said}");
    Ok(())
}
