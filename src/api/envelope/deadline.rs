//! How long one request may take.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// The time left for one request. Only steps that wait for the server use it up.
#[derive(Debug)]
pub(super) struct Deadline {
    left: Duration,
    silence: Duration,
}

impl Deadline {
    /// Returns a deadline of `in_all` for all steps together and of `silence` for each of them.
    pub(super) fn new(in_all: Duration, silence: Duration) -> Self {
        Self {
            left: in_all,
            silence,
        }
    }

    /// Carries out one step; `None` where it takes too long.
    pub(super) async fn keep<T>(&mut self, step: impl Future<Output = T>) -> Option<T> {
        let began = Instant::now();
        let done = timeout(self.left.min(self.silence), step).await.ok();
        self.left = self.left.saturating_sub(began.elapsed());
        done
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_step_and_all_of_them_have_their_limit_and_pauses_between_them_are_free() {
        let seconds = Duration::from_secs;
        let mut deadline = Deadline::new(seconds(10), seconds(4));
        assert_eq!(deadline.keep(sleep(seconds(5))).await, None);
        for _ in 0..2 {
            sleep(seconds(100)).await;
            assert_eq!(deadline.keep(sleep(seconds(2))).await, Some(()));
        }
        assert_eq!(deadline.keep(sleep(seconds(3))).await, None);
    }
}
