//! As of when a view of the database speaks, in words.

use crate::cli::view::text::{counted, rfc3339};
use crate::model::convert::to_u64;
use crate::model::duration::show_duration;
use crate::model::{UnixSeconds, civil};
use crate::store::{AsOf, UnfinishedRun};

/// The JSON form, for the top level of an object.
#[derive(Debug, serde::Serialize)]
pub(crate) struct AsOfJson<'a> {
    #[serde(serialize_with = "rfc3339")]
    as_of: Option<UnixSeconds>,
    unfinished_run: Option<&'a UnfinishedRun>,
}

impl<'a> From<&'a AsOf> for AsOfJson<'a> {
    fn from(as_of: &'a AsOf) -> Self {
        Self {
            as_of: as_of.ended_at,
            unfinished_run: as_of.unfinished.as_ref(),
        }
    }
}

/// Returns as of when the figures are, as of `now`, in one or two sentences.
pub(crate) fn in_words(as_of: &AsOf, now: UnixSeconds) -> String {
    let ended = match as_of.ended_at {
        Some(at) => format!(
            "As of the end of the last run at {}{}",
            civil::cst_minute(at),
            ago(at, now)
        ),
        None => "No run has ended yet".to_owned(),
    };
    let more = match &as_of.unfinished {
        Some(run) => format!(
            ". Run {} (`{}`) began at {} and {}. What it has stored is included.",
            run.id,
            run.command,
            run.started_cst.get(..16).unwrap_or(&run.started_cst),
            how_it_goes(run)
        ),
        None => ".".to_owned(),
    };
    let found = if as_of.noted {
        ""
    } else {
        " The file is of an earlier version: gaps are found in its points, as of now."
    };
    [&*ended, &more, found].concat()
}

/// Returns the end of the sentence "Run 1 began at … and".
pub(crate) fn how_it_goes(run: &UnfinishedRun) -> &'static str {
    if run.killed {
        "was killed"
    } else {
        "has not ended: it is at work, or it was killed"
    }
}

/// Returns a sentence about slots that the figures leave out; `None` if there are none.
pub(crate) fn new_slots(as_of: &AsOf, slots: i64) -> Option<String> {
    let (noun, since) = match as_of.ended_at {
        Some(_) => ("slot", " that became available, or were configured, after that"),
        None => ("configured slot", ""),
    };
    (slots > 0).then(|| {
        let slots = counted(to_u64(slots), noun);
        format!("Not included: {slots}{since}. The next run asks for them.")
    })
}

/// The age of `at` in brackets, in minutes as a clock shows them; nothing within the same minute, or if the clock went back.
fn ago(at: UnixSeconds, now: UnixSeconds) -> String {
    let whole = to_u64(now.div_euclid(60) * 60 - at.div_euclid(60) * 60);
    if whole == 0 {
        return String::new();
    }
    format!(" ({} ago)", show_duration(std::time::Duration::from_secs(whole)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixSeconds = 1_781_496_000;

    fn as_of() -> AsOf {
        AsOf {
            ended_at: Some(NOON),
            unfinished: None,
            noted: true,
        }
    }

    #[test]
    fn the_sentence_says_when_the_last_run_ended_and_whether_another_began() {
        assert_eq!(
            in_words(&as_of(), NOON),
            "As of the end of the last run at 2026-06-15 12:00."
        );
        // The clock may go back.
        assert_eq!(in_words(&as_of(), NOON - 900), in_words(&as_of(), NOON));
        assert_eq!(
            in_words(&as_of(), NOON + 7_199),
            "As of the end of the last run at 2026-06-15 12:00 (1h59m ago)."
        );
        let begun = AsOf {
            ended_at: None,
            unfinished: Some(UnfinishedRun {
                id: 1,
                command: "sync".to_owned(),
                started_cst: "2026-06-15 11:58:07".to_owned(),
                killed: false,
            }),
            noted: false,
        };
        assert_eq!(
            in_words(&begun, NOON),
            "No run has ended yet. Run 1 (`sync`) began at 2026-06-15 11:58 and has not ended: it is at work, or it was \
             killed. What it has stored is included. The file is of an earlier version: gaps are found in its points, \
             as of now."
        );
        assert_eq!(new_slots(&begun, 0), None);
        let mut killed = begun;
        killed.noted = true;
        killed.unfinished.as_mut().unwrap().killed = true;
        assert_eq!(
            in_words(&killed, NOON),
            "No run has ended yet. Run 1 (`sync`) began at 2026-06-15 11:58 and was killed. What it has stored is included."
        );
    }
}
