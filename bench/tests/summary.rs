//! The summary of `cargo bench`, as it is printed without a terminal.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::comparison::Comparison;

const SERVERS: [&str; 3] = ["select", "chat", "bare-tokio"];
const FILTER: &str = "(round-trip/50 × 64 B|fairness/.*)/(select|chat|bare-tokio)$";

/// Runs the benchmarks for ten short rounds, with the programs that cargo test has built.
fn bench(home: &Path, arguments: &[&str]) -> io::Result<Output> {
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--quiet", "--locked", "--workspace"])
        .args(["--bench", "echo", "--"])
        .args(arguments)
        .env("BENCH_PROFILE", "dev")
        .env("CRITERION_HOME", home)
        .env("COLUMNS", "120")
        .output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    Ok(output)
}

fn home(name: &str) -> io::Result<PathBuf> {
    // Tests of the same checkout can run twice at the same time.
    let name = format!("{name}-{}", std::process::id());
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    Ok(home)
}

/// The lines of the main table by their server.
fn main_table(text: &str) -> HashMap<&str, &str> {
    let lines = text
        .lines()
        .take_while(|line| !line.starts_with("Noise floor"));
    let named = lines.filter_map(|line| {
        let name = line.split_whitespace().nth(1)?;
        SERVERS.contains(&name).then_some((name, line))
    });
    named.collect()
}

#[test]
fn the_last_screen_and_the_files_hold_the_same_numbers() -> io::Result<()> {
    let home = home("summary")?;
    let short = ["--bench", "--measurement-time", "0.05", FILTER];
    let output = bench(&home, &short)?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains('\x1b'), "{text}");
    assert!(!text.contains("time:   ["), "criterion's lines: {text}");
    assert!(text.contains("Which style is faster?"), "{text}");
    assert!(
        text.contains("\nNoise floor: select against itself "),
        "{text}"
    );
    assert!(!text.contains("Last run"), "there is none yet: {text}");
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(progress.contains("fairness: done in "), "{progress}");
    assert!(!progress.contains('\r'), "{progress}");

    let read = |kind: &str| fs::read_to_string(home.join(format!("comparison-part.{kind}")));
    let comparison = Comparison::from_json(&read("json")?)?;
    let markdown = read("md")?;
    let (_, main) = comparison.main().expect("the main benchmark");
    let table = main_table(&text);
    for name in SERVERS {
        let row = main.row(name).expect("a row");
        let line = table.get(name).unwrap_or_else(|| panic!("{name}: {text}"));
        let rate = row.rate().expect("a rate").median.round().to_string();
        let digits = |text: &str| text.replace(',', "");
        assert!(digits(line).contains(&rate), "{rate}: {line}");
        let ratio = row.to_fastest.expect("a ratio");
        let is_shown = line.contains("fastest")
            || line.contains(&format!(
                "{:.2} {:.2}–{:.2}",
                ratio.median, ratio.low, ratio.high
            ));
        assert!(is_shown, "{ratio}: {line}");
        let start = format!("| {name} | ");
        let line = markdown
            .lines()
            .find(|line| line.starts_with(&start))
            .unwrap_or_else(|| panic!("{name}: {markdown}"));
        assert!(digits(line).contains(&rate), "{rate}: {line}");
        assert!(line.contains(&format!("| {ratio} |")), "{ratio}: {line}");
    }
    let fairness = comparison.group("fairness");
    let fairness = &fairness.expect("the group").benchmarks[0];
    assert!(fairness.rows.iter().all(|row| row.server_cpu.is_none()));
    assert!(home.join("round-trip").is_dir(), "criterion's own files");

    // The next run is compared with this one. With `--verbose`, criterion's lines appear.
    let output = bench(&home, &[&short[..], &["--verbose"]].concat())?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Last run: "), "{text}");
    assert!(text.contains("time:   ["), "criterion's lines: {text}");
    Ok(())
}

#[test]
fn names_are_listed_and_nothing_is_measured() -> io::Result<()> {
    let output = bench(&home("list")?, &["--bench", "--list", "fairness"])?;
    let text = String::from_utf8_lossy(&output.stdout);
    let name = "fairness/p99 of 10 pingers beside a flooder/select: benchmark";
    assert!(text.lines().any(|line| line == name), "{text}");
    let mut others = text.lines().filter(|line| !line.is_empty());
    assert!(others.all(|line| line.starts_with("fairness/")), "{text}");
    Ok(())
}

#[test]
fn a_test_runs_each_benchmark_once_and_sums_up_nothing() -> io::Result<()> {
    let output = bench(&home("test")?, &["--test", "connect/.*/select$"])?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("Testing connect/one after the other/select"),
        "{text}"
    );
    assert!(!text.contains("Noise floor"), "{text}");
    Ok(())
}
