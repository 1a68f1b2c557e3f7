//! The summary of `cargo bench`: its last screen.

use std::path::Path;

use common::comparison::{Benchmark, Comparison, Family, MAIN, MeasuredGroup, Row};

use super::changes::LastRun;
use super::columns::View;
use super::layout::{self, Line, said};
use super::{grid, screen, separation, words};
use crate::candidate::{ALL, THE_FOUR};

/// What the columns mean that every table has.
const LEGEND: &str = "Medians of slices; ratio: rate over that of the fastest in the same round, with \
    its 95 % interval; ≈ within noise, ? too few rounds or too much noise";
/// What the last column means, if there is one.
const LAST: &str =
    "Last: rate against the last run, * a change beyond the machine's drift and the noise";
/// How to see the plots.
const PLOTS: &str = "To see the plots, run `cargo run --release -p book`: the chapter \"Measured\" shows this run \
    beside the recorded one";

/// The last screen, for standard output.
pub fn text(comparison: &Comparison, last: &LastRun, files: &[&Path]) -> String {
    let (width, has_colours) = screen::of_stdout();
    let lines = lines(comparison, last, width).into_iter();
    let mut lines: Vec<Line> = lines.map(|line| line.cut(width)).collect();
    // Commands and file names are for copying, so only the terminal may break them.
    let whole = |text: String| Line(vec![(format!("    {text}"), None)]);
    for missing in words::missing(comparison) {
        lines.extend(said(vec![missing.sentence()], width));
        lines.extend(missing.install.map(|command| whole(command.to_owned())));
    }
    if !files.is_empty() {
        let sentence = "All servers with all intervals are in these files:".to_owned();
        lines.extend(said(vec![sentence], width));
        lines.extend(files.iter().map(|file| whole(file.display().to_string())));
    }
    lines.extend(said(vec![PLOTS.to_owned()], width));
    screen::text(&lines, has_colours)
}

fn lines(comparison: &Comparison, last: &LastRun, width: usize) -> Vec<Line> {
    let Some((group, main)) = comparison.main() else {
        return said(vec!["nothing was measured".to_owned()], width);
    };
    let mut lines = said(
        vec![
            heading(group, main),
            words::title(group, main),
            words::place(comparison),
        ],
        width,
    );
    let rows: Vec<&Row> = main.rows.iter().collect();
    let changes = last.changes(comparison, &group.name, main);
    let view = View {
        benchmark: main,
        rows: &rows,
        changes: changes.as_ref(),
        is_live: false,
    };
    lines.extend(layout::table(&view, width, None, true));
    let servers: Vec<_> = rows
        .iter()
        .map(|row| (row.candidate.as_str(), row.family))
        .collect();
    let mut below = separation::sentences(std::slice::from_ref(main), &servers);
    below.push(words::noise_floor(main));
    below.push(words::bottleneck(main));
    below.extend(changes.as_ref().map(super::changes::Changes::sentence));
    lines.extend(said(below, width));
    for group in further(comparison, main) {
        lines.push(Line::default());
        lines.extend(of_group(comparison, group, last, width));
    }
    lines.push(Line::default());
    let mut end = vec![legend(comparison, main)];
    end.extend(changes.map(|_| LAST.to_owned()));
    end.extend(words::cut_short(comparison));
    lines.extend(said(end, width));
    lines
}

/// What the columns of the tables mean.
fn legend(comparison: &Comparison, main: &Benchmark) -> String {
    // Several benchmarks of one group share a grid, which has only ratios.
    let groups = comparison.groups.iter();
    let tables = groups.filter_map(|group| match &group.benchmarks[..] {
        [only] => Some(only),
        _ => None,
    });
    let rows: Vec<&Row> = tables.chain([main]).flat_map(|table| &table.rows).collect();
    let has = |value: fn(&Row) -> bool| rows.iter().any(|row| value(row));
    let others = [
        (has(|row| row.p50.is_some()), "p50, p99: per message in µs"),
        (
            has(|row| row.server_cpu.is_some()),
            "cpu: the server's processor time per message in µs",
        ),
        (
            has(|row| row.system_calls_per_echo.is_some()),
            "calls: system calls per echo, counted by the four styles themselves",
        ),
    ];
    let others = others.into_iter().filter(|(is_shown, _)| *is_shown);
    let meanings = [LEGEND]
        .into_iter()
        .chain(others.map(|(_, meaning)| meaning));
    meanings.collect::<Vec<_>>().join("; ")
}

/// The main table's heading: the question that the table decides.
fn heading(group: &MeasuredGroup, main: &Benchmark) -> String {
    let (group, name) = (group.name.as_str(), main.name.as_str());
    match (group, name) == MAIN {
        true => format!("Which style is faster? ({group}, {name})"),
        false => format!("{group}, {name}"),
    }
}

/// The groups that the main table leaves out, or shows only one benchmark of.
fn further<'a>(
    comparison: &'a Comparison,
    main: &'a Benchmark,
) -> impl Iterator<Item = &'a MeasuredGroup> {
    comparison.groups.iter().filter(|group| {
        let is_main = |it: &Benchmark| std::ptr::eq(it, main);
        !group.benchmarks.is_empty() && !group.benchmarks.iter().all(is_main)
    })
}

