//! Runs the program `lab`, and tests what its command line refuses.

use std::io::{self, Write};
use std::process::{Command, Stdio};

#[test]
fn only_a_style_that_can_queue_takes_queued() -> io::Result<()> {
    for (style, code) in [
        ("select", 0),
        ("reactor-select", 0),
        ("dispatcher", 2),
        ("chat", 2),
        ("step-7", 2),
    ] {
        for command in [&["trace"][..], &["simulate", "--script", "stop"]] {
            let status = Command::new(env!("CARGO_BIN_EXE_lab"))
                .args(command)
                .args(["--queued", "--style", style])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            assert_eq!(status.code(), Some(code), "{command:?} {style}");
        }
    }
    Ok(())
}

#[test]
fn generated_scripts_take_no_options_of_a_run() -> io::Result<()> {
    let simulate = |options: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(["simulate", "--seeds", "1", "--style", "chat"])
            .args(options)
            .output()
    };
    for option in ["--recv-size=16", "--faults=7", "--seed=1", "--queued"] {
        let output = simulate(&[option])?;
        let (name, _) = option.split_once('=').unwrap_or((option, ""));
        let error = format!(
            "error: the argument '{name}' needs '--script': each generated script has options of its own\n"
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*said), (Some(2), &*error));
    }
    assert_eq!(simulate(&["--first", "3"])?.status.code(), Some(0));
    Ok(())
}

#[test]
fn an_error_in_a_script_is_printed_with_its_place() -> io::Result<()> {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["run", "--server", "chat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = lab.stdin.take() {
        input.write_all(b"connect 1 # the first\nstop; sned 1\n")?;
    }
    let output = lab.wait_with_output()?;
    assert_eq!(output.status.code(), Some(1));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(
        (&printed["line"], &printed["column"]),
        (&2.into(), &7.into())
    );
    let error = printed["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("script:2:7: found `sned`"), "{error}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, format!("error: {error}\n"));
    Ok(())
}
