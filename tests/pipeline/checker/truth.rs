//! The file against what the API answered, and against what the program said of it.

use jdcdn_stats::simulator::Truth;
use rusqlite::Connection;
use serde_json::Value;

use super::{Findings, Kind, Violation};
use crate::oracle::{covered, row_of, stored};

/// What a file claims to know.
pub(crate) struct Claims<'a> {
    pub(crate) truth: Truth,
    /// The moments at which the API was asked.
    pub(crate) asked_at: &'a [i64],
    /// The account's domains; of others nothing is stored.
    pub(crate) domains: &'a [String],
    /// Slots that the API left out although it has them.
    pub(crate) omitted: &'a [(String, i64)],
}

/// Each fetched slot holds what was true at one of the moments, zeros included, and nothing else is stored.
pub(super) fn truth(database: &Connection, claims: &Claims<'_>, found: &mut Findings) {
    let mut select = database
        .prepare_cached("SELECT name FROM domain ORDER BY name")
        .unwrap();
    let names = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
    for name in names.map(Result::unwrap) {
        if !claims.domains.contains(&name) {
            found.add(Kind::Truth, format!("{name} is not a domain of the account"));
            continue;
        }
        let truth = claims.truth.domain(&name);
        let mut rows = stored(database, &name);
        for (start, end, beyond) in covered(database, &name) {
            for slot in (start..end).step_by(300).filter(|_| !beyond) {
                let row = rows.remove(&slot);
                let was_true = claims
                    .asked_at
                    .iter()
                    .any(|at| truth.point(slot, *at).as_ref().map(row_of) == row);
                let is_omitted = || row.is_none() && claims.omitted.contains(&(name.clone(), slot));
                if !was_true && !is_omitted() {
                    found.add(Kind::Truth, format!("{name} at {slot} was never {row:?}"));
                }
            }
        }
        for (slot, row) in rows {
            let what = format!("{name} at {slot} holds {row:?}, which no fetched slot includes");
            found.add(Kind::Truth, what);
        }
    }
}

/// What is wrong with a summary that was printed: all that it acknowledges is in the file.
pub(crate) fn acknowledged(database: &Connection, summary: &Value) -> Vec<Violation> {
    let mut found = Findings::default();
    let id = summary["run_id"].as_i64();
    let mut compare = |name: &str, said: &Value| {
        let sql = format!("SELECT {name} FROM run WHERE id = ?1");
        let stored = database.query_row(&sql, [id], |row| row.get::<_, rusqlite::types::Value>(0));
        let same = match &stored {
            Ok(rusqlite::types::Value::Integer(stored)) => said.as_i64() == Some(*stored),
            Ok(rusqlite::types::Value::Text(stored)) => said.as_str() == Some(stored),
            _ => false,
        };
        if !same {
            let what = format!("the summary of run {id:?} says {name} = {said}, the file {stored:?}");
            found.add(Kind::Counter, what);
        }
    };
    compare("outcome", &summary["outcome"]);
    for name in ["requests", "retries", "bytes"] {
        compare(name, &summary[name]);
    }
    for name in ["planned", "fetched", "failed", "skipped"] {
        compare(&format!("windows_{name}"), &summary["windows"][name]);
    }
    for name in ["received", "inserted", "updated", "unchanged", "rejected"] {
        compare(&format!("points_{name}"), &summary["points"][name]);
    }
    found.0
}