fn of_group(
    comparison: &Comparison,
    group: &MeasuredGroup,
    last: &LastRun,
    width: usize,
) -> Vec<Line> {
    let shown = shown(group);
    let mut lines = Vec::new();
    match &group.benchmarks[..] {
        [only] => {
            lines.extend(said(
                vec![format!("{} ({}): {}", group.name, only.name, group.about)],
                width,
            ));
            let rows = shown.iter().filter_map(|(name, _)| only.row(name));
            let rows: Vec<&Row> = rows.collect();
            let changes = last.changes(comparison, &group.name, only);
            let view = View {
                benchmark: only,
                rows: &rows,
                changes: changes.as_ref(),
                is_live: false,
            };
            lines.extend(layout::table(&view, width, None, false));
            lines.extend(said(vec![words::noise_floor(only)], width));
        }
        several => {
            let (name, about) = (&group.name, &group.about);
            lines.extend(said(
                vec![format!("{name}: {about}; ratio to the fastest")],
                width,
            ));
            lines.extend(grid::of(several, &shown, width));
        }
    }
    lines.extend(said(
        separation::sentences(&group.benchmarks, &shown),
        width,
    ));
    lines
}

/// The servers of a short table: the four styles, and the fastest of each other family.
fn shown(group: &MeasuredGroup) -> Vec<(&str, Family)> {
    let mut servers = group.servers();
    // Ratios summed over the benchmarks: a server that takes part in all of them comes first.
    let score = |name: &str| -> f64 {
        let rows = group.benchmarks.iter().filter_map(|it| it.row(name));
        rows.filter_map(|row| row.to_fastest)
            .map(|ratio| ratio.median)
            .sum()
    };
    let best = |family: Family| {
        let of_family = servers.iter().filter(|(_, its)| *its == family);
        of_family
            .max_by(|one, other| score(one.0).total_cmp(&score(other.0)))
            .map(|(name, _)| *name)
    };
    let best = [Family::Rust, Family::Python, Family::Other].map(best);
    servers.retain(|(name, _)| THE_FOUR.contains(name) || best.contains(&Some(name)));
    // The tables have the order of the candidates, whichever shapes they take part in.
    let place = |name: &str| ALL.iter().position(|it| it.name == name);
    servers.sort_by_key(|(name, _)| place(name));
    servers
}

#[cfg(test)]
mod tests {
    use super::super::tests::{comparison, of};
    use super::*;
    use crate::table::tests::table;

    fn shown_text(comparison: &Comparison, width: usize) -> String {
        let lines = lines(comparison, &LastRun::default(), width).into_iter();
        screen::text(
            &lines.map(|line| line.cut(width)).collect::<Vec<_>>(),
            false,
        )
    }

    const SERIES: [&str; 6] = [
        "select",
        "chat",
        "threads",
        "bare-mio",
        "python-select",
        "select",
    ];

    fn series() -> Vec<(&'static str, &'static [f64])> {
        const RATES: [[f64; 6]; 6] = [
            [80e3; 6], [60e3; 6], [40e3; 6], [80e3; 6], [10e3; 6], [80e3; 6],
        ];
        SERIES
            .into_iter()
            .zip(RATES.iter().map(|it| &it[..]))
            .collect()
    }

    #[test]
    fn the_main_table_is_by_language() {
        let text = shown_text(&comparison(&series()), 100);
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
        let order = [
            "Which style is faster? (round-trip, 50 × 64 B)",
            "the four styles\n",
            "● select",
            "Rust without a style\n",
            "· threads",
            "Python\n",
            "○ python-select",
            "slower: chat 1.33×",
            "Noise floor: select against itself 1.00 (1.00 to 1.00)",
            "Ended by the time limit: round-trip after 6 of 9 rounds",
        ];
        assert!(order.map(place).is_sorted(), "{text}");
        assert!(
            text.contains("within noise") && text.contains("8.0× slower"),
            "{text}"
        );
    }

    #[test]
    fn a_group_of_several_shapes_is_a_grid() {
        let mut other = table(&series());
        other.name = "10 busy".to_owned();
        other.rows.remove(0);
        let comparison = of("idle", vec![other, table(&series())]);
        let shown = shown(&comparison.groups[0]);
        let names: Vec<_> = shown.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["select", "chat", "bare-mio", "python-select"]);
        let text = shown_text(&comparison, 100);
        assert!(
            text.contains("idle: a message; ratio to the fastest\n"),
            "{text}"
        );
        assert!(text.contains(" ● select              - "), "{text}");
        assert!(text.contains("   noise floor      1.00 "), "{text}");
        assert!(text.contains("slower: chat 1.33× at 50 × 64 B"), "{text}");
    }

    #[test]
    fn the_legend_explains_only_columns_that_a_table_has() {
        let mut comparison = comparison(&series());
        let has_calls = |comparison: &Comparison| {
            let text = shown_text(comparison, 200);
            (text.contains(" calls "), text.contains("calls: "))
        };
        for calls in [None, Some(2.0)] {
            for row in &mut comparison.groups[0].benchmarks[0].rows {
                row.system_calls_per_echo = calls;
            }
            assert_eq!(has_calls(&comparison), (calls.is_some(), calls.is_some()));
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let comparison = of("idle", vec![table(&series()), table(&series())]);
        for width in [20, 60, 80, 100, 140] {
            let text = shown_text(&comparison, width);
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "{width}: {text}");
        }
    }
}
