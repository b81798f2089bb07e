-- Why: one wrong answer of the API must not end a month of history. So the file remembers what was refused and when
-- to ask again (`refusal`), which holes two answers agree on (`gap.confirmed`), which slots were asked for without a
-- usable answer (reason `failed`), and a few facts about the service. A point that came late changes a bill as a
-- changed one does, so it is a restatement with nothing before it.
--
-- Three tables are built anew, because SQLite cannot change a check: `gap`, `restatement`, and the views on them.
-- Holes of before count as not confirmed, and the shape of the request that left them is unknown.
--
-- Cost: two columns and one partial index for a gap row; one row for a refused range; a few hundred bytes beside
-- that. The upgrade copies `gap` and `restatement` once, about 5 microseconds a row.

DROP VIEW origin_gaps;
ALTER TABLE gap RENAME TO gap_before;
DROP INDEX gap_never_asked;
CREATE TABLE gap (
    domain_id     BIGINT    NOT NULL REFERENCES domain (id),
    start_ts      BIGINT    NOT NULL CHECK (typeof(start_ts) = 'integer'),
    end_ts        BIGINT    NOT NULL CHECK (typeof(end_ts) = 'integer' AND end_ts > start_ts),
    start_cst     TIMESTAMP NOT NULL,
    end_cst       TIMESTAMP NOT NULL,
    slots         BIGINT    NOT NULL CHECK (slots * 300 = end_ts - start_ts),
    reason        TEXT      NOT NULL
        CHECK (reason IN ('never_asked', 'failed', 'empty', 'rejected', 'beyond_retention')),
    confirmed     BIGINT    NOT NULL DEFAULT 0 CHECK (confirmed = 0 OR confirmed = 1 AND reason = 'empty'),
    -- How many domains and slots the request had that left the hole; NULL where that is unknown. Only of holes that
    -- are not confirmed: a second request must differ from it to count as a second opinion.
    asked_domains BIGINT    CHECK (asked_domains IS NULL
                                   OR typeof(asked_domains) = 'integer' AND reason = 'empty' AND confirmed = 0),
    asked_slots   BIGINT    CHECK (typeof(asked_slots) = typeof(asked_domains)),
    PRIMARY KEY (domain_id, start_ts)
) WITHOUT ROWID;
INSERT INTO gap (domain_id, start_ts, end_ts, start_cst, end_cst, slots, reason)
SELECT domain_id, start_ts, end_ts, start_cst, end_cst, slots, reason FROM gap_before;
DROP TABLE gap_before;
-- The rows that the end of a run writes anew, without those of old holes.
CREATE INDEX gap_never_asked ON gap (domain_id, start_ts, end_ts) WHERE reason = 'never_asked';
-- The rows that are not to be called never asked.
CREATE INDEX gap_failed ON gap (domain_id, start_ts, end_ts) WHERE reason = 'failed';

CREATE VIEW origin_gaps AS
SELECT d.name AS domain, g.start_ts AS start_ts, g.end_ts AS end_ts, g.start_cst AS start_cst,
       g.end_cst AS end_cst, g.slots AS slots, g.reason AS reason, g.confirmed AS confirmed
FROM domain d CROSS JOIN gap g
WHERE g.domain_id = d.id;

