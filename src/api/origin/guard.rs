//! Takes from an answer only what was asked for and cannot be misread.
//!
//! A wrong figure is worse than a missing one: where an answer says two things, neither is taken. Hourly figures are
//! not recognised here, because one answer does not show whether its points are far apart for that reason.

use std::mem;

use super::checked::{CheckedAnswer, DomainAnswer, EntryState};
use super::reader::DecodedAnswer;
use super::request::OriginRequest;
use super::sieve::Sieve;
use crate::api::envelope::failure::FailureKind;
use crate::model::text;

/// Compares an answer with the request.
///
/// # Errors
/// [`FailureKind::NotTheAnswer`] where every domain in the answer is one that was not asked for, or where the
/// domains asked for have points, and all of them lie outside what was asked for, widened to whole hours.
pub fn check(request: &OriginRequest, mut decoded: DecodedAnswer<'_>) -> Result<CheckedAnswer, FailureKind> {
    let entries = mem::take(&mut decoded.entries);
    let is_about_others = entries.iter().all(Option::is_none);
    if let Some((stranger, _)) = decoded.strangers.first().filter(|_| is_about_others) {
        return Err(FailureKind::NotTheAnswer {
            what: format!(
                "it holds only domains that were not asked for, such as `{}`",
                text::printable(stranger)
            ),
        });
    }
    let mut sieve = Sieve::default();
    for (domain, entry) in request.domains().iter().zip(entries) {
        match entry {
            None => sieve.pass(DomainAnswer::without_points(domain, EntryState::Absent)),
            Some(entry) if entry.malformed => {
                sieve.pass(DomainAnswer::without_points(domain, EntryState::Malformed));
            }
            Some(entry) => sieve.sift(domain, entry),
        }
    }
    if let Some(elsewhere) = sieve.elsewhere() {
        return Err(FailureKind::NotTheAnswer {
            what: format!(
                "all of its points lie outside {} (UTC+8), such as one at {elsewhere}",
                request.asked()
            ),
        });
    }
    Ok(sieve.finish(decoded))
}

#[cfg(test)]
mod tests;
