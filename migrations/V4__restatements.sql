-- Why: figures change after they first appear, and people are billed by them. What a later answer changed is
-- kept here, in the transaction that changed it, and so is how many points each answer was compared with: one
-- divided by the other is how late values really change, by which `refresh.ages` can be chosen.
--
-- Cost: about 140 bytes and 12 microseconds a changed point, its index included; nothing for an unchanged one
-- but its share of one row update a domain, hour of age and window in `refetch`, which has at most 50 rows a
-- domain.

-- `nth` counts the restatements of one point from 1: their order even where the clock went back.
CREATE TABLE restatement (
    domain_id        BIGINT NOT NULL,
    ts               BIGINT NOT NULL CHECK (typeof(ts) = 'integer'),
    nth              BIGINT NOT NULL CHECK (typeof(nth) = 'integer' AND nth > 0),
    detected_at      BIGINT NOT NULL CHECK (typeof(detected_at) = 'integer'),
    -- Seconds from the start of the point's slot to `detected_at`.
    age_seconds      BIGINT NOT NULL CHECK (typeof(age_seconds) = 'integer'),
    bandwidth_before BIGINT NOT NULL CHECK (typeof(bandwidth_before) = 'integer'),
    bandwidth_after  BIGINT NOT NULL CHECK (typeof(bandwidth_after) = 'integer'),
    pv_before        BIGINT NOT NULL CHECK (typeof(pv_before) = 'integer'),
    pv_after         BIGINT NOT NULL CHECK (typeof(pv_after) = 'integer'),
    -- JSON objects {code: count} in the order of the codes' text: the counts above zero, and the zeros of codes
    -- that only this one of the two reported. Both NULL where codes and counts stayed the same.
    codes_before     TEXT CHECK (codes_before IS NULL OR json_valid(codes_before)),
    codes_after      TEXT CHECK ((codes_after IS NULL) = (codes_before IS NULL)
                                 AND (codes_after IS NULL OR json_valid(codes_after))),
    PRIMARY KEY (domain_id, ts, nth)
) WITHOUT ROWID;
-- "What changed late": by age, of one domain and of all.
CREATE INDEX restatement_age ON restatement (domain_id, age_seconds);

-- How many stored points were asked for again at an age of this many whole hours; the last hour stands for
-- all that are older.
CREATE TABLE refetch (
    domain_id BIGINT NOT NULL,
    age_hours BIGINT NOT NULL CHECK (typeof(age_hours) = 'integer'),
    points    BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    PRIMARY KEY (domain_id, age_hours)
) WITHOUT ROWID;

CREATE VIEW origin_restatements AS
SELECT d.name AS domain, r.ts AS ts, r.detected_at AS detected_at, r.age_seconds AS age_seconds,
       r.bandwidth_before AS bandwidth_before, r.bandwidth_after AS bandwidth_after,
       r.pv_before AS pv_before, r.pv_after AS pv_after,
       r.codes_before AS codes_before, r.codes_after AS codes_after
FROM domain d CROSS JOIN restatement r
WHERE r.domain_id = d.id;

-- Points that an answer left out though an earlier one held them; they stay as they are.
ALTER TABLE run ADD COLUMN points_left_out BIGINT NOT NULL DEFAULT 0
    CHECK (typeof(points_left_out) = 'integer');

DROP VIEW origin_runs;
CREATE VIEW origin_runs AS
SELECT id, command, started_at, finished_at, outcome, requests, retries,
       windows_planned, windows_fetched, windows_failed, windows_skipped,
       points_received, points_inserted, points_updated, points_unchanged, points_rejected, points_odd_codes,
       bytes, from_ts, to_ts, started_cst, finished_cst, failures, message, points_left_out
FROM run;