DROP VIEW origin_restatements;
ALTER TABLE restatement RENAME TO restatement_before;
DROP INDEX restatement_age;
-- `nth` counts the restatements of one point from 1: their order even where the clock went back.
CREATE TABLE restatement (
    domain_id        BIGINT NOT NULL,
    ts               BIGINT NOT NULL CHECK (typeof(ts) = 'integer'),
    nth              BIGINT NOT NULL CHECK (typeof(nth) = 'integer' AND nth > 0),
    detected_at      BIGINT NOT NULL CHECK (typeof(detected_at) = 'integer'),
    -- Seconds from the start of the point's slot to `detected_at`.
    age_seconds      BIGINT NOT NULL CHECK (typeof(age_seconds) = 'integer'),
    -- NULL together with `pv_before`: the point came late, into a slot that had settled without one.
    bandwidth_before BIGINT CHECK (typeof(bandwidth_before) IN ('integer', 'null')),
    bandwidth_after  BIGINT NOT NULL CHECK (typeof(bandwidth_after) = 'integer'),
    pv_before        BIGINT CHECK (typeof(pv_before) = typeof(bandwidth_before)),
    pv_after         BIGINT NOT NULL CHECK (typeof(pv_after) = 'integer'),
    -- JSON objects {code: count} in the order of the codes' text: the counts above zero, and the zeros of codes
    -- that only this one of the two reported. Both NULL where codes and counts stayed the same; only the first one
    -- is NULL where the point came late.
    codes_before     TEXT CHECK (codes_before IS NULL OR json_valid(codes_before) AND bandwidth_before IS NOT NULL),
    codes_after      TEXT CHECK ((codes_after IS NULL) = (codes_before IS NULL AND bandwidth_before IS NOT NULL)
                                 AND (codes_after IS NULL OR json_valid(codes_after))),
    PRIMARY KEY (domain_id, ts, nth)
) WITHOUT ROWID;
INSERT INTO restatement (domain_id, ts, nth, detected_at, age_seconds, bandwidth_before, bandwidth_after, pv_before,
                         pv_after, codes_before, codes_after)
SELECT domain_id, ts, nth, detected_at, age_seconds, bandwidth_before, bandwidth_after, pv_before,
       pv_after, codes_before, codes_after FROM restatement_before;
DROP TABLE restatement_before;
-- "What changed late": by age, of one domain and of all.
CREATE INDEX restatement_age ON restatement (domain_id, age_seconds);

CREATE VIEW origin_restatements AS
SELECT d.name AS domain, r.ts AS ts, r.detected_at AS detected_at, r.age_seconds AS age_seconds,
       r.bandwidth_before AS bandwidth_before, r.bandwidth_after AS bandwidth_after,
       r.pv_before AS pv_before, r.pv_after AS pv_after,
       r.codes_before AS codes_before, r.codes_after AS codes_after
FROM domain d CROSS JOIN restatement r
WHERE r.domain_id = d.id;

ALTER TABLE run ADD COLUMN slots_asked BIGINT NOT NULL DEFAULT 0 CHECK (typeof(slots_asked) = 'integer');
ALTER TABLE run ADD COLUMN slots_empty BIGINT NOT NULL DEFAULT 0 CHECK (typeof(slots_empty) = 'integer');
ALTER TABLE run ADD COLUMN slots_rejected BIGINT NOT NULL DEFAULT 0 CHECK (typeof(slots_rejected) = 'integer');
ALTER TABLE run ADD COLUMN slots_failed BIGINT NOT NULL DEFAULT 0 CHECK (typeof(slots_failed) = 'integer');
ALTER TABLE run ADD COLUMN points_surplus BIGINT NOT NULL DEFAULT 0 CHECK (typeof(points_surplus) = 'integer');
ALTER TABLE run ADD COLUMN holes_confirmed BIGINT NOT NULL DEFAULT 0 CHECK (typeof(holes_confirmed) = 'integer');
ALTER TABLE run ADD COLUMN confirmations BIGINT NOT NULL DEFAULT 0 CHECK (typeof(confirmations) = 'integer');
-- A JSON list of {kind, domains, from, to, evidence}.
ALTER TABLE run ADD COLUMN conclusions TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(conclusions));
-- Finds the runs that are older than what is kept.
CREATE INDEX run_started ON run (started_at);

DROP VIEW origin_runs;
CREATE VIEW origin_runs AS
SELECT id, command, started_at, finished_at, outcome, requests, retries,
       windows_planned, windows_fetched, windows_failed, windows_skipped,
       points_received, points_inserted, points_updated, points_unchanged, points_rejected, points_odd_codes,
       bytes, from_ts, to_ts, started_cst, finished_cst, failures, message, points_left_out,
       slots_asked, slots_empty, slots_rejected, slots_failed, points_surplus, holes_confirmed, confirmations,
       conclusions
FROM run;

