//! Figures of the benchmarks: the recorded results and, next to them, the reader's own.
//!
//! | module | for |
//! |---|---|
//! | `record` | the committed record of the benchmarks |
//! | `own` | the reader's own run of `cargo bench` |
//! | `figures` | which plot shows what |
//! | `rows`, `lines` | the two kinds of drawing |
//! | `scale`, `svg`, `number` | axes, shapes, numbers in words |
//! | `table` | the numbers below a plot |

mod figures;
mod lines;
mod number;
mod own;
mod record;
mod rows;
mod scale;
mod svg;
mod table;

use anyhow::Result;
use common::comparison::Comparison;
use figures::{Figure, Subject};
pub use number::day;
use own::Own;

use crate::html;
use crate::workspace::Workspace;

/// The plot of that name as HTML.
///
/// # Errors
/// There is no plot of this name, or the record lacks what it needs.
pub fn html(workspace: &Workspace, name: &str) -> Result<String> {
    let subject = Subject::named(name)?;
    let record = record::load(workspace)?;
    let own = Own::read(&workspace.target.join("criterion"));
    Ok(show(&Figure::of(&subject, &record, &own)?, &record, &own))
}

fn show(figure: &Figure, record: &Comparison, own: &Own) -> String {
    let drawings = svg::SHEETS.map(|sheet| figure.drawing.draw(sheet, &figure.title));
    // It must not contain a blank line: Markdown would end the block of HTML there.
    format!(
        "<figure class=\"plot\"><p class=\"plot-title\">{}</p>{}<figcaption>{}</figcaption>{}</figure>",
        html::escape(&figure.title),
        drawings.concat(),
        html::escape(&caption(figure, record, own)),
        figure.table.html(&figure.title, record),
    )
}

/// How to read the plot, and where its numbers come from.
fn caption(figure: &Figure, record: &Comparison, own: &Own) -> String {
    let machine = &record.machine;
    let mut caption = format!(
        "{} Measured on {}, {}, commit {}.",
        figure.reading,
        machine,
        number::day(machine.date),
        machine.commit,
    );
    if figure.drawing.has_own() {
        let day = number::day(own.date);
        caption += &format!(" Hollow: your own cargo bench, on this machine, {day}.");
    }
    caption
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const FIXTURE: &str = include_str!("../tests/fixtures/reference.json");

    fn plotted(name: &str) -> Result<String> {
        plotted_beside(name, &Own::default())
    }

    fn plotted_beside(name: &str, own: &Own) -> Result<String> {
        let record = Comparison::from_json(FIXTURE)?;
        let figure = Figure::of(&Subject::named(name)?, &record, own)?;
        Ok(show(&figure, &record, own))
    }

    fn error(name: &str) -> String {
        plotted(name).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn every_plot_names_machine_and_day_and_stays_one_block() -> Result<()> {
        for name in [
            "round-trip 50 × 64 B",
            "idle",
            "fairness",
            "noise-floor",
            "counts instructions",
            "counts memory",
            "counts calls",
        ] {
            let html = plotted(name)?;
            assert!(
                html.contains("Measured on Test CPU (2 cores, virtual)"),
                "{html}"
            );
            assert!(html.contains("22 November 2026"), "{html}");
            assert!(
                html.contains("<details>") && !html.contains("\n\n"),
                "{html}"
            );
            for wrong in ["NaN", "inf", "Hollow"] {
                assert!(!html.contains(wrong), "{name}: {wrong} in {html}");
            }
        }
        Ok(())
    }

    #[test]
    fn missing_data_is_stated() {
        assert_eq!(error("nothing"), "there is no plot nothing");
        assert_eq!(error("counts nothing"), "there is no plot counts nothing");
        assert_eq!(error("stream"), "stream is not in the record");
        assert_eq!(
            error("round-trip 7"),
            "round-trip has no \"7\", but 1 × 64 B, 50 × 64 B"
        );
    }

    #[test]
    fn a_server_without_counts_has_a_table_row_but_no_bar() -> Result<()> {
        let html = plotted("counts instructions")?;
        assert!(
            html.contains("<th scope=\"row\">go-net</th><td>–</td>"),
            "{html}"
        );
        assert!(!html.contains("<title>go-net"), "{html}");
        assert!(
            html.contains("go-net: callgrind knows no goroutines"),
            "{html}"
        );
        Ok(())
    }

    #[test]
    fn a_skipped_server_is_named_with_the_reason() -> Result<()> {
        let html = plotted("round-trip 50 × 64 B")?;
        assert!(
            html.contains("The machine lacked: python-twisted (twisted)."),
            "{html}"
        );
        Ok(())
    }

    #[test]
    fn where_the_client_was_the_bottleneck_it_may_be_more() -> Result<()> {
        let html = plotted("round-trip 50 × 64 B")?;
        assert!(html.contains(">≥ 0.97</text>"), "{html}");
        Ok(())
    }

    #[test]
    fn the_readers_own_run_is_drawn_beside_the_record() -> Result<()> {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/criterion");
        let html = plotted_beside("round-trip 50 × 64 B", &Own::read(&fixture))?;
        assert!(
            html.contains("Hollow: your own cargo bench, on this machine"),
            "{html}"
        );
        // Only the floor and select have a marker: two markers on each of two sheets.
        assert_eq!(html.matches("class=\"mark own\"").count(), 4, "{html}");
        Ok(())
    }
}
