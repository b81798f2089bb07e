//! Requests are sent while earlier answers are read and written, but never more at a time than `concurrency`.

use std::time::Duration;

use jdcdn_stats::simulator::Settings;

use super::{DAY, Setup, User};
use crate::sandbox::at;

const DAYS: i64 = 20;

#[test]
fn requests_that_run_ahead_of_large_answers_are_never_more_at_a_time_than_the_concurrency() {
    let from = at("2026-05-01");
    for concurrency in [1, 3] {
        let setup = Setup {
            concurrency,
            domains_per_request: 1,
            ..Setup::default()
        };
        let settings = Settings {
            domains: ["www.a.com", "www.b.com", "www.c.com"]
                .map(str::to_owned)
                .to_vec(),
            gzip: false,
            ..Settings::default()
        };
        let mut user = User::with(settings, from, setup);
        user.api.latency = Duration::from_millis(100);
        user.api.blanks = 1 << 20;
        let (until, now) = (from + DAYS * DAY, from + (DAYS + 2) * DAY);
        user.at(now);
        let totals = user.sync_until(until).totals;
        assert_eq!(user.api.in_flight.lock().unwrap().1, concurrency);
        assert_eq!(totals.windows_fetched, totals.windows_planned);
        assert_eq!(totals.requests, totals.windows_planned);
        let truth = user.api.truth;
        let points = user
            .domains
            .iter()
            .flat_map(|domain| truth.domain(domain.as_str()).points(from, until, now));
        assert_eq!(totals.points_inserted, u64::try_from(points.count()).unwrap());
    }
}
