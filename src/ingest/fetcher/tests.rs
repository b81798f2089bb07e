use std::collections::VecDeque;

use super::super::denial::tests::denials;
use super::super::permit::Permits;
use super::*;
use crate::api::{OriginRequest, Reply};
use crate::clock::ManualClock;
use crate::model::Span;
use crate::model::moment::parse_moment;
use crate::model::slot::HOUR_SECONDS;

const NOON: &str = "2026-06-15 12:00";
const BASE: Duration = Duration::from_secs(1);

/// Answers as a list says, each entry once; with figures when the list is over.
#[derive(Default)]
struct Scripted {
    failures: Mutex<VecDeque<Option<FailureKind>>>,
    /// When each request came, by the test's clock of waits.
    sent: Mutex<Vec<tokio::time::Instant>>,
    dates: Mutex<Vec<SigningDate>>,
    /// How many blanks follow the figures.
    blanks: usize,
    /// Where the answers come from: these in turn, then the API.
    sources: Mutex<VecDeque<DataSource>>,
}

impl Scripted {
    fn saying(failures: impl IntoIterator<Item = Option<FailureKind>>) -> Self {
        Self {
            failures: Mutex::new(failures.into_iter().collect()),
            ..Self::default()
        }
    }
}

impl Transport for Arc<Scripted> {
    async fn send(&self, _: &OriginRequest, date: SigningDate) -> Result<Reply, Failure> {
        self.sent.lock().unwrap().push(tokio::time::Instant::now());
        self.dates.lock().unwrap().push(date);
        match self.failures.lock().unwrap().pop_front().flatten() {
            Some(kind) => Err(kind.into()),
            None => Ok(Reply {
                body: [
                    r#"{"status":0,"msg":"","data":[{"domain":"www.a.com","data":[]}]}"#,
                    &" ".repeat(self.blanks),
                ]
                .concat()
                .into_bytes()
                .into(),
                date: None,
                peer: None,
                source: self
                    .sources
                    .lock()
                    .unwrap()
                    .pop_front()
                    .unwrap_or(DataSource::Api),
            }),
        }
    }
}

/// Always too busy, without saying for how long.
fn busy() -> FailureKind {
    FailureKind::Busy {
        status: 429,
        retry_after: None,
    }
}

fn pace(answered_before: bool) -> Pace {
    Pace {
        concurrency: 1,
        requests_per_second: None,
        retry: RetryPolicy {
            attempts: 5,
            base: BASE,
            cap: 20 * BASE,
        },
        seed: 7,
        answered_before,
        first_pause: Duration::ZERO,
    }
}

fn fetcher(api: &Arc<Scripted>, now: &str, answered_before: bool) -> Fetcher<Arc<Scripted>> {
    paced(api, now, &pace(answered_before))
}

fn paced(api: &Arc<Scripted>, now: &str, pace: &Pace) -> Fetcher<Arc<Scripted>> {
    let clock: SharedClock = Arc::new(ManualClock::new(parse_moment(now, 0).unwrap()));
    Fetcher::new(Arc::clone(api), pace, &clock, &Control::new(), &Arc::default())
}

fn noon(api: &Arc<Scripted>) -> Fetcher<Arc<Scripted>> {
    fetcher(api, NOON, false)
}

fn request() -> Arc<OriginRequest> {
    let domains = ["www.a.com".parse().unwrap()];
    Arc::new(OriginRequest::new(&domains, Span::slot_of(0)).unwrap())
}