-- Half-open ranges on the 5-minute grid; those of a domain and status neither overlap nor touch.
CREATE TABLE refusal (
    domain_id BIGINT NOT NULL REFERENCES domain (id),
    status    BIGINT NOT NULL CHECK (typeof(status) = 'integer'),
    start_ts  BIGINT NOT NULL CHECK (typeof(start_ts) = 'integer'),
    end_ts    BIGINT NOT NULL CHECK (typeof(end_ts) = 'integer' AND end_ts > start_ts),
    first_at  BIGINT NOT NULL CHECK (typeof(first_at) = 'integer'),
    last_at   BIGINT NOT NULL CHECK (typeof(last_at) = 'integer'),
    times     BIGINT NOT NULL CHECK (typeof(times) = 'integer' AND times > 0),
    next_at   BIGINT NOT NULL CHECK (typeof(next_at) = 'integer'),
    -- On how many days of UTC+8 it was refused while newer slots were served, and the last of these days.
    days      BIGINT NOT NULL CHECK (typeof(days) = 'integer' AND days >= 0),
    last_day  BIGINT CHECK (typeof(last_day) = iif(days > 0, 'integer', 'null')),
    -- The run that was refused last: however often it asked, that is one time.
    run_id    BIGINT NOT NULL CHECK (typeof(run_id) = 'integer'),
    PRIMARY KEY (domain_id, status, start_ts)
) WITHOUT ROWID;

CREATE VIEW origin_refusals AS
SELECT d.name AS domain, r.start_ts AS start_ts, r.end_ts AS end_ts, r.status AS status, r.first_at AS first_at,
       r.last_at AS last_at, r.times AS times, r.next_at AS next_at
FROM domain d CROSS JOIN refusal r
WHERE r.domain_id = d.id;

-- What answers have shown of the service.
CREATE TABLE service_fact (
    name       TEXT   NOT NULL PRIMARY KEY,
    value      BIGINT NOT NULL CHECK (typeof(value) = 'integer'),
    learned_at BIGINT NOT NULL CHECK (typeof(learned_at) = 'integer')
) WITHOUT ROWID;

-- Domains whose holes were confirmed without bringing a point: how often in a row, and how many windows were left
-- out since.
CREATE TABLE hole_sampling (
    domain_id BIGINT NOT NULL PRIMARY KEY REFERENCES domain (id),
    fruitless BIGINT NOT NULL CHECK (typeof(fruitless) = 'integer'),
    skipped   BIGINT NOT NULL CHECK (typeof(skipped) = 'integer')
) WITHOUT ROWID;

-- Up to which slot the holes of a domain were asked for again at an age.
CREATE TABLE hole_cursor (
    domain_id BIGINT NOT NULL REFERENCES domain (id),
    age       BIGINT NOT NULL CHECK (typeof(age) = 'integer'),
    until_ts  BIGINT NOT NULL CHECK (typeof(until_ts) = 'integer'),
    PRIMARY KEY (domain_id, age)
) WITHOUT ROWID;

ALTER TABLE reject ADD COLUMN kind TEXT NOT NULL DEFAULT 'unknown' CHECK (kind IN
    ('malformed', 'outside_window', 'conflicting', 'shares_slot', 'domain_not_asked', 'unknown'));
CREATE INDEX reject_kind ON reject (kind, id);
-- Which runs have to stay.
CREATE INDEX reject_run ON reject (run_id);

-- Rejects that were deleted because there were more than are kept.
CREATE TABLE reject_dropped (
    kind  TEXT   NOT NULL PRIMARY KEY,
    count BIGINT NOT NULL CHECK (typeof(count) = 'integer')
) WITHOUT ROWID;

UPDATE origin_dictionary SET meaning =
 'Every range of slots without a point, and why, as of the end of the last run. never_asked gaps are listed only for ' ||
 'configured domains, from the configured start on.'
WHERE relation = 'origin_gaps' AND "column" = '';
UPDATE origin_dictionary SET meaning =
 'never_asked; failed: asked for, and no usable answer came, so it is asked for again; empty: asked for, and the ' ||
 'answer held no point; rejected: its point could not be taken; beyond_retention: the API no longer served it.'
WHERE relation = 'origin_gaps' AND "column" = 'reason';
UPDATE origin_dictionary SET meaning =
 'Every stored value that a later answer changed, and every point that came late: one row a point and change. ' ||
 'origin_stats holds the newest value. A point came late if its slot had settled without one; then the columns ' ||
 '…_before are NULL.'
