-- Why: the SQL contract. What stands outside is `origin_*`; the tables may change behind it.
--
-- Every column is a plain column of a table: an expression would have no type on SQLite 3.40, and other
-- engines would read it in their own dialect. CROSS JOIN keeps the order as written, so that filters on
-- `domain`, on `ts` and on both reach the key of `point` and `code_count`; with a free order a filter on
-- `ts` alone reads everything.
--
-- Cost: nothing stored.

CREATE VIEW origin_stats AS
SELECT d.name AS domain, p.ts AS ts, t.time_utc AS time_utc, t.time_cst AS time_cst,
       p.bandwidth AS bandwidth, p.pv AS pv
FROM domain d CROSS JOIN point p CROSS JOIN calendar t
WHERE p.domain_id = d.id AND t.ts = p.ts;

CREATE VIEW origin_status_nonzero AS
SELECT d.name AS domain, c.ts AS ts, t.time_utc AS time_utc, t.time_cst AS time_cst,
       k.code AS code, c.count AS count
FROM domain d CROSS JOIN code_count c CROSS JOIN code k CROSS JOIN calendar t
WHERE c.domain_id = d.id AND k.id = c.code_id AND t.ts = c.ts;

-- The counts above zero, and then a zero for every code of the point's set that has no count.
CREATE VIEW origin_status_codes AS
SELECT d.name AS domain, c.ts AS ts, t.time_utc AS time_utc, t.time_cst AS time_cst,
       k.code AS code, c.count AS count
FROM domain d CROSS JOIN code_count c CROSS JOIN code k CROSS JOIN calendar t
WHERE c.domain_id = d.id AND k.id = c.code_id AND t.ts = c.ts
UNION ALL
SELECT d.name, p.ts, t.time_utc, t.time_cst, k.code, z.count
FROM domain d CROSS JOIN point p CROSS JOIN code_set_member m CROSS JOIN code k CROSS JOIN calendar t
     CROSS JOIN zero z
WHERE p.domain_id = d.id AND m.code_set_id = p.code_set_id AND k.id = m.code_id AND t.ts = p.ts
  AND NOT EXISTS (SELECT 1 FROM code_count c
                  WHERE c.domain_id = p.domain_id AND c.ts = p.ts AND c.code_id = m.code_id);

CREATE VIEW origin_coverage AS
SELECT d.name AS domain, c.start_ts AS start_ts, c.end_ts AS end_ts, c.start_cst AS start_cst,
       c.end_cst AS end_cst, c.fetched_at AS fetched_at, c.state AS state
FROM domain d CROSS JOIN coverage c
WHERE c.domain_id = d.id;

CREATE VIEW origin_rejects AS
SELECT id, domain, ts, window_start, window_end, reason, raw, seen_at, run_id
FROM reject;

CREATE VIEW origin_runs AS
SELECT id, command, started_at, finished_at, outcome, requests, retries,
       windows_planned, windows_fetched, windows_failed, windows_skipped,
       points_received, points_inserted, points_updated, points_unchanged, points_rejected, points_odd_codes,
       bytes, from_ts, to_ts, started_cst, finished_cst, failures, message
FROM run;
