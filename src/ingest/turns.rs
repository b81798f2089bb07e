//! Searches for the same edge of retention take turns: the result of the first one spares the others their requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::model::Domain;

/// Whose turn it is to search, by the first domain of the search.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<Domain, Arc<tokio::sync::Mutex<()>>>>);

/// The turn of one search. It ends when this is dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Turns {
    /// Returns the turn to search for the edge of `domain`, if nobody searches.
    pub(super) fn try_take(&self, domain: &Domain) -> Option<Turn> {
        self.of(domain).try_lock_owned().ok()
    }

    /// Waits for the turn to search for the edge of `domain`.
    pub(super) async fn take(&self, domain: &Domain) -> Turn {
        self.of(domain).lock_owned().await
    }

    fn of(&self, domain: &Domain) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(domain.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;

    use super::*;

    #[tokio::test]
    async fn one_task_searches_for_an_edge_and_the_next_one_when_it_is_done() {
        let turns = Turns::default();
        let [first, second] = ["www.a.com", "www.b.com"].map(|name| name.parse::<Domain>().unwrap());
        let turn = turns.try_take(&first).unwrap();
        assert!(turns.try_take(&first).is_none());
        assert!(turns.try_take(&second).is_some(), "another edge");
        let waiting = turns.take(&first);
        tokio::pin!(waiting);
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(
                waiting.as_mut().poll(context).is_pending()
            ))
            .await
        );
        drop(turn);
        drop(waiting.await);
        assert!(turns.try_take(&first).is_some());
    }
}
