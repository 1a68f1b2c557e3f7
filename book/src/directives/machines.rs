//! `machines`: the recorded run of servers behind HAProxy. One line says what to show:
//!
//! - `clients`: a table of what the clients saw in each phase;
//! - `connections`: a drawing of how many connections the servers had.

use std::fmt::Write;

use anyhow::anyhow;

use super::{Block, Rendered, block_error};
use crate::html::escape;
use crate::machines::{Machines, PHASES, Sample};

pub fn render(block: &Block) -> Rendered {
    let line = block.only_line()?;
    let machines = Machines::read(block.workspace).map_err(block_error)?;
    match line {
        "clients" => Ok(clients(&machines)),
        "connections" => Ok(connections(&machines)),
        _ => Err(block_error(anyhow!("there is no {line} of the machines"))),
    }
}

/// A table in Markdown, and below it where the numbers come from.
fn clients(machines: &Machines) -> String {
    let mut text = String::from(
        "| what happens | lines answered | lines sent again | closed while idle | resets | refused | longest pause |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    for (phase, (_, what)) in machines.phases.iter().zip(PHASES) {
        let seen = phase.total();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {what} | {} | {} | {} | {} | {} | {:.0} ms |",
            seen.answered,
            seen.sent_again,
            seen.closed_idle,
            seen.resets,
            seen.refused,
            seen.longest_pause
        );
    }
    let Machines {
        haproxy,
        cores,
        clients,
        lines,
        connections,
        logged,
        ..
    } = machines;
    let wrong: u64 = machines
        .phases
        .iter()
        .map(|phase| phase.total().wrong)
        .sum();
    let _ = write!(
        text,
        "\nHAProxy {haproxy} on one machine with {cores} cores; {clients} clients of each style, with a new \
         connection after {lines} lines. Wrong answers: {wrong}. Connections that the clients ended themselves: \
         {connections}. Of these, the servers have logged {logged} with the client's address."
    );
    text
}

const LEFT: f64 = 30.0;
const RIGHT: f64 = 432.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 196.0;

/// Two lines over the time of the run, with a mark where something happens.
fn connections(machines: &Machines) -> String {
    let samples = &machines.samples;
    let end = samples.last().map_or(1, |sample| sample.at.max(1));
    let most = samples.iter().map(|sample| sample.one.max(sample.two));
    let most = most.max().unwrap_or(1).max(1);
    let x = |at: u64| LEFT + (RIGHT - LEFT) * at as f64 / end as f64;
    let y = |count: u64| BOTTOM - (BOTTOM - TOP) * count as f64 / most as f64;
    let line = |count: fn(&Sample) -> u64| {
        let mut path = String::new();
        for sample in samples {
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", x(sample.at), y(count(sample)));
        }
        path
    };
    let mut marks = String::new();
    for phase in &machines.phases {
        let mark = match phase.name.as_str() {
            "sigterm" => "SIGTERM",
            "drained" => "drain",
            "killed" => "SIGKILL",
            _ => continue,
        };
        for (at, label, height) in [
            (Some(phase.begins), mark, 16.0),
            (phase.restarts, "restart", 36.0),
        ] {
            let Some(at) = at.map(x) else { continue };
            let _ = write!(
                marks,
                "<path d=\"M{at:.1} {:.1}V{BOTTOM}\"/><text x=\"{at:.1}\" y=\"{height:.1}\">{label}</text>",
                height + 4.0
            );
        }
    }
    let title = "The connections of the first and of the second servers over the time of the run. The first \
        servers lose theirs at once at SIGTERM, and one by one when they are drained; the second ones lose \
        theirs at once when they are killed. Each time, the other servers get them.";
    format!(
        "<figure class=\"drawing\">\n\
         <svg viewBox=\"0 0 440 244\" role=\"img\" aria-labelledby=\"machines-connections\" \
         style=\"max-width: 52rem; width: 100%; color: var(--fg); font-size: 15px\">\n\
         <title id=\"machines-connections\">{}</title>\n\
         <g stroke=\"currentColor\" stroke-width=\"0.8\" stroke-dasharray=\"3 3\" fill=\"currentColor\" \
         text-anchor=\"middle\">{}</g>\n\
         <path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\" stroke=\"currentColor\"/>\n\
         <path d=\"{}\" fill=\"none\" stroke=\"var(--links)\" stroke-width=\"2.5\"/>\n\
         <path d=\"{}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" stroke-dasharray=\"6 3\"/>\n\
         <g fill=\"currentColor\"><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most}</text>\
         <text x=\"{}\" y=\"{BOTTOM}\" text-anchor=\"end\">0</text>\
         <text x=\"{RIGHT}\" y=\"214\" text-anchor=\"end\">{:.1} s</text>\
         <path d=\"M{LEFT} 230h30\" stroke=\"var(--links)\" stroke-width=\"2.5\"/><text x=\"66\" y=\"235\">first servers</text>\
         <path d=\"M190 230h30\" stroke=\"currentColor\" stroke-width=\"1.5\" stroke-dasharray=\"6 3\"/>\
         <text x=\"226\" y=\"235\">second servers</text></g>\n\
         </svg>\n\
         <figcaption>Connections from HAProxy to the servers of all four styles. The marks show what happened to \
         the servers.</figcaption>\n</figure>",
        escape(title),
        marks.replace("<text ", "<text stroke=\"none\" "),
        line(|sample| sample.one),
        line(|sample| sample.two),
        LEFT - 4.0,
        TOP + 12.0,
        LEFT - 4.0,
        end as f64 / 1000.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::{Phase, Seen};

    fn recorded() -> Machines {
        let seen = |style: &str, answered, longest_pause| Seen {
            style: style.to_owned(),
            answered,
            longest_pause,
            ..Seen::default()
        };
        let phase = |(name, _): (&str, &str)| Phase {
            name: name.to_owned(),
            begins: 100,
            restarts: (name == "killed").then_some(200),
            styles: vec![seen("select", 40, 7.0), seen("chat", 2, 30.4)],
        };
        let sample = |at, one, two| Sample { at, one, two };
        Machines {
            haproxy: "2.6".to_owned(),
            cores: 2,
            clients: 6,
            lines: 50,
            connections: 9,
            logged: 8,
            phases: PHASES.map(phase).to_vec(),
            samples: vec![sample(0, 12, 12), sample(1000, 0, 24)],
        }
    }

    #[test]
    fn a_row_adds_the_styles_and_has_the_longest_pause_of_any() {
        let table = clients(&recorded());
        let row = "| the second one is killed | 42 | 0 | 0 | 0 | 0 | 30 ms |";
        assert!(table.contains(row), "{table}");
        assert!(table.contains("themselves: 9."), "{table}");
        assert!(table.contains("logged 8"), "{table}");
    }

    #[test]
    fn the_drawing_has_both_lines_and_a_mark_for_each_event() {
        let svg = connections(&recorded());
        assert!(svg.contains("M30.0 126.0L432.0 196.0"), "{svg}");
        assert!(svg.contains("M30.0 126.0L432.0 56.0"), "{svg}");
        for (label, count) in [
            ("SIGTERM</text>", 1),
            ("SIGKILL</text>", 1),
            ("restart</text>", 1),
        ] {
            assert_eq!(svg.matches(label).count(), count, "{label} in {svg}");
        }
        assert!(!svg.contains("\n\n") && !svg.contains("NaN"), "{svg}");
    }
}
