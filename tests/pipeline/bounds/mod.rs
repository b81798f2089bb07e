//! Inputs that others can make large: an answer, a request for the metrics, a file without end.

mod answers;
mod inputs;

const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");
