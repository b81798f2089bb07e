//! The domains of the account, as the API listed them.

use rusqlite::{Connection, Row};

use crate::model::{AccountDomain, DomainState, DomainStatus, KnownDomain};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::Statements as _;

/// Returns the known domains in the order of their names, from a file of any version.
pub(crate) fn all(connection: &Connection) -> Result<Vec<KnownDomain>> {
    if !connection.table_exists(None, "account_domain")? {
        return Ok(Vec::new());
    }
    let sql = "SELECT name, state, status, kind, region, cname, listings, first_listed_at, last_listed_at,
                      missing_since, followed_at
               FROM account_domain ORDER BY name";
    connection.rows(sql, [], known_domain)
}

fn known_domain(row: &Row<'_>) -> Result<KnownDomain> {
    let name: String = row.get("name")?;
    let state: String = row.get("state")?;
    let status: String = row.get("status")?;
    let known = DomainState::ALL.into_iter().find(|known| known.as_str() == state);
    let impossible = |what: &str| StoreErrorKind::Impossible(format!("{what} in account_domain"));
    Ok(KnownDomain {
        state: known.ok_or_else(|| impossible(&format!("{state:?} is not a state")))?,
        listed: AccountDomain {
            name: name
                .parse()
                .map_err(|_| impossible(&format!("{name:?} is not a domain name")))?,
            status: DomainStatus::read(&status),
            cname: row.get("cname")?,
            kind: row.get("kind")?,
            region: row.get("region")?,
        },
        listings: row.get("listings")?,
        first_listed_at: row.get("first_listed_at")?,
        last_listed_at: row.get("last_listed_at")?,
        missing_since: row.get("missing_since")?,
        followed_at: row.get("followed_at")?,
    })
}

/// Writes a known domain.
pub(crate) fn write(tx: &Connection, known: &KnownDomain) -> Result<()> {
    let listed = &known.listed;
    tx.run(
        "INSERT INTO account_domain (name, state, status, kind, region, cname, listings, first_listed_at,
                                     last_listed_at, missing_since, followed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT DO UPDATE SET state = excluded.state, status = excluded.status, kind = excluded.kind,
             region = excluded.region, cname = excluded.cname, listings = excluded.listings,
             first_listed_at = excluded.first_listed_at, last_listed_at = excluded.last_listed_at,
             missing_since = excluded.missing_since, followed_at = excluded.followed_at",
        (
            listed.name.as_str(),
            known.state.as_str(),
            listed.status.as_str(),
            &listed.kind,
            &listed.region,
            &listed.cname,
            known.listings,
            known.first_listed_at,
            known.last_listed_at,
            known.missing_since,
            known.followed_at,
        ),
    )?;
    Ok(())
}
