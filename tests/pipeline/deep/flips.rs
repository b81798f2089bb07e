//! A flipped bit that changes anything that is covered is found.

use std::fs;

use super::{Copy, DB, failed, filled};
use crate::checker::Content;
use crate::sandbox::setting;

#[test]
fn every_flipped_bit_that_changes_something_is_found_and_passed_by_no_snapshot() {
    let sandbox = filled();
    let bytes = fs::read(sandbox.path(DB)).unwrap();
    let original = Copy::new(&sandbox, "flip", &bytes);
    let before = Content::of(&original.path());
    assert!(before.is_whole(), "{before:?}");
    let (code, report) = original.check(&sandbox);
    assert_eq!((code, failed(&report)), (Some(0), Vec::new()));
    assert_eq!(original.snapshot(&sandbox).0, Some(0));

    let (first, flips) = (setting("JDCDN_FLIP_SEED", 1), setting("JDCDN_FLIPS", 20));
    let (mut changing, mut missed) = (0, Vec::new());
    for seed in first..first + flips {
        let mut random = fastrand::Rng::with_seed(seed);
        let (at, bit) = (random.usize(..bytes.len()), random.u32(..8));
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        let copy = Copy::new(&sandbox, "flip", &flipped);
        let Some(what) = Content::of(&copy.path()).difference(&before) else {
            continue;
        };
        changing += 1;
        let (code, report) = copy.check(&sandbox);
        let snapshot = copy.snapshot(&sandbox);
        println!(
            "seed {seed}: byte {at}, bit {bit} changes {what}: check {code:?}: {:?}, snapshot {snapshot:?}",
            failed(&report)
        );
        if code != Some(5) || snapshot.0 != Some(5) || snapshot.2 {
            missed.push(seed);
        }
    }
    println!(
        "{flips} flips from seed {first} in {} bytes: {changing} change something",
        bytes.len()
    );
    assert_eq!(missed, Vec::<u64>::new(), "seeds of flips that were not found");
}
