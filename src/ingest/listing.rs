//! Asks for the account's domains, page by page.

use std::future::Future;
use std::sync::Arc;

use super::control::{Control, Stop};
use super::fetcher::{Fetcher, RequestCounts};
use super::job::Pace;
use super::permit::Permits;
use super::progress::Progress;
use super::question::{NotAnswered, Question, Transport};
use crate::api::{
    Client, DomainsPage, DomainsRequest, Failure, FailureKind, Listing, ListingReader, ListingStep, Reply,
    SigningDate, read_page,
};
use crate::clock::SharedClock;
use crate::model::{DataSource, UnixSeconds};

impl Question for DomainsRequest {
    type Answer = DomainsPage;

    fn read(&self, body: &[u8]) -> Result<Self::Answer, FailureKind> {
        read_page(body)
    }
}

impl Transport<DomainsRequest> for Client {
    fn send(
        &self,
        request: &DomainsRequest,
        date: SigningDate,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send {
        self.send_to(DomainsRequest::PATH, request.parameters(), date)
    }
}

/// The account's domains, and the time of the last request for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The domains. Nothing may follow from a listing with a flaw.
    pub listing: Listing,
    /// When the last page was asked for, by the earlier of this machine's clock and the API's.
    pub asked_at: UnixSeconds,
    /// Who has answered.
    pub source: Option<DataSource>,
}

/// Why there is no listing.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// A request failed.
    #[error("{kind}")]
    Failed {
        /// What went wrong.
        kind: FailureKind,
        /// How far this machine's clock is ahead of the API's, in seconds, where that explains a refusal.
        clock_ahead: Option<i64>,
    },
    /// The caller stopped it.
    #[error("the listing was stopped")]
    Stopped,
}

/// Asks for the account's domains, one page at a time, within the rate and with retries. A refusal of the caller ends it
/// at once.
///
/// `control` stops it. It is pressed when the API refuses the caller, so it must not be that of a run.
///
/// # Errors
/// [`ListingError::Failed`] where a page was refused or did not arrive.
pub async fn list_domains<T: Transport<DomainsRequest>>(
    transport: T,
    pace: &Pace,
    clock: &SharedClock,
    control: &Control,
) -> Result<Listed, ListingError> {
    let fetcher = Fetcher::new(transport, pace, clock, control, &Arc::new(Progress::default()));
    let permits = Permits::new(1);
    let mut counts = RequestCounts::default();
    let mut reader = ListingReader::new();
    let mut asked_at = clock.now();
    loop {
        let mut permit = permits.take().await;
        let request = Arc::new(reader.request());
        let step = match fetcher.ask(&request, false, &mut permit, &mut counts).await {
            Ok(timed) => {
                asked_at = timed.asked_at;
                reader.take(timed.answer)
            }
            Err(NotAnswered::Stopped) => return Err(ListingError::Stopped),
            Err(NotAnswered::Failed(failure)) => {
                reader.fail(failure.kind).map_err(|kind| ListingError::Failed {
                    kind,
                    clock_ahead: control.reason().and_then(Stop::explaining_clock),
                })?
            }
        };
        if let ListingStep::Done(listing) = step {
            return Ok(Listed {
                listing,
                asked_at,
                source: fetcher.source(),
            });
        }
    }
}
