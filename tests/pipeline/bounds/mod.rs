//! What somebody else can make large: an answer, a question for the metrics, a file that never ends.

mod answers;
mod inputs;

const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");
