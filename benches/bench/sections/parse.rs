//! How fast an answer becomes columns.

use std::hint::black_box;

use jdcdn_stats::api::envelope::encoding::decode;
use jdcdn_stats::api::origin::answer;
use jdcdn_stats::api::origin::reader::Selection;
use jdcdn_stats::api::{OriginRequest, read_answer};

use crate::Result;
use crate::data::{self, DOMAINS_PER_REQUEST, Revision};
use crate::meter::{Cost, measure as meter, median_cost};
use crate::results::{Cell, Section};
use crate::setup::{Setup, first_days};

const POINTS: f64 = 288.0 * DOMAINS_PER_REQUEST as f64;

/// Reads an answer; returns whether it was taken.
type Way<'r> = &'r dyn Fn(&[u8]) -> bool;

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let names = data::names(DOMAINS_PER_REQUEST)?;
    let day = first_days(1)?;
    let request = OriginRequest::new(&names, day).ok_or("an empty request")?;
    let mut body = Vec::new();
    data::write_body(
        &mut body,
        &(0..DOMAINS_PER_REQUEST).collect::<Vec<_>>(),
        day,
        Revision::First,
    );
    let passes = setup.pick(400, 20);
    let ways: [(&str, Way<'_>); 2] = [
        ("parsed", &|body| {
            answer::parse(&Selection::of(&request), &decode(body)).is_ok()
        }),
        ("parsed and checked", &|body| read_answer(&request, body).is_ok()),
    ];
    let mut rows = Vec::new();
    for (what, pass) in ways {
        let mut costs = Vec::new();
        for _ in 0..passes {
            let mut cost = Cost::default();
            if !meter(&mut cost, || black_box(pass(black_box(&body))))? {
                return Err("the generated answer is not taken".into());
            }
            costs.push(cost);
        }
        let cost = median_cost(&costs);
        rows.push(vec![
            Cell::text(what),
            Cell::text(&format!("{:.0} MB/s", body.len() as f64 / cost.wall / 1e6)),
            Cell::Rate(POINTS / cost.wall),
            Cell::Seconds(cost.wall),
            Cell::Seconds(cost.cpu),
        ]);
    }
    let mut section = Section::new(
        "parse",
        "Parsing an answer",
        &["One core reads the answer for 20 domains and one day: 5,760 points with 17 codes each."],
    );
    section.table(&["answer", "bytes", "points", "one answer", "CPU time"], rows);
    Ok(section)
}
