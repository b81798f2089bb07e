//! What is asked, through what it is sent, and what comes of it.

use std::future::Future;

use crate::api::{
    CheckedAnswer, Client, Failure, FailureKind, OriginRequest, Reply, SigningDate, read_answer,
};
use crate::model::UnixSeconds;
use crate::planted;

/// A question to one endpoint of the API.
pub trait Question: Send + Sync + 'static {
    /// What is read from a reply.
    type Answer: Send + 'static;

    /// Reads and checks the body of a reply.
    ///
    /// # Errors
    /// Where the body does not answer the question.
    fn read(&self, body: &[u8]) -> Result<Self::Answer, FailureKind>;
}

impl Question for OriginRequest {
    type Answer = CheckedAnswer;

    fn read(&self, body: &[u8]) -> Result<CheckedAnswer, FailureKind> {
        planted::pass("answer");
        read_answer(self, body)
    }
}

/// Sends one request and returns one reply. The real one is [`Client`].
pub trait Transport<Q = OriginRequest>: Send + Sync + 'static {
    /// Sends `request`, signed for `date`, once.
    fn send(&self, request: &Q, date: SigningDate) -> impl Future<Output = Result<Reply, Failure>> + Send;
}

impl Transport for Client {
    fn send(
        &self,
        request: &OriginRequest,
        date: SigningDate,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send {
        Client::send(self, request.parameters(), date)
    }
}

/// An answer, and the time of its request.
#[derive(Debug)]
pub struct TimedAnswer<A = CheckedAnswer> {
    /// The answer, checked against the request.
    pub answer: A,
    /// When the request was sent, by the earlier of this machine's clock and the API's. Otherwise figures could count
    /// as older than they are.
    pub asked_at: UnixSeconds,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NotAnswered {
    /// All attempts failed, or another attempt would not help.
    Failed(Failure),
    /// The run is being stopped.
    Stopped,
}
