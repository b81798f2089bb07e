//! The bodies that are being received and read. They share one limit.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::model::convert::{to_u64, to_usize};

/// The fair shares of all bodies together may use one part of this many of the limit.
const SHARES: u64 = 8;

/// How many bytes the bodies in flight may have.
///
/// Every body may have a fair share. A larger body needs the large lane, which one body has at a time. That body may
/// use everything except the shares of the others. The others wait for the lane with at most their share. So all
/// bodies together stay within the limit, and none waits for a body that waits.
#[derive(Debug)]
pub(super) struct BodyBudget {
    share: u64,
    largest: u64,
    lane: Arc<Mutex<()>>,
    places: Arc<Semaphore>,
}

/// A body is larger than can ever be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge {
    /// The most bytes that a body may have.
    pub(super) limit: u64,
}

impl BodyBudget {
    /// Returns a budget of `max_body` bytes for up to `concurrency` bodies at a time.
    pub(super) fn new(max_body: u64, concurrency: usize) -> Self {
        let bodies = to_u64(concurrency).max(1);
        // A body that is alone waits for nobody.
        let share = if bodies == 1 {
            max_body
        } else {
            max_body / bodies.saturating_mul(SHARES)
        };
        Self {
            share,
            largest: max_body - (bodies - 1).saturating_mul(share).min(max_body),
            lane: Arc::default(),
            places: Arc::new(Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    /// Returns an empty body, once fewer than `concurrency` others are there. A request may be sent while the answer to
    /// an earlier one is still being read, so there can be more answers than bodies.
    pub(super) async fn begin(&self) -> Body {
        Body {
            // The semaphore is never closed.
            _place: Arc::clone(&self.places).acquire_owned().await.ok(),
            ..Body::default()
        }
    }

    /// Lets `body` grow to `length` bytes; waits until it may.
    pub(super) async fn allow(&self, body: &mut Body, length: u64) -> Result<(), TooLarge> {
        if length > self.largest {
            return Err(TooLarge { limit: self.largest });
        }
        if length > self.share && body.lane.is_none() {
            body.lane = Some(Arc::clone(&self.lane).lock_owned().await);
        }
        Ok(())
    }

    /// Prepares `body` for an announced length, once it may grow to that.
    pub(super) async fn announce(&self, body: &mut Body, length: u64) -> Result<(), TooLarge> {
        self.allow(body, length).await?;
        // A server can announce what never comes.
        body.bytes.reserve_exact(to_usize(length.min(self.share)));
        Ok(())
    }

    /// Appends `chunk` to `body`, once it may grow by that much.
    pub(super) async fn append(&self, body: &mut Body, chunk: &[u8]) -> Result<(), TooLarge> {
        let needed = body.bytes.len().saturating_add(chunk.len());
        self.allow(body, to_u64(needed)).await?;
        if needed > body.bytes.capacity() {
            // Doubling is what keeps the copies few, but it must not reserve more than is allowed.
            let allowed = if body.lane.is_some() {
                self.largest
            } else {
                self.share
            };
            let most = to_usize(allowed);
            let wanted = body.bytes.capacity().saturating_mul(2).min(most).max(needed);
            body.bytes.reserve_exact(wanted - body.bytes.len());
        }
        body.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

/// The bytes of a body. They count against the limit until it is dropped.
#[derive(Debug, Default)]
pub struct Body {
    bytes: Vec<u8>,
    lane: Option<OwnedMutexGuard<()>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Body {
    /// Returns the bytes, to change them in place.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body that counts against no limit.
impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Body {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMIT: u64 = 3_200;

    /// Four bodies: a share is 100 bytes, the largest body 2900.
    fn budget() -> BodyBudget {
        BodyBudget::new(LIMIT, 4)
    }

    #[test]
    fn the_shares_and_the_largest_body_make_up_the_limit() {
        let sizes = |limit, concurrency| {
            let budget = BodyBudget::new(limit, concurrency);
            (budget.share, budget.largest)
        };
        assert_eq!(sizes(LIMIT, 4), (100, 2_900));
        assert_eq!(sizes(LIMIT, 1), (LIMIT, LIMIT));
        assert_eq!(sizes(LIMIT, 0), (LIMIT, LIMIT));
        assert_eq!(sizes(10, 64), (0, 10));
        assert_eq!(sizes(u64::MAX, usize::MAX).0, 1);
        for concurrency in 1..200 {
            let (share, largest) = sizes(64 << 20, concurrency);
            let others = u64::try_from(concurrency).unwrap() - 1;
            assert!(share > 0 && largest + others * share <= 64 << 20, "{concurrency}");
            assert!(largest >= (64 << 20) / 8 * 7, "{concurrency}");
        }
    }

    #[tokio::test]
    async fn a_body_grows_to_the_limit_and_not_beyond() {
        let budget = budget();
        let mut body = Body::default();
        budget.append(&mut body, &[b'x'; 100]).await.unwrap();
        assert!(body.lane.is_none());
        budget.append(&mut body, &[b'x'; 2_800]).await.unwrap();
        assert!(body.lane.is_some() && body.len() == 2_900);
        assert!(body.bytes.capacity() <= 2_900);
        assert_eq!(
            budget.append(&mut body, b"x").await,
            Err(TooLarge { limit: 2_900 })
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_large_body_waits_with_its_share_until_the_first_is_dropped() {
        let budget = budget();
        let (mut first, mut second, mut third) = (Body::default(), Body::default(), Body::default());
        budget.append(&mut first, &[b'x'; 101]).await.unwrap();
        budget.append(&mut second, &[b'x'; 100]).await.unwrap();
        let waits = Duration::from_hours(1);
        let waited = tokio::time::timeout(waits, budget.append(&mut second, b"x")).await;
        assert!(waited.is_err() && second.len() == 100);
        // What stays within its share waits for nobody.
        budget.append(&mut third, &[b'x'; 100]).await.unwrap();
        drop(first);
        budget.append(&mut second, b"x").await.unwrap();
        assert_eq!(second.len(), 101);
    }

    #[tokio::test]
    async fn an_announced_length_is_reserved_at_once_as_far_as_it_is_the_share_of_a_body() {
        let budget = budget();
        for (announced, reserved) in [(70, 70), (100, 100), (2_900, 100)] {
            let mut body = Body::default();
            budget.announce(&mut body, announced).await.unwrap();
            assert_eq!(
                (body.bytes.capacity(), body.lane.is_some()),
                (reserved, announced > 100)
            );
        }
        let refused = budget.announce(&mut Body::default(), 2_901).await;
        assert_eq!(refused, Err(TooLarge { limit: 2_900 }));
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_as_many_bodies_as_requests_at_a_time_and_the_next_one_waits_until_one_is_dropped() {
        let budget = budget();
        let mut bodies = Vec::new();
        for _ in 0..4 {
            bodies.push(budget.begin().await);
        }
        let waits = Duration::from_hours(1);
        assert!(tokio::time::timeout(waits, budget.begin()).await.is_err());
        bodies.pop();
        assert!(budget.begin().await.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_large_bodies_all_arrive_and_never_hold_more_than_the_limit_together() {
        use std::sync::atomic::{AtomicU64, Ordering};
        let (budget, held) = (Arc::new(budget()), Arc::new(AtomicU64::new(0)));
        let workers = (0..4).map(|_| {
            let (budget, held) = (Arc::clone(&budget), Arc::clone(&held));
            tokio::spawn(async move {
                for _ in 0..50 {
                    let mut body = Body::default();
                    while body.len() < 2_900 {
                        budget.append(&mut body, &[b'x'; 50]).await.unwrap();
                        assert!(held.fetch_add(50, Ordering::SeqCst) + 50 <= LIMIT);
                        tokio::task::yield_now().await;
                    }
                    held.fetch_sub(2_900, Ordering::SeqCst);
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            tokio::time::timeout(Duration::from_mins(1), worker)
                .await
                .expect("two bodies wait for each other")
                .unwrap();
        }
    }
}
