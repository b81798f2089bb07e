//! Writes what the listings of the account's domains have shown.

use crate::model::convert::to_i64;
use crate::model::{FactName, KnownDomain, UnixSeconds};
use crate::store::error::StoreError;
use crate::store::ledger::{account_domains, domain_ids, facts, gaps};
use crate::store::origin::slot_label;
use crate::store::write::runs::write_gaps;
use crate::store::write::store::Store;

impl Store {
    /// Returns what is known of the account's domains, in the order of their names.
    pub fn account_domains(&self) -> Result<Vec<KnownDomain>, StoreError> {
        self.read(account_domains::all)
    }

    /// Writes what is known after an attempt to list the account's domains at the moment `at`; `None` if there was no
    /// listing that can be believed. All of it is written or nothing, so a process that dies here lists again.
    pub fn keep_listing(
        &mut self,
        known: Option<&[KnownDomain]>,
        listed: usize,
        at: UnixSeconds,
    ) -> Result<(), StoreError> {
        self.in_transaction(|tx, _| {
            facts::learn(tx, &FactName::ListingTried, i64::from(known.is_some()), at)?;
            if let Some(known) = known {
                facts::learn(tx, &FactName::ListingRead, to_i64(listed), at)?;
                known
                    .iter()
                    .try_for_each(|known| account_domains::write(tx, known))?;
            }
            Ok(())
        })
    }

    /// Writes what is known of one domain that is forgotten now. Unless runs fetch it all the same (`is_fetched`), what
    /// was never asked for, or failed, is no gap any more: nobody asks for it again, and it would keep the account's
    /// months incomplete for ever. To be followed by [`Store::roll_up`].
    pub fn forget(&mut self, known: &KnownDomain, is_fetched: bool) -> Result<(), StoreError> {
        self.in_transaction(|tx, _| {
            account_domains::write(tx, known)?;
            if !is_fetched && let Some(domain) = domain_ids::find(tx, known.listed.name.as_str())? {
                let shift = slot_label::in_force(tx)?.shift();
                write_gaps(tx, &gaps::given_up(tx, domain)?, shift)?;
            }
            Ok(())
        })
    }
}
