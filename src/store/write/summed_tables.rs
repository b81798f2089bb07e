//! The tables whose rows are summed: they say what was asked for, and what the numbers in the points mean.

use crate::store::file::table_sums::SummedTable;

const fn table(name: &'static str, columns: &'static str) -> SummedTable {
    SummedTable { name, columns }
}

/// The summed tables. A migration that adds a column to one of them changes this list and has the sums built anew.
pub(crate) const TABLES: [SummedTable; 10] = [
    table("domain", "id, name"),
    table("code", "id, code"),
    table("code_set", "id, codes"),
    table("code_set_member", "code_set_id, code_id"),
    table(
        "coverage",
        "domain_id, start_ts, end_ts, start_cst, end_cst, fetched_at, reached, beyond_retention, state",
    ),
    table(
        "gap",
        "domain_id, start_ts, end_ts, start_cst, end_cst, slots, reason, confirmed, asked_domains, asked_slots",
    ),
    table(
        "restatement",
        "domain_id, ts, nth, detected_at, age_seconds, bandwidth_before, bandwidth_after, pv_before, pv_after, \
         codes_before, codes_after",
    ),
    table(
        "closing",
        "id, month_cst, start_ts, end_ts, closed_at, closed_cst, note, slot_label",
    ),
    table(
        "closing_row",
        "closing_id, domain_id, day, scope, period, date_cst, domains, points, expected_points, period_slots, empty_slots, \
         complete, bandwidth_avg, bandwidth_95, bandwidth_95_ts, bandwidth_peak, peak_ts, bandwidth_fourth_peak, \
         bandwidth_daily_peak_avg, traffic_bytes, pv, slots",
    ),
    table("closed_restatement", "domain_id, ts, nth, closing_id"),
];
