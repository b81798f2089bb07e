-- Why: what was asked for, by which run, and what could not be taken. Coverage commits together with the
-- points that it speaks for, so whatever a crash leaves behind, it never claims more than is stored.
--
-- Cost: a few rows a domain, one row a run, one row a rejected piece; nothing next to the points.

CREATE TABLE run (
    id               BIGINT NOT NULL PRIMARY KEY CHECK (typeof(id) = 'integer'),
    command          TEXT   NOT NULL,
    started_at       BIGINT NOT NULL CHECK (typeof(started_at) = 'integer'),
    finished_at      BIGINT CHECK (typeof(finished_at) IN ('integer', 'null')),
    -- 'interrupted': the process ended without a word; the next run says so in its stead.
    outcome          TEXT   NOT NULL CHECK (outcome IN
        ('running', 'complete', 'partial', 'failed', 'refused', 'stopped', 'interrupted')),
    from_ts          BIGINT CHECK (typeof(from_ts) IN ('integer', 'null')),
    to_ts            BIGINT CHECK (typeof(to_ts) IN ('integer', 'null')),
    requests         BIGINT NOT NULL DEFAULT 0 CHECK (typeof(requests) = 'integer'),
    retries          BIGINT NOT NULL DEFAULT 0 CHECK (typeof(retries) = 'integer'),
    bytes            BIGINT NOT NULL DEFAULT 0 CHECK (typeof(bytes) = 'integer'),
    windows_planned  BIGINT NOT NULL DEFAULT 0 CHECK (typeof(windows_planned) = 'integer'),
    windows_fetched  BIGINT NOT NULL DEFAULT 0 CHECK (typeof(windows_fetched) = 'integer'),
    windows_failed   BIGINT NOT NULL DEFAULT 0 CHECK (typeof(windows_failed) = 'integer'),
    windows_skipped  BIGINT NOT NULL DEFAULT 0 CHECK (typeof(windows_skipped) = 'integer'),
    points_received  BIGINT NOT NULL DEFAULT 0 CHECK (typeof(points_received) = 'integer'),
    points_inserted  BIGINT NOT NULL DEFAULT 0 CHECK (typeof(points_inserted) = 'integer'),
    points_updated   BIGINT NOT NULL DEFAULT 0 CHECK (typeof(points_updated) = 'integer'),
    points_unchanged BIGINT NOT NULL DEFAULT 0 CHECK (typeof(points_unchanged) = 'integer'),
    points_rejected  BIGINT NOT NULL DEFAULT 0 CHECK (typeof(points_rejected) = 'integer'),
    points_odd_codes BIGINT NOT NULL DEFAULT 0 CHECK (typeof(points_odd_codes) = 'integer'),
    started_cst      TIMESTAMP NOT NULL,
    finished_cst     TIMESTAMP,
    -- A JSON list of {domains, from, to, error}.
    failures         TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(failures)),
    message          TEXT
);
-- Finds what a killed run left behind without reading all runs.
CREATE INDEX run_running ON run (outcome) WHERE outcome = 'running';

-- Half-open ranges on the 5-minute grid; those of a domain are ordered and do not overlap.
CREATE TABLE coverage (
    domain_id        BIGINT NOT NULL REFERENCES domain (id),
    start_ts         BIGINT NOT NULL CHECK (typeof(start_ts) = 'integer'),
    end_ts           BIGINT NOT NULL CHECK (typeof(end_ts) = 'integer' AND end_ts > start_ts),
    start_cst        TIMESTAMP NOT NULL,
    end_cst          TIMESTAMP NOT NULL,
    fetched_at       BIGINT NOT NULL CHECK (typeof(fetched_at) = 'integer'),
    -- Seconds; NULL: never fetched, known to be beyond retention.
    reached          BIGINT CHECK (typeof(reached) IN ('integer', 'null')),
    beyond_retention BIGINT NOT NULL CHECK (beyond_retention IN (0, 1)),
    -- Follows from the two above and the configured ages; written again when those change.
    state            TEXT NOT NULL CHECK (state IN ('settled', 'provisional', 'beyond_retention')),
    PRIMARY KEY (domain_id, start_ts)
) WITHOUT ROWID;

CREATE TABLE reject (
    id              BIGINT NOT NULL PRIMARY KEY CHECK (typeof(id) = 'integer'),
    -- Whose next fetch replaces this row: the domain itself, or for a domain that was not asked for, the
    -- first one of the request that brought it.
    asked_domain_id BIGINT NOT NULL REFERENCES domain (id),
    domain          TEXT   NOT NULL,
    ts              BIGINT CHECK (typeof(ts) IN ('integer', 'null')),
    window_start    BIGINT NOT NULL CHECK (typeof(window_start) = 'integer'),
    window_end      BIGINT NOT NULL CHECK (typeof(window_end) = 'integer'),
    reason          TEXT   NOT NULL,
    raw             TEXT   NOT NULL,
    seen_at         BIGINT NOT NULL CHECK (typeof(seen_at) = 'integer'),
    run_id          BIGINT NOT NULL REFERENCES run (id)
);
CREATE INDEX reject_asked ON reject (asked_domain_id, window_end);

-- The highest id given so far, so that no id ever comes to mean another reject.
CREATE TABLE reject_sequence (
    last BIGINT NOT NULL CHECK (typeof(last) = 'integer')
);
INSERT INTO reject_sequence (last) VALUES (0);
