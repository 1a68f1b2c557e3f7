//! What a ratio shows if there is no difference.

use anyhow::{Context, Result};
use common::comparison::Comparison;

use super::{Drawing, Figure};
use crate::plot::number;
use crate::plot::rows::{Entry, Rows};
use crate::plot::scale::Spread;
use crate::plot::svg;
use crate::plot::table::Table;

/// A server compared with itself, above the four styles compared with the floor.
pub fn figure(record: &Comparison) -> Result<Figure> {
    let floor = record.noise_floor.as_ref();
    let floor = floor.context("the record has no noise floor")?;
    let twice = Entry::of(&format!("{}-twice", floor.candidate), floor.ratio);
    let entries: Vec<Entry> = [twice].into_iter().chain(styles(record)).collect();
    let rows = entries
        .iter()
        .map(|entry| vec![entry.candidate.clone(), number::interval(entry.value)]);
    Ok(Figure {
        title: "The same server twice, above servers that differ".to_owned(),
        reading: "The first row is one program compared with itself, and the grey band is its interval: \
                  nothing but noise moves it away from 1. The axis does not begin at 0.",
        table: Table {
            headings: vec!["candidate", "ratio of rates"],
            rows: rows.collect(),
            notes: Vec::new(),
        },
        drawing: Drawing::Rows(Rows {
            axis: "ratio: the first row’s to itself, the others’ to c-epoll".to_owned(),
            spread: Spread::Linear,
            bars: false,
            band: Some(floor.ratio),
            entries,
        }),
    })
}

fn styles(record: &Comparison) -> Vec<Entry> {
    let ours = record.main().into_iter().flat_map(|(_, main)| &main.rows);
    let ours = ours.filter(|row| svg::style_of(&row.candidate).is_some());
    ours.filter_map(|row| Some(Entry::of(&row.candidate, row.ratio?)))
        .collect()
}
