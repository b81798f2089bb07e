use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::reject::RejectReason;
use crate::model::{Domain, Span};

/// Returns a commit that takes about `size` bytes and can be told from the others by `number`.
fn commit(number: i64, size: usize) -> Commit {
    let raw = "x".repeat(size.saturating_sub(size_of::<Commit>() + size_of::<Reject>()));
    let reject = Reject {
        domain: String::new(),
        ts: None,
        reason: RejectReason::Conflicting,
        raw,
    };
    let mut commit = Commit::new(Vec::new(), Span::slot_of(0), number);
    commit.rejects.push(reject);
    commit
}

#[test]
fn the_bytes_of_a_commit_are_those_of_its_points_counts_sets_and_texts() {
    let domain: Domain = "www.a.com".parse().unwrap();
    let empty = bytes(&Commit::new(vec![domain.clone()], Span::slot_of(0), 0));
    let mut book = CodeBook::default();
    let ok = book.intern("200");
    let set = book.intern_set(&[ok]);
    let mut points = PointColumns::default();
    for slot in 0..1_000 {
        points.push(slot * 300, 8, 1, set, &[(ok, 1)]);
    }
    let mut full = Commit::new(vec![domain.clone()], Span::slot_of(0), 0);
    full.points.push((domain, points));
    full.book = Arc::new(book);
    let each = (bytes(&full) - empty) / 1_000;
    assert!((52..2 * 52 + 2).contains(&each), "{each} bytes a point");
    assert!(bytes(&commit(0, 50_000)) >= 50_000);
}

#[test]
fn what_waits_is_taken_in_order_and_a_batch_ends_when_it_is_large() {
    let (sender, mut receiver) = with_room(10 << 20);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for number in 0..40 {
            sender.send(commit(number, 10_000)).await;
        }
        for number in 40..44 {
            sender.send(commit(number, 1_500_000)).await;
        }
    });
    drop(sender);
    let batches: Vec<Vec<i64>> = std::iter::from_fn(|| receiver.next_batch())
        .map(|batch| batch.commits.iter().map(|commit| commit.seen_at).collect())
        .collect();
    assert_eq!(
        batches,
        [(0..32).collect::<Vec<_>>(), (32..42).collect(), vec![42, 43]]
    );
}

#[test]
fn senders_run_ahead_as_far_as_there_is_room_and_a_batch_gives_its_room_back_when_it_is_dropped() {
    let (sender, mut receiver) = with_room(100_000);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let is_sent = |size| {
        let send =
            async { tokio::time::timeout(Duration::from_hours(1), sender.send(commit(0, size))).await };
        runtime.block_on(send).is_ok()
    };
    assert_eq!([50_000, 49_000, 2_000].map(is_sent), [true, true, false]);
    let batch = receiver.next_batch().unwrap();
    assert_eq!(batch.commits.len(), 2);
    assert!(!is_sent(2_000));
    drop(batch);
    // Larger than the queue: it is alone in it.
    assert_eq!([900_000, 2_000].map(is_sent), [true, false]);
    drop(receiver.next_batch());
    assert!(is_sent(2_000));
    // The writer is gone, and what waited with it: nobody waits for ever.
    drop(receiver);
    assert_eq!([900_000, 900_000].map(is_sent), [true, true]);
}

/// What is held: bytes, and commits.
type Held = Arc<Mutex<(i64, i64)>>;

fn count(held: &Held, sign: i64, commits: &[Commit]) -> (i64, i64) {
    let mut held = held.lock().unwrap();
    for commit in commits {
        held.0 += sign * i64::try_from(bytes(commit)).unwrap();
        held.1 += sign;
    }
    *held
}

/// Takes all that comes. Returns how many commits that were.
fn write(mut receiver: CommitReceiver, held: &Held) -> usize {
    let mut taken = 0;
    while let Some(batch) = receiver.next_batch() {
        std::thread::yield_now();
        taken += batch.commits.len();
        count(held, -1, &batch.commits);
    }
    taken
}

/// Sends commits of these sizes from some tasks at a time to a queue with `room`. Returns the most bytes that were held
/// at a time by more than one commit.
fn most_held(room: u32, senders: usize, sizes: &[usize]) -> i64 {
    let (sender, receiver) = with_room(room);
    let held = Held::default();
    let writer = std::thread::spawn({
        let held = Arc::clone(&held);
        move || write(receiver, &held)
    });
    let send = |sender: CommitSender, sizes: Vec<usize>| {
        let held = Arc::clone(&held);
        async move {
            let mut most = 0;
            for size in sizes {
                let sent = commit(0, size);
                sender.send(sent.clone()).await;
                if let (bytes, 2..) = count(&held, 1, &[sent]) {
                    most = bytes.max(most);
                }
            }
            most
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let most = runtime.block_on(async {
        let share = |at| sizes.iter().skip(at).step_by(senders).copied().collect();
        let tasks: Vec<_> = (0..senders)
            .map(|at| tokio::spawn(send(sender.clone(), share(at))))
            .collect();
        let mut most = 0;
        for task in tasks {
            let waited = tokio::time::timeout(Duration::from_mins(1), task).await;
            most = waited
                .expect("senders and writer wait for each other")
                .unwrap()
                .max(most);
        }
        most
    });
    drop(sender);
    assert_eq!(writer.join().unwrap(), sizes.len());
    most
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Commits larger than the room are among them.
    #[test]
    fn whatever_is_sent_arrives_and_no_more_than_the_room_is_held(
        senders in 1..8_usize,
        sizes in proptest::collection::vec(1..30_000_usize, 1..60),
    ) {
        prop_assert!(most_held(20_000, senders, &sizes) <= 20_000);
    }
}
