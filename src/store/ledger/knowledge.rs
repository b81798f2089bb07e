//! What is remembered from run to run: facts about the service, and how the questions after holes are going.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::model::{Domain, Fact, FactName, Span, UnixSeconds};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::health::Health;
use crate::store::read::reader::Reader;
use crate::store::write::store::Store;

impl Store {
    /// What is known of the service under this name.
    pub fn fact(&self, name: &FactName) -> std::result::Result<Option<Fact>, StoreError> {
        self.read(|connection| fact(connection, name))
    }

    /// The domains whose holes are only sampled: how many confirmations in a row brought nothing, and how many
    /// windows were left out since.
    pub fn sampling(&self) -> std::result::Result<Vec<(Domain, u32, u32)>, StoreError> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT d.name, s.fruitless, s.skipped FROM hole_sampling s CROSS JOIN domain d
                 WHERE d.id = s.domain_id ORDER BY d.name",
            )?;
            let mut rows = select.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push((domain(row)?, row.get(1)?, row.get(2)?));
            }
            Ok(found)
        })
    }

    /// Up to which moment the holes of each domain were asked for again, by age in seconds.
    pub fn hole_cursors(&self) -> std::result::Result<Vec<(Domain, i64, UnixSeconds)>, StoreError> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT d.name, c.age, c.until_ts FROM hole_cursor c CROSS JOIN domain d
                 WHERE d.id = c.domain_id ORDER BY d.name, c.age",
            )?;
            let mut rows = select.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push((domain(row)?, row.get(1)?, row.get(2)?));
            }
            Ok(found)
        })
    }
}

impl Store {
    /// The newest point of each of `domains` that has one.
    pub fn newest_points(
        &self,
        domains: &[Domain],
    ) -> std::result::Result<Vec<(Domain, UnixSeconds)>, StoreError> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT max(p.ts) FROM domain d CROSS JOIN point p WHERE d.name = ?1 AND p.domain_id = d.id",
            )?;
            let mut found = Vec::new();
            for domain in domains {
                let newest: Option<UnixSeconds> = select.query_row([domain.as_str()], |row| row.get(0))?;
                found.extend(newest.map(|ts| (domain.clone(), ts)));
            }
            Ok(found)
        })
    }

    /// When the last run before this one ended.
    pub fn last_run_ended(&self) -> std::result::Result<Option<UnixSeconds>, StoreError> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT finished_at FROM run WHERE finished_at IS NOT NULL ORDER BY id DESC LIMIT 1",
            )?;
            Ok(select.query_row([], |row| row.get(0)).optional()?)
        })
    }

    /// Moves the cursors of those of `domains` that have holes to `targets`, by age; not beyond the first of the
    /// ranges that were `left` out, and not at all for an age below zero of a domain with any.
    pub fn advance_holes(
        &mut self,
        domains: &[Domain],
        targets: &[(i64, UnixSeconds)],
        left: &[(Domain, Span)],
    ) -> std::result::Result<(), StoreError> {
        self.in_transaction(|tx, dictionary| {
            let mut first_left: BTreeMap<i64, UnixSeconds> = BTreeMap::new();
            for (domain, span) in left {
                let first = first_left
                    .entry(dictionary.domain(tx, domain.as_str())?)
                    .or_insert(span.start());
                *first = span.start().min(*first);
            }
            let mut asked = BTreeSet::new();
            for domain in domains {
                asked.insert(dictionary.domain(tx, domain.as_str())?);
            }
            let mut select = tx.prepare_cached(
                "SELECT DISTINCT g.domain_id FROM gap g WHERE g.reason IN ('empty', 'rejected')
                 AND NOT EXISTS (SELECT 1 FROM hole_cursor c
                                 WHERE c.domain_id = g.domain_id AND c.age = ?1 AND c.until_ts >= ?2)",
            )?;
            for &(age, target) in targets {
                let domains = select
                    .query_map([age, target], |row| row.get(0))?
                    .collect::<rusqlite::Result<Vec<i64>>>()?;
                for domain in domains.into_iter().filter(|domain| asked.contains(domain)) {
                    match first_left.get(&domain) {
                        Some(_) if age < 0 => {}
                        Some(first) => move_cursor(tx, domain, age, target.min(*first))?,
                        None => move_cursor(tx, domain, age, target)?,
                    }
                }
            }
            Ok(())
        })
    }
}

impl Reader {
    /// What is known of the service under this name.
    pub fn fact(&self, name: &FactName) -> std::result::Result<Option<Fact>, StoreError> {
        self.told(if_known(self.connection(), name))
    }
}

impl Health {
    /// What is known of the service under this name.
    pub fn fact(&self, name: &FactName) -> std::result::Result<Option<Fact>, StoreError> {
        if_known(self.connection(), name).map_err(|kind| StoreError::new(self.path(), kind))
    }
}

/// A fact, in a file that may be of an earlier version.
fn if_known(connection: &Connection, name: &FactName) -> Result<Option<Fact>> {
    if connection.table_exists(None, "service_fact")? {
        fact(connection, name)
    } else {
        Ok(None)
    }
}

fn fact(connection: &Connection, name: &FactName) -> Result<Option<Fact>> {
    let mut select =
        connection.prepare_cached("SELECT value, learned_at FROM service_fact WHERE name = ?1")?;
    let fact = select.query_row([name.to_string()], |row| {
        Ok(Fact {
            value: row.get(0)?,
            learned_at: row.get(1)?,
        })
    });
    Ok(fact.optional()?)
}

/// The domain in the first column.
fn domain(row: &Row<'_>) -> Result<Domain> {
    let name: String = row.get(0)?;
    let stored = name.parse();
    stored.map_err(|_| {
        StoreErrorKind::InvariantViolation(format!("the domain {name:?} is stored, which is none"))
    })
}

/// Replaces what is known under a name.
pub(crate) fn learn(tx: &Connection, name: &FactName, value: i64, at: UnixSeconds) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO service_fact (name, value, learned_at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET value = excluded.value, learned_at = excluded.learned_at
         WHERE value <> excluded.value OR learned_at <> excluded.learned_at",
    )?
    .execute((name.to_string(), value, at))?;
    Ok(())
}

/// Writes how the confirmations of a domain are going. Without any that brought nothing, there is no row.
pub(crate) fn sample(tx: &Connection, domain: i64, fruitless: u32, skipped: u32) -> Result<()> {
    if fruitless == 0 && skipped == 0 {
        tx.prepare_cached("DELETE FROM hole_sampling WHERE domain_id = ?1")?
            .execute([domain])?;
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT INTO hole_sampling (domain_id, fruitless, skipped) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET fruitless = excluded.fruitless, skipped = excluded.skipped",
    )?
    .execute((domain, fruitless, skipped))?;
    Ok(())
}

/// Moves a cursor on; never back, whatever the order in which answers come.
pub(crate) fn move_cursor(tx: &Connection, domain: i64, age: i64, until: UnixSeconds) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO hole_cursor (domain_id, age, until_ts) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET until_ts = excluded.until_ts WHERE until_ts < excluded.until_ts",
    )?
    .execute((domain, age, until))?;
    Ok(())
}
