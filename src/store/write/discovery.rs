//! Writes what the listings of the account's domains have shown.

use crate::model::convert::to_i64;
use crate::model::{FactName, KnownDomain, UnixSeconds};
use crate::store::error::StoreError;
use crate::store::ledger::{account_domains, facts};
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

    /// Writes what is known of one domain.
    pub fn keep_account_domain(&mut self, known: &KnownDomain) -> Result<(), StoreError> {
        self.in_transaction(|tx, _| account_domains::write(tx, known))
    }
}
