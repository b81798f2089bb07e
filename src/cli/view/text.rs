//! Short texts that several views share.

use indicatif::HumanCount;

use crate::model::Domain;

/// How many domains a failure lists by name on its line.
const NAMED_DOMAINS: usize = 4;

/// `1 domain`, `2 domains`, `1,000 domains`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        HumanCount(count),
        if count == 1 { "" } else { "s" }
    )
}

/// The domains by name, or the first few and how many more. A refused domain always stands alone and is
/// always named.
pub(crate) fn domain_list(domains: &[Domain]) -> String {
    let named: Vec<&str> = domains.iter().take(NAMED_DOMAINS).map(Domain::as_str).collect();
    match domains.len().saturating_sub(NAMED_DOMAINS) {
        0 if named.is_empty() => "some domains".to_owned(),
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
