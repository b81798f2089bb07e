//! Panics that tests plant in the real binary, to see how a run ends after one.
//!
//! `JDCDN_TEST_PANIC=writer` panics when the writer is about to commit for the first time, `writer:3` for the third
//! time. Without the variable this costs one read of an empty cell.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The places where a panic can be planted.
pub const PLACES: [&str; 5] = ["command", "task", "answer", "writer", "finish"];

static PLANTED: OnceLock<Planted> = OnceLock::new();

#[derive(Debug)]
struct Planted {
    place: String,
    passes_left: AtomicU64,
}

/// Plants a panic, such as `writer:3`; returns false for a place that does not exist.
pub(crate) fn plant(text: &str) -> bool {
    let (place, count) = text.split_once(':').unwrap_or((text, "1"));
    let (true, Ok(count)) = (PLACES.contains(&place), count.parse()) else {
        return false;
    };
    let _ = PLANTED.set(Planted {
        place: place.to_owned(),
        passes_left: AtomicU64::new(count),
    });
    true
}

/// Panics if a test wants it here. The text is built at run time, like that of a real panic with data in it.
pub(crate) fn pass(place: &str) {
    let Some(planted) = PLANTED.get().filter(|planted| planted.place == place) else {
        return;
    };
    let is_last = planted.passes_left.fetch_sub(1, Ordering::SeqCst) == 1;
    assert!(!is_last, "planted in {place}, with the text of an answer");
}