/// Asks once; whether there was an answer, and how many requests that took.
async fn ask(fetcher: &Fetcher<Arc<Scripted>>) -> (bool, u64) {
    let mut counts = RequestCounts::default();
    let mut permit = Permits::new(1).take().await;
    let answered = fetcher.ask(&request(), false, &mut permit, &mut counts).await;
    (answered.is_ok(), counts.requests)
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_put_off_again_and_again_waits_longer_each_time_and_is_given_up() {
    let api = Arc::new(Scripted::saying(vec![Some(busy()); 100]));
    let fetcher = noon(&api);
    let began = tokio::time::Instant::now();
    assert_eq!(ask(&fetcher).await, (false, 10));
    assert!(!fetcher.control.is_stopped());
    // Nine pauses of at most two seconds each, did they not grow.
    assert!(began.elapsed() > 18 * BASE, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_first_request_waits_if_another_one_was_sent_just_before() {
    let api = Arc::new(Scripted::default());
    let pace = Pace {
        first_pause: 5 * BASE,
        ..pace(false)
    };
    let fetcher = paced(&api, NOON, &pace);
    let began = tokio::time::Instant::now();
    assert_eq!(ask(&fetcher).await, (true, 1));
    assert!(began.elapsed() >= 5 * BASE, "{:?}", began.elapsed());
    assert_eq!(ask(&fetcher).await, (true, 1));
    assert!(began.elapsed() < 6 * BASE, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn before_any_success_one_refusal_stops_the_run() {
    for kind in denials() {
        let api = Arc::new(Scripted::saying([Some(kind.clone())]));
        let fetcher = noon(&api);
        assert_eq!(ask(&fetcher).await, (false, 1), "{kind:?}");
        assert_eq!(fetcher.control.reason().and_then(Stop::denial), Some(&kind));
    }
}

#[tokio::test(start_paused = true)]
async fn up_to_four_refusals_after_a_success_are_outlived_and_the_fifth_stops_the_run() {
    for kind in denials() {
        for refusals in 1..=5 {
            let refused = vec![Some(kind.clone()); refusals];
            let api = Arc::new(Scripted::saying([vec![None], refused].concat()));
            let fetcher = noon(&api);
            assert_eq!(ask(&fetcher).await, (true, 1));
            let outlived = refusals < 5;
            let tries = u64::try_from(refusals).unwrap() + u64::from(outlived);
            assert_eq!(ask(&fetcher).await, (outlived, tries), "{kind:?} {refusals}");
            assert_eq!(fetcher.control.is_stopped(), !outlived);
            let pauses: Vec<u64> = api
                .sent
                .lock()
                .unwrap()
                .windows(2)
                .map(|pair| (pair[1] - pair[0]).as_secs())
                .collect();
            assert_eq!(pauses[1..], [1, 2, 4, 8][..pauses.len() - 1]);
            let counted: u64 = fetcher.progress.counts().denied.iter().sum();
            assert_eq!(counted, u64::try_from(refusals).unwrap());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_was_answered_lately_outlives_refusals_from_the_first_request_on() {
    for kind in denials() {
        let api = Arc::new(Scripted::saying(vec![Some(kind); 4]));
        assert_eq!(ask(&fetcher(&api, NOON, true)).await, (true, 5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_after_a_refusal_holds_every_worker() {
    let kind = denials()[2].clone();
    let api = Arc::new(Scripted::saying([Some(kind)]));
    let fetcher = fetcher(&api, NOON, true);
    let began = tokio::time::Instant::now();
    let waiting = async {
        // The other worker comes just after the refusal.
        tokio::time::sleep(Duration::from_millis(1)).await;
        ask(&fetcher).await
    };
    let (refused, waited) = tokio::join!(ask(&fetcher), waiting);
    assert!(refused.0 && waited.0);
    assert!(
        api.sent.lock().unwrap()[1..]
            .iter()
            .all(|sent| *sent - began >= BASE)
    );
}

#[tokio::test(start_paused = true)]
async fn around_midnight_the_other_date_comes_first_and_counts_as_a_try() {
    let (refused, near) = (denials()[2].clone(), "2026-06-15 23:59");
    // Never answered: one more request, and no wait.
    let api = Arc::new(Scripted::saying(vec![Some(refused.clone()); 9]));
    let began = tokio::time::Instant::now();
    assert_eq!(ask(&fetcher(&api, near, false)).await, (false, 2));
    assert_eq!(began.elapsed(), Duration::ZERO);
    // Answered before: five in all, only the second of them for the other date.
    let api = Arc::new(Scripted::saying(vec![Some(refused); 9]));
    let asking = fetcher(&api, near, true);
    assert_eq!(ask(&asking).await, (false, 5));
    let dates = api.dates.lock().unwrap();
    let other = SigningDate::from_unix(parse_moment(near, 0).unwrap() + HOUR_SECONDS);
    assert_eq!(dates.iter().filter(|date| **date == other).count(), 1);
    assert_eq!(dates[1], other);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_cannot_be_trusted_stops_the_run_at_any_time() {
    let kind = FailureKind::Tls { what: String::new() };
    let api = Arc::new(Scripted::saying([None, Some(kind)]));
    let fetcher = noon(&api);
    assert_eq!(ask(&fetcher).await, (true, 1));
    assert_eq!(ask(&fetcher).await, (false, 1));
    let reason = fetcher.control.reason();
    assert!(matches!(reason, Some(Stop::Configuration(_))), "{reason:?}");
}

#[tokio::test]
async fn the_permit_is_back_once_a_large_answer_has_arrived_and_taken_again_for_the_next_request() {
    for (blanks, kept) in [(0, true), (1 << 20, false)] {
        let api = Arc::new(Scripted {
            blanks,
            ..Scripted::default()
        });
        let fetcher = noon(&api);
        let permits = Permits::new(1);
        permits.note(true);
        let mut permit = permits.take().await;
        for _ in 0..2 {
            let mut counts = RequestCounts::default();
            let answered = fetcher.ask(&request(), false, &mut permit, &mut counts).await;
            assert!(answered.is_ok() && permit.is_held() == kept);
        }
        // Somebody else has the only permit: the stop of the run ends the waiting.
        if !kept {
            let other = permits.take().await;
            fetcher.control.stop(Stop::Outage);
            let mut counts = RequestCounts::default();
            let answered = fetcher.ask(&request(), false, &mut permit, &mut counts).await;
            assert!(matches!(answered, Err(NotAnswered::Stopped)) && counts.requests == 0);
            drop(other);
        }
    }
}

#[tokio::test]
async fn answers_of_two_sources_never_come_into_one_run() {
    use DataSource::{Api, Simulator};
    for (expected, sources, taken) in [
        (None, [Simulator, Simulator], 2),
        (Some(Simulator), [Simulator, Simulator], 2),
        (Some(Api), [Simulator, Simulator], 0),
        (Some(Simulator), [Api, Api], 0),
        // A proxy that leads to both.
        (None, [Api, Simulator], 1),
        (None, [Simulator, Api], 1),
    ] {
        let api = Arc::new(Scripted {
            sources: Mutex::new(sources.into()),
            ..Scripted::default()
        });
        let fetcher = noon(&api).expecting(expected);
        let mut answers = 0;
        for _ in 0..2 {
            answers += u32::from(ask(&fetcher).await.0);
        }
        assert_eq!(answers, taken, "{expected:?} {sources:?}");
        let is_stopped = matches!(fetcher.control.reason(), Some(Stop::OtherSource { .. }));
        assert_eq!(is_stopped, taken < 2);
    }
}
