//! What an answer shows beside its points: refusals, facts about the service, holes that were asked for again.

use rusqlite::Connection;

use crate::model::refusal::Occasion;
use crate::model::{Domain, FactName, Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::ledger::runs::Run;
use crate::store::ledger::{knowledge, refusals};
use crate::store::origin::dictionary::Dictionary;

/// A thing to remember, committed together with what it follows from.
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
        /// Newer slots were served, so the service works.
        newer_served: bool,
    },
    /// The API served a range: refusals of these domains inside it go, whatever their status.
    Served {
        /// The domains that were asked for.
        domains: Vec<Domain>,
        /// The range.
        span: Span,
    },
    /// A fact about the service was learned; it replaces what was known.
    Fact {
        /// What it speaks of.
        name: FactName,
        /// Its value.
        value: i64,
        /// When it was learned.
        at: UnixSeconds,
    },
    /// How the confirmations of a domain's holes are going; both 0: its sampling is over.
    Sampling {
        /// The domain.
        domain: Domain,
        /// How many confirmations in a row brought nothing.
        fruitless: u32,
        /// How many windows were left out since.
        skipped: u32,
    },
    /// The holes of a domain were asked for again at an age.
    HolesAsked {
        /// The domain.
        domain: Domain,
        /// The age in seconds.
        age: i64,
        /// All holes before this moment were asked for. It never goes back.
        until: UnixSeconds,
    },
}

/// Writes `notes`, in their order.
pub(crate) fn apply(tx: &Connection, dictionary: &mut Dictionary, run: Run, notes: &[Note]) -> Result<()> {
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
                    let id = dictionary.domain(tx, domain.as_str())?;
                    refusals::add(tx, id, *status, &occasion)?;
                }
            }
            Note::Served { domains, span } => {
                if refusals::are_there(tx)? {
                    for domain in domains {
                        let id = dictionary.domain(tx, domain.as_str())?;
                        refusals::remove(tx, id, *span)?;
                    }
                }
            }
            Note::Fact { name, value, at } => knowledge::learn(tx, name, *value, *at)?,
            Note::Sampling {
                domain,
                fruitless,
                skipped,
            } => {
                let id = dictionary.domain(tx, domain.as_str())?;
                knowledge::sample(tx, id, *fruitless, *skipped)?;
            }
            Note::HolesAsked { domain, age, until } => {
                let id = dictionary.domain(tx, domain.as_str())?;
                knowledge::move_cursor(tx, id, *age, *until)?;
            }
        }
    }
    Ok(())
}