WHERE relation = 'origin_restatements' AND "column" = '';
UPDATE origin_dictionary SET meaning = 'Bandwidth before the change; NULL: the point came late.'
WHERE relation = 'origin_restatements' AND "column" = 'bandwidth_before';
UPDATE origin_dictionary SET meaning = 'Requests before the change; NULL: the point came late.'
WHERE relation = 'origin_restatements' AND "column" = 'pv_before';
UPDATE origin_dictionary SET meaning =
 'JSON object {code: count} before the change. A zero is listed only if the other side lacks the code. NULL where ' ||
 'codes and counts stayed the same, and where the point came late.'
WHERE relation = 'origin_restatements' AND "column" = 'codes_before';
UPDATE origin_dictionary SET meaning =
 'The same after the change. NULL where codes and counts stayed the same; never NULL where the point came late.'
WHERE relation = 'origin_restatements' AND "column" = 'codes_after';
UPDATE origin_dictionary SET meaning =
 'What answers held that could not be taken, with the reason and the text as received. A row goes when the range is ' ||
 'fetched again without it, by the command rejects, or as the oldest of its kind when there are more than ' ||
 'keep.rejects.'
WHERE relation = 'origin_rejects' AND "column" = '';
UPDATE origin_dictionary SET meaning =
 'Every run that could write: what was asked, how it ended, and what it committed. A window is one planned request, ' ||
 'that is a range and a group of domains. Runs older than keep.runs are deleted, but not those that rejects refer to.'
WHERE relation = 'origin_runs' AND "column" = '';
UPDATE origin_dictionary SET meaning = 'Points that could not be taken. origin_rejects keeps the text of at most 100 an answer.'
WHERE relation = 'origin_runs' AND "column" = 'points_rejected';

INSERT INTO origin_dictionary (relation, "column", type, unit, meaning) VALUES
('origin_gaps', 'confirmed', 'BIGINT', '',
 '1: empty, and two answers to different requests agree on it. 0: not confirmed, or another reason.'),
('origin_runs', 'slots_asked', 'BIGINT', 'slots',
 'Slots that the run asked for, counted for each domain; those that failed are among them.'),
('origin_runs', 'slots_empty', 'BIGINT', 'slots', 'Those of them for which the answers held no point.'),
('origin_runs', 'slots_rejected', 'BIGINT', 'slots', 'Those of them whose point could not be taken.'),
('origin_runs', 'slots_failed', 'BIGINT', 'slots', 'Those of them for which no usable answer came.'),
('origin_runs', 'points_surplus', 'BIGINT', 'points',
 'Points outside of the range that was asked for; neither stored nor a failure.'),
('origin_runs', 'holes_confirmed', 'BIGINT', 'slots', 'Slots that a second, different request found empty as well.'),
('origin_runs', 'confirmations', 'BIGINT', 'HTTP requests', 'Requests beside the planned windows: for slots without a point again, and for one slot that proves or disproves ' ||
 'what an answer said.'),
('origin_runs', 'conclusions', 'TEXT', '',
 'JSON list of {kind, domains, from, to, evidence}: what the run concluded from answers that agree. Kinds: ' ||
 'beyond_retention, empty, sparse, coarse, domain_refused, span_limit, batch_limit.'),
('origin_refusals', '', '', '',
 'Ranges that the API refused to serve, and when they are asked for again. An answer for the range removes it from ' ||
 'here.'),
('origin_refusals', 'domain', 'TEXT', '', 'Domain in lower case.'),
('origin_refusals', 'start_ts', 'BIGINT', 'Unix s', 'First moment of the range, on the 5-minute grid.'),
('origin_refusals', 'end_ts', 'BIGINT', 'Unix s', 'First moment after the range (half-open).'),
('origin_refusals', 'status', 'BIGINT', '', 'Status of the answer, such as 21 for a date too long ago.'),
('origin_refusals', 'first_at', 'BIGINT', 'Unix s', 'When a part of the range was refused first.'),
('origin_refusals', 'last_at', 'BIGINT', 'Unix s', 'When a part of the range was refused last.'),
('origin_refusals', 'times', 'BIGINT', '', 'How many runs were refused.'),
('origin_refusals', 'next_at', 'BIGINT', 'Unix s',
 'From when on it is asked for again: at the next run after the first refusal, then after 1 h, 6 h, and once a day.');

-- The dictionary speaks of itself last.
UPDATE origin_dictionary SET rowid = rowid + 1000 WHERE relation = 'origin_dictionary';
