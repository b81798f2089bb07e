//! What an answer shows besides its points: refusals, facts about the service, holes that were asked for again.

use rusqlite::Connection;

use crate::model::refusal::Occasion;
use crate::model::{Domain, FactName, Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::ledger::domain_ids::DomainIds;
use crate::store::ledger::runs::Run;
use crate::store::ledger::{facts, holes, refusals};

/// Something to remember, committed together with the answer that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The API refused to serve a range.
    Refused {
        /// The domains that were asked for.
        domains: Vec<Domain>,
        /// The range.
        span: Span,
        /// The status of the answer.
        status: i64,
        /// When.
        at: UnixSeconds,
        /// Whether newer slots were served, so the service works.
        newer_served: bool,
    },
    /// The API served a range: refusals of these domains inside it are deleted, whatever their status.
    Served {
        /// The domains that were asked for.
        domains: Vec<Domain>,
        /// The range.
        span: Span,
    },
    /// A fact about the service was learned. It replaces the one of the same name.
    Fact {
        /// What it is about.
        name: FactName,
        /// Its value.
        value: i64,
        /// When it was learned.
        at: UnixSeconds,
    },
    /// How the confirmations of a domain's holes go. Both 0: its sampling is over.
    Sampling {
        /// The domain.
        domain: Domain,
        /// How many confirmations in a row brought nothing.
        fruitless: u32,
        /// How many windows were skipped since.
        skipped: u32,
    },
    /// The holes of a domain were asked for again at an age.
    HolesAsked {
        /// The domain.
        domain: Domain,
        /// The age in seconds.
        age: i64,
        /// All holes before this moment were asked for. It never moves back.
        until: UnixSeconds,
    },
}

/// Writes `notes`, in their order.
pub(crate) fn apply(tx: &Connection, ids: &mut DomainIds, run: Run, notes: &[Note]) -> Result<()> {
    for note in notes {
        match note {
            Note::Refused {
                domains,
                span,
                status,
                at,
                newer_served,
            } => {
                let occasion = Occasion {
                    span: *span,
                    at: *at,
                    newer_served: *newer_served,
                    run: run.id(),
                };
                for domain in domains {
                    let id = ids.id(tx, domain.as_str())?;
                    refusals::add(tx, id, *status, &occasion)?;
                }
            }
            Note::Served { domains, span } => {
                if refusals::exist(tx)? {
                    for domain in domains {
                        let id = ids.id(tx, domain.as_str())?;
                        refusals::remove(tx, id, *span)?;
                    }
                }
            }
            Note::Fact { name, value, at } => facts::learn(tx, name, *value, *at)?,
            Note::Sampling {
                domain,
                fruitless,
                skipped,
            } => {
                let id = ids.id(tx, domain.as_str())?;
                holes::sample(tx, id, *fruitless, *skipped)?;
            }
            Note::HolesAsked { domain, age, until } => {
                let id = ids.id(tx, domain.as_str())?;
                holes::move_cursor(tx, id, *age, *until)?;
            }
        }
    }
    Ok(())
}
