//! How far holes were asked for again, and how often that brought nothing.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::FromSql;
use rusqlite::{Connection, Row};

use crate::model::{Domain, Span, UnixSeconds};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::Statements as _;
use crate::store::ledger::domain_ids::DomainIds;

/// Returns the domains whose holes are only sampled: how many confirmations in a row brought nothing, and how many
/// windows were skipped since.
pub(crate) fn sampling(connection: &Connection) -> Result<Vec<(Domain, u32, u32)>> {
    connection.rows(
        "SELECT d.name, s.fruitless, s.skipped FROM hole_sampling s CROSS JOIN domain d
         WHERE d.id = s.domain_id ORDER BY d.name",
        [],
        of_domain,
    )
}

/// Returns up to which moment the holes of each domain were asked for again, by age in seconds.
pub(crate) fn cursors(connection: &Connection) -> Result<Vec<(Domain, i64, UnixSeconds)>> {
    connection.rows(
        "SELECT d.name, c.age, c.until_ts FROM hole_cursor c CROSS JOIN domain d
         WHERE d.id = c.domain_id ORDER BY d.name, c.age",
        [],
        of_domain,
    )
}

fn of_domain<A: FromSql, B: FromSql>(row: &Row<'_>) -> Result<(Domain, A, B)> {
    let name: String = row.get(0)?;
    let domain = name.parse();
    let domain = domain.map_err(|_| {
        StoreErrorKind::InvariantViolation(format!("the stored domain {name:?} is not a domain"))
    })?;
    Ok((domain, row.get(1)?, row.get(2)?))
}

/// Writes how the confirmations of a domain go. There is no row if none was in vain.
pub(crate) fn sample(tx: &Connection, domain: i64, fruitless: u32, skipped: u32) -> Result<()> {
    if fruitless == 0 && skipped == 0 {
        tx.run("DELETE FROM hole_sampling WHERE domain_id = ?1", [domain])?;
        return Ok(());
    }
    tx.run(
        "INSERT INTO hole_sampling (domain_id, fruitless, skipped) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET fruitless = excluded.fruitless, skipped = excluded.skipped",
        (domain, fruitless, skipped),
    )?;
    Ok(())
}

/// Moves a cursor forward, never back, whatever the order of the answers.
pub(crate) fn move_cursor(tx: &Connection, domain: i64, age: i64, until: UnixSeconds) -> Result<()> {
    tx.run(
        "INSERT INTO hole_cursor (domain_id, age, until_ts) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET until_ts = excluded.until_ts WHERE until_ts < excluded.until_ts",
        (domain, age, until),
    )?;
    Ok(())
}

/// Moves the cursors of those of `domains` that have holes to `targets`, by age. A cursor stops at the first of the
/// domain's `skipped` ranges. One for a negative age does not move at all if the domain has any.
pub(crate) fn advance(
    tx: &Connection,
    ids: &mut DomainIds,
    domains: &[Domain],
    targets: &[(i64, UnixSeconds)],
    skipped: &[(Domain, Span)],
) -> Result<()> {
    let mut first_skipped: BTreeMap<i64, UnixSeconds> = BTreeMap::new();
    for (domain, span) in skipped {
        let first = first_skipped.entry(ids.id(tx, domain.as_str())?);
        let first = first.or_insert(span.start());
        *first = span.start().min(*first);
    }
    let asked = domains.iter().map(|domain| ids.id(tx, domain.as_str()));
    let asked: BTreeSet<i64> = asked.collect::<Result<_>>()?;
    let sql = "SELECT DISTINCT g.domain_id FROM gap g WHERE g.reason IN ('empty', 'rejected')
         AND NOT EXISTS (SELECT 1 FROM hole_cursor c
                         WHERE c.domain_id = g.domain_id AND c.age = ?1 AND c.until_ts >= ?2)";
    for &(age, target) in targets {
        let behind: Vec<i64> = tx.column(sql, [age, target])?;
        for domain in behind.into_iter().filter(|domain| asked.contains(domain)) {
            match first_skipped.get(&domain) {
                Some(_) if age < 0 => {}
                Some(first) => move_cursor(tx, domain, age, target.min(*first))?,
                None => move_cursor(tx, domain, age, target)?,
            }
        }
    }
    Ok(())
}
