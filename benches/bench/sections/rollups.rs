//! Hours, days and months from the points.

use jdcdn_stats::model::Span;
use jdcdn_stats::model::slot::DAY_SECONDS;

use crate::Result;
use crate::data::Revision;
use crate::fill::Filler;
use crate::meter::{Cost, median_cost};
use crate::results::{Cell, Section};
use crate::setup::{Setup, first_days, just_after};

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let (domains, days, rounds) = setup.pick((100, 31, 5), (20, 3, 2));
    let span = first_days(days)?;
    let now = just_after(span.end());
    let points = domains as f64 * days as f64 * 288.0;
    let last = Span::new(span.end() - DAY_SECONDS, span.end()).ok_or("no day")?;
    let mut whole: Vec<Cost> = Vec::new();
    let mut day: Vec<Cost> = Vec::new();
    for _ in 0..rounds {
        let directory = setup.scratch("rollups")?;
        let mut filler = Filler::open(&directory.path().join("stats.db"), domains, now)?;
        filler.fill(span, now, Revision::First, |_, _| Ok(()))?;
        whole.push(filler.roll_up()?);
        filler.fill(last, now, Revision::OnePercentChanged, |_, _| Ok(()))?;
        day.push(filler.roll_up()?);
        filler.finish(now)?;
    }
    let row = |what: &str, costs: &[Cost], points: f64| {
        let cost = median_cost(costs);
        vec![
            Cell::text(what),
            Cell::Seconds(cost.wall),
            Cell::Seconds(cost.cpu),
            Cell::Rate(points / cost.wall),
        ]
    };
    let mut section = Section::new(
        "rollups",
        "Rollups",
        &[&format!(
            "{domains} domains and {days} days are stored. Then the hours, days and months are computed: all of them, and \
             again after 1 % of the points of the last day have changed."
        )],
    );
    section.table(
        &["stale", "wall time", "CPU time", "points"],
        vec![
            row("every day", &whole, points),
            row("the last day of every domain", &day, domains as f64 * 288.0),
        ],
    );
    Ok(section)
}
