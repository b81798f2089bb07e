//! The plan for domains that all lack other ranges.

use std::hint::black_box;

use jdcdn_stats::model::slot::SLOT_SECONDS;
use jdcdn_stats::model::{CoverageSpan, Domain, Span};
use jdcdn_stats::plan::{Order, Plan, PlanSettings, covered_by};

use crate::Result;
use crate::data::{self, DOMAINS_PER_REQUEST};
use crate::meter::{Cost, measure as meter, median_cost};
use crate::results::{Cell, Section};
use crate::setup::{Setup, first_days, just_after};

const HOLES: usize = 10;

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let (domains, rounds) = setup.pick((1000, 20), (50, 3));
    let span = first_days(365)?;
    let now = just_after(span.end());
    let settings = PlanSettings {
        window: 86_400,
        domains_per_request: DOMAINS_PER_REQUEST,
        refresh: data::refresh(),
        force: false,
        order: Order::NewestFirst,
    };
    let mut random = fastrand::Rng::with_seed(1);
    let ragged = data::names(domains)?
        .into_iter()
        .map(|name| (name, ragged(span, now, &mut random)));
    let ragged: Vec<(Domain, Vec<CoverageSpan>)> = ragged.collect();
    let even = data::names(domains)?.into_iter().map(|name| (name, Vec::new()));
    let even: Vec<(Domain, Vec<CoverageSpan>)> = even.collect();
    let mut rows = Vec::new();
    for (what, coverage) in [
        ("nothing was fetched", &even),
        ("ten holes in each domain", &ragged),
    ] {
        let mut costs = Vec::new();
        let mut size = jdcdn_stats::plan::PlanSize::default();
        for _ in 0..rounds {
            let mut cost = Cost::default();
            size = meter(&mut cost, || {
                black_box(Plan::new(span, black_box(coverage), now, &settings)).size()
            })?;
            costs.push(cost);
        }
        rows.push(vec![
            Cell::text(what),
            Cell::Count(size.requests as f64),
            Cell::Count(size.slots as f64),
            Cell::Seconds(median_cost(&costs).wall),
            Cell::Seconds(median_cost(&costs).cpu),
        ]);
    }
    let mut section = Section::new(
        "plan",
        "Planning",
        &[&format!(
            "{domains} domains and a year: the plan is made, and all of its requests are listed once."
        )],
    );
    section.table(&["coverage", "requests", "slots", "time", "CPU time"], rows);
    Ok(section)
}

/// Returns coverage with holes at places of its own.
fn ragged(span: Span, now: i64, random: &mut fastrand::Rng) -> Vec<CoverageSpan> {
    let mut edges: Vec<i64> = (0..2 * HOLES).map(|_| random.i64(0..span.slots())).collect();
    edges.sort_unstable();
    let mut covered = Vec::new();
    let mut from = span.start();
    for hole in edges.chunks(2) {
        let [start, end] = *hole else { continue };
        let start = span.start() + start * SLOT_SECONDS;
        covered.extend(
            Span::new(from, start)
                .into_iter()
                .flat_map(|piece| covered_by(piece, now, &data::refresh())),
        );
        from = span.start() + end * SLOT_SECONDS;
    }
    covered.extend(
        Span::new(from, span.end())
            .into_iter()
            .flat_map(|piece| covered_by(piece, now, &data::refresh())),
    );
    covered
}
