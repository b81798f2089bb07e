//! The tables whose rows are summed: they say what was asked for, and what the numbers in the points mean.

use crate::store::file::table_sums::SummedTable;

/// The summed tables. A migration that adds a column to one of them changes this list and has the sums built anew.
pub(crate) const TABLES: [SummedTable; 7] = [
    SummedTable {
        name: "domain",
        columns: &["id", "name"],
    },
    SummedTable {
        name: "code",
        columns: &["id", "code"],
    },
    SummedTable {
        name: "code_set",
        columns: &["id", "codes"],
    },
    SummedTable {
        name: "code_set_member",
        columns: &["code_set_id", "code_id"],
    },
    SummedTable {
        name: "coverage",
        columns: &[
            "domain_id",
            "start_ts",
            "end_ts",
            "start_cst",
            "end_cst",
            "fetched_at",
            "reached",
            "beyond_retention",
            "state",
        ],
    },
    SummedTable {
        name: "gap",
        columns: &[
            "domain_id",
            "start_ts",
            "end_ts",
            "start_cst",
            "end_cst",
            "slots",
            "reason",
            "confirmed",
            "asked_domains",
            "asked_slots",
        ],
    },
    SummedTable {
        name: "restatement",
        columns: &[
            "domain_id",
            "ts",
            "nth",
            "detected_at",
            "age_seconds",
            "bandwidth_before",
            "bandwidth_after",
            "pv_before",
            "pv_after",
            "codes_before",
            "codes_after",
        ],
    },
];
