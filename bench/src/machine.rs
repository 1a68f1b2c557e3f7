//! The machine that everything was measured on.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use common::comparison::Machine;
use common::net;

/// This machine, now.
pub fn here() -> Machine {
    let processors = read("/proc/cpuinfo");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Machine {
        processor: field(&processors, "model name").unwrap_or_default(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory: field(&read("/proc/meminfo"), "MemTotal")
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
            .map_or(0, |kibibytes| kibibytes * 1024),
        kernel: said_by("uname", &["-sr"]),
        virtual_machine: field(&processors, "flags")
            .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        mitigations: mitigations(),
        congestion_control: congestion_control().unwrap_or_default(),
        versions: versions(),
        commit: said_by("git", &["describe", "--always", "--dirty", "--abbrev=12"]),
        date: now.map_or(0, |now| now.as_secs()),
    }
}

/// The congestion control of a listener and of what it accepts.
fn congestion_control() -> Option<String> {
    let listener = net::bind((Ipv4Addr::LOCALHOST, 0).into(), 1).ok()?;
    net::congestion_control(&listener)
}

fn versions() -> Vec<String> {
    let programs: [(&str, &[&str]); 4] = [
        ("rustc", &["--version"]),
        ("cc", &["--version"]),
        ("python3", &["--version"]),
        ("go", &["version"]),
    ];
    let said = programs.map(|(program, arguments)| said_by(program, arguments));
    said.into_iter().filter(|said| !said.is_empty()).collect()
}

fn mitigations() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/devices/system/cpu/vulnerabilities") else {
        return Vec::new();
    };
    let named = entries.flatten().map(|entry| {
        let what = fs::read_to_string(entry.path()).unwrap_or_default();
        format!("{}: {}", entry.file_name().display(), what.trim())
    });
    let mut listed: Vec<_> = named
        .filter(|line| !line.ends_with("Not affected"))
        .collect();
    listed.sort();
    listed
}

/// The first line of a program's output.
fn said_by(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let output = command
        .args(arguments)
        .current_dir(crate::builder::root())
        .output();
    let said = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    let said = String::from_utf8_lossy(&said);
    said.lines().next().unwrap_or_default().trim().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    let value = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    };
    text.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let text = "processor\t: 0\nmodel name\t: A: fast one\nflags\t: a hypervisor\n";
        assert_eq!(field(text, "model name").as_deref(), Some("A: fast one"));
        assert_eq!(field(text, "cores"), None);
    }

    #[test]
    fn this_machine_has_a_kernel_and_a_date() {
        let here = here();
        assert!(!here.kernel.is_empty() && here.cores > 0 && here.date > 1_700_000_000);
    }
}
