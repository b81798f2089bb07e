-- Why: people act on these figures, so the natural query has to be the right one.
-- * `origin_monthly` had rows of domain `*` for the account, and every sum over it was doubled. The account now has relations
--   of its own: `origin_account_hourly`, `origin_account_daily` and `origin_account_monthly`.
-- * Nobody could ask whether a day or a month is final. `complete`, `period_slots` and `empty_slots` say it.
-- * The rollups wrote each domain, time and code twice: in the table and in the index of its key. They are now tables without
--   a rowid, keyed by the number of the domain and the text of the time. The public names are views over them: plain columns,
--   so the declared types stay, and CROSS JOIN, so filters on the domain, on the time and on both reach the key.
--
-- Cost: rollups take about half the bytes. Every day that was asked for is noted as stale; the next run or `migrate` computes
-- its rollups again, about 1 s for each million points.

DROP TABLE origin_hourly;
DROP TABLE origin_daily;
DROP TABLE origin_status_daily;
DROP TABLE origin_monthly;

CREATE TABLE rollup_hour (
    domain_id      BIGINT    NOT NULL CHECK (typeof(domain_id) = 'integer'),
    hour_cst       TIMESTAMP NOT NULL CHECK (typeof(hour_cst) = 'text'),
    points         BIGINT    NOT NULL CHECK (typeof(points) = 'integer' AND points > 0),
    bandwidth_avg  DOUBLE    NOT NULL CHECK (typeof(bandwidth_avg) = 'real'),
    bandwidth_peak BIGINT    NOT NULL CHECK (typeof(bandwidth_peak) = 'integer'),
    traffic_bytes  BIGINT    NOT NULL CHECK (typeof(traffic_bytes) = 'integer'),
    pv             BIGINT    NOT NULL CHECK (typeof(pv) = 'integer'),
    PRIMARY KEY (domain_id, hour_cst)
) WITHOUT ROWID;

-- A day that was asked for and has no point has a row, too: 0 points, and no figures.
CREATE TABLE rollup_day (
    domain_id       BIGINT NOT NULL CHECK (typeof(domain_id) = 'integer'),
    date_cst        DATE   NOT NULL CHECK (typeof(date_cst) = 'text'),
    points          BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    expected_points BIGINT NOT NULL CHECK (typeof(expected_points) = 'integer'),
    bandwidth_avg   DOUBLE CHECK (typeof(bandwidth_avg) = iif(points > 0, 'real', 'null')),
    bandwidth_peak  BIGINT CHECK (typeof(bandwidth_peak) = iif(points > 0, 'integer', 'null')),
    peak_ts         BIGINT CHECK (typeof(peak_ts) = iif(points > 0, 'integer', 'null')),
    traffic_bytes   BIGINT CHECK (typeof(traffic_bytes) = iif(points > 0, 'integer', 'null')),
    pv              BIGINT CHECK (typeof(pv) = iif(points > 0, 'integer', 'null')),
    period_slots    BIGINT NOT NULL CHECK (typeof(period_slots) = 'integer'),
    empty_slots     BIGINT NOT NULL CHECK (typeof(empty_slots) = 'integer'),
    complete        BIGINT NOT NULL CHECK (complete IN (0, 1)),
    PRIMARY KEY (domain_id, date_cst)
) WITHOUT ROWID;

-- Every code that the points of the day reported, zeros too.
CREATE TABLE rollup_code_day (
    domain_id BIGINT NOT NULL CHECK (typeof(domain_id) = 'integer'),
    date_cst  DATE   NOT NULL CHECK (typeof(date_cst) = 'text'),
    code_id   BIGINT NOT NULL CHECK (typeof(code_id) = 'integer'),
    class     TEXT   NOT NULL CHECK (class IN ('1xx', '2xx', '3xx', '4xx', '5xx', 'other')),
    requests  BIGINT NOT NULL CHECK (typeof(requests) = 'integer'),
    PRIMARY KEY (domain_id, date_cst, code_id)
) WITHOUT ROWID;

CREATE TABLE rollup_month (
    domain_id                BIGINT NOT NULL CHECK (typeof(domain_id) = 'integer'),
    month_cst                TEXT   NOT NULL CHECK (typeof(month_cst) = 'text'),
    points                   BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    expected_points          BIGINT NOT NULL CHECK (typeof(expected_points) = 'integer'),
    bandwidth_95             BIGINT NOT NULL CHECK (typeof(bandwidth_95) = 'integer'),
    bandwidth_peak           BIGINT NOT NULL CHECK (typeof(bandwidth_peak) = 'integer'),
    bandwidth_fourth_peak    BIGINT NOT NULL CHECK (typeof(bandwidth_fourth_peak) = 'integer'),
    bandwidth_daily_peak_avg DOUBLE NOT NULL CHECK (typeof(bandwidth_daily_peak_avg) = 'real'),
    traffic_bytes            BIGINT NOT NULL CHECK (typeof(traffic_bytes) = 'integer'),
    pv                       BIGINT NOT NULL CHECK (typeof(pv) = 'integer'),
    period_slots             BIGINT NOT NULL CHECK (typeof(period_slots) = 'integer'),
    empty_slots              BIGINT NOT NULL CHECK (typeof(empty_slots) = 'integer'),
    complete                 BIGINT NOT NULL CHECK (complete IN (0, 1)),
    bandwidth_95_ts          BIGINT CHECK (typeof(bandwidth_95_ts) IN ('integer', 'null')),
    PRIMARY KEY (domain_id, month_cst)
) WITHOUT ROWID;

CREATE VIEW origin_hourly AS
SELECT d.name AS domain, r.hour_cst AS hour_cst, r.points AS points, r.bandwidth_avg AS bandwidth_avg,
       r.bandwidth_peak AS bandwidth_peak, r.traffic_bytes AS traffic_bytes, r.pv AS pv
FROM domain d CROSS JOIN rollup_hour r
WHERE r.domain_id = d.id;

CREATE VIEW origin_daily AS
SELECT d.name AS domain, r.date_cst AS date_cst, r.points AS points, r.expected_points AS expected_points,
       r.bandwidth_avg AS bandwidth_avg, r.bandwidth_peak AS bandwidth_peak, r.peak_ts AS peak_ts,
       r.traffic_bytes AS traffic_bytes, r.pv AS pv, r.period_slots AS period_slots, r.empty_slots AS empty_slots,
       r.complete AS complete
FROM domain d CROSS JOIN rollup_day r
WHERE r.domain_id = d.id;

CREATE VIEW origin_status_daily AS
SELECT d.name AS domain, r.date_cst AS date_cst, k.code AS code, r.class AS class, r.requests AS requests
FROM domain d CROSS JOIN rollup_code_day r CROSS JOIN code k
WHERE r.domain_id = d.id AND k.id = r.code_id;

CREATE VIEW origin_monthly AS
SELECT d.name AS domain, r.month_cst AS month_cst, r.points AS points, r.expected_points AS expected_points,
       r.bandwidth_95 AS bandwidth_95, r.bandwidth_peak AS bandwidth_peak,
       r.bandwidth_fourth_peak AS bandwidth_fourth_peak, r.bandwidth_daily_peak_avg AS bandwidth_daily_peak_avg,
       r.traffic_bytes AS traffic_bytes, r.pv AS pv, r.period_slots AS period_slots, r.empty_slots AS empty_slots,
       r.complete AS complete, r.bandwidth_95_ts AS bandwidth_95_ts
FROM domain d CROSS JOIN rollup_month r
WHERE r.domain_id = d.id;

-- The account: the points of its domains are summed for each slot first. Small tables with a rowid: DuckDB cannot count the
-- rows of a table without one.
CREATE TABLE origin_account_hourly (
    hour_cst        TIMESTAMP NOT NULL PRIMARY KEY CHECK (typeof(hour_cst) = 'text'),
    domains         BIGINT    NOT NULL CHECK (typeof(domains) = 'integer'),
    points          BIGINT    NOT NULL CHECK (typeof(points) = 'integer' AND points > 0),
    expected_points BIGINT    NOT NULL CHECK (typeof(expected_points) = 'integer'),
    bandwidth_avg   DOUBLE    NOT NULL CHECK (typeof(bandwidth_avg) = 'real'),
    bandwidth_peak  BIGINT    NOT NULL CHECK (typeof(bandwidth_peak) = 'integer'),
    traffic_bytes   BIGINT    NOT NULL CHECK (typeof(traffic_bytes) = 'integer'),
    pv              BIGINT    NOT NULL CHECK (typeof(pv) = 'integer')
);

CREATE TABLE origin_account_daily (
    date_cst        DATE   NOT NULL PRIMARY KEY CHECK (typeof(date_cst) = 'text'),
    domains         BIGINT NOT NULL CHECK (typeof(domains) = 'integer'),
    points          BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    expected_points BIGINT NOT NULL CHECK (typeof(expected_points) = 'integer'),
    bandwidth_avg   DOUBLE CHECK (typeof(bandwidth_avg) = iif(points > 0, 'real', 'null')),
    bandwidth_peak  BIGINT CHECK (typeof(bandwidth_peak) = iif(points > 0, 'integer', 'null')),
    peak_ts         BIGINT CHECK (typeof(peak_ts) = iif(points > 0, 'integer', 'null')),
    traffic_bytes   BIGINT CHECK (typeof(traffic_bytes) = iif(points > 0, 'integer', 'null')),
    pv              BIGINT CHECK (typeof(pv) = iif(points > 0, 'integer', 'null')),
    period_slots    BIGINT NOT NULL CHECK (typeof(period_slots) = 'integer'),
    empty_slots     BIGINT NOT NULL CHECK (typeof(empty_slots) = 'integer'),
    complete        BIGINT NOT NULL CHECK (complete IN (0, 1))
);

CREATE TABLE origin_account_monthly (
    month_cst                TEXT   NOT NULL PRIMARY KEY CHECK (typeof(month_cst) = 'text'),
    domains                  BIGINT NOT NULL CHECK (typeof(domains) = 'integer'),
    points                   BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    expected_points          BIGINT NOT NULL CHECK (typeof(expected_points) = 'integer'),
    bandwidth_95             BIGINT NOT NULL CHECK (typeof(bandwidth_95) = 'integer'),
    bandwidth_peak           BIGINT NOT NULL CHECK (typeof(bandwidth_peak) = 'integer'),
    bandwidth_fourth_peak    BIGINT NOT NULL CHECK (typeof(bandwidth_fourth_peak) = 'integer'),
    bandwidth_daily_peak_avg DOUBLE NOT NULL CHECK (typeof(bandwidth_daily_peak_avg) = 'real'),
    traffic_bytes            BIGINT NOT NULL CHECK (typeof(traffic_bytes) = 'integer'),
    pv                       BIGINT NOT NULL CHECK (typeof(pv) = 'integer'),
    period_slots             BIGINT NOT NULL CHECK (typeof(period_slots) = 'integer'),
    empty_slots              BIGINT NOT NULL CHECK (typeof(empty_slots) = 'integer'),
    complete                 BIGINT NOT NULL CHECK (complete IN (0, 1)),
    bandwidth_95_ts          BIGINT CHECK (typeof(bandwidth_95_ts) IN ('integer', 'null'))
);

-- Points exist only where coverage does. If a label names the end of its slot, the first one of a day may belong to the day
-- before.
INSERT OR IGNORE INTO rollup_due (domain_id, day_ts)
WITH RECURSIVE
    asked (domain_id, start_ts, end_ts) AS (
        SELECT c.domain_id, c.start_ts - iif(l.value = 'end', 300, 0), c.end_ts - iif(l.value = 'end', 300, 0)
        FROM coverage c CROSS JOIN slot_label l
    ),
    day (domain_id, day_ts, end_ts) AS (
        SELECT domain_id, start_ts - (start_ts + 28800) % 86400, end_ts FROM asked
        UNION ALL
        SELECT domain_id, day_ts + 86400, end_ts FROM day WHERE day_ts + 86400 < end_ts
    )
SELECT domain_id, day_ts FROM day;

UPDATE origin_dictionary SET meaning =
 'The billing figures of each month (UTC+8): one row for each domain and month for which something was fetched. The account ' ||
 'is in origin_account_monthly. complete says whether the figures are final.'
WHERE relation = 'origin_monthly' AND "column" = '';
UPDATE origin_dictionary SET meaning = 'Domain in lower case.'
WHERE relation IN ('origin_monthly', 'origin_daily', 'origin_hourly', 'origin_status_daily') AND "column" = 'domain';
UPDATE origin_dictionary SET meaning = 'Stored points.'
WHERE relation = 'origin_monthly' AND "column" = 'points';
UPDATE origin_dictionary SET meaning =
 'Slots of the month that were asked for, also those that the API no longer served. Slots in the future and slots that ' ||
 'were never asked for do not count. If it is more than points, the month has gaps, and they count as 0 in its figures.'
WHERE relation = 'origin_monthly' AND "column" = 'expected_points';

INSERT INTO origin_dictionary (relation, "column", type, unit, meaning) VALUES
('origin_monthly', 'period_slots', 'BIGINT', 'slots', 'Slots of the whole month: 8640 in 30 days.'),
('origin_monthly', 'empty_slots', 'BIGINT', 'slots',
 'Slots without a point for which two answers to different requests agree that there is none.'),
('origin_monthly', 'complete', 'BIGINT', '',
 '1: the figures are final. The month is over, every slot was asked for and has reached the last of refresh.ages, and every ' ||
 'slot without a point is one of empty_slots. 0: they may still change, or something is missing.'),
('origin_monthly', 'bandwidth_95_ts', 'BIGINT', 'Unix s',
 'ts of the point that is the 95 peak. If several are equal, of the first one. NULL if a slot without a point is the 95 peak.'),
('origin_daily', 'period_slots', 'BIGINT', 'slots', 'Slots of the whole day: 288.'),
('origin_daily', 'empty_slots', 'BIGINT', 'slots',
 'Slots without a point for which two answers to different requests agree that there is none.'),
('origin_daily', 'complete', 'BIGINT', '',
 '1: the figures are final. The day is over, every slot was asked for and has reached the last of refresh.ages, and every ' ||
 'slot without a point is one of empty_slots. 0: they may still change, or something is missing.'),

('origin_account_monthly', '', '', '',
 'The billing figures of the whole account for each month (UTC+8). The points of the domains are summed for each slot first, ' ||
 'so the peaks are not the sums of the peaks of the domains.'),
('origin_account_monthly', 'month_cst', 'TEXT', 'UTC+8 text',
 'Month, YYYY-MM. If slot_label in origin_settings is end, a point of 00:00 on the 1st belongs to the month before.'),
('origin_account_monthly', 'domains', 'BIGINT', 'domains', 'Domains for which something was fetched.'),
('origin_account_monthly', 'points', 'BIGINT', 'points', 'Stored points of all domains.'),
('origin_account_monthly', 'expected_points', 'BIGINT', 'slots',
 'Slots that were asked for, of all domains: the sum of expected_points in origin_monthly.'),
('origin_account_monthly', 'bandwidth_95', 'BIGINT', 'bit/s',
 'The 95 peak of the sums. The slots that were asked for of any domain are sorted from high to low, missing ones count as 0, ' ||
 'and the highest 5 % (rounded down) are dropped. This is the highest one left.'),
('origin_account_monthly', 'bandwidth_peak', 'BIGINT', 'bit/s', 'Highest sum of a slot. 0 for a month without points.'),
('origin_account_monthly', 'bandwidth_fourth_peak', 'BIGINT', 'bit/s',
 'Fourth highest sum of a slot. 0 with fewer than four slots with points.'),
('origin_account_monthly', 'bandwidth_daily_peak_avg', 'DOUBLE', 'bit/s',
 'Mean of the daily peaks of the sums, over all days (UTC+8) that were asked for. A day without points counts as 0.'),
('origin_account_monthly', 'traffic_bytes', 'BIGINT', 'bytes',
 'Sum of bandwidth x 300 s / 8 over the points, rounded down. Missing slots add nothing.'),
('origin_account_monthly', 'pv', 'BIGINT', 'requests', 'Back-to-origin requests. Missing slots add nothing.'),
('origin_account_monthly', 'period_slots', 'BIGINT', 'slots', 'Slots of the whole month times domains.'),
('origin_account_monthly', 'empty_slots', 'BIGINT', 'slots',
 'Slots of all domains without a point for which two answers to different requests agree that there is none.'),
('origin_account_monthly', 'complete', 'BIGINT', '',
 '1: the figures are final, because those of every domain are. The empty past of a new domain does not matter. 0: they may ' ||
 'still change, or something is missing.'),
('origin_account_monthly', 'bandwidth_95_ts', 'BIGINT', 'Unix s',
 'Time of the slot that is the 95 peak, as in origin_stats.ts. If several are equal, of the first one. NULL if a slot without ' ||
 'points is the 95 peak.'),

('origin_account_daily', '', '', '',
 'The whole account for each day (UTC+8) for which something was fetched. The points of the domains are summed for each slot ' ||
 'first, so the peaks are not the sums of the peaks of the domains.'),
('origin_account_daily', 'date_cst', 'DATE', 'UTC+8 text',
 'Day, YYYY-MM-DD. Compare it with full dates: SQLite reads ''2026'' as a number, and then every date is greater. If ' ||
 'slot_label in origin_settings is end, a point of 00:00 belongs to the day before.'),
('origin_account_daily', 'domains', 'BIGINT', 'domains', 'Domains for which something was fetched.'),
('origin_account_daily', 'points', 'BIGINT', 'points', 'Stored points of all domains.'),
('origin_account_daily', 'expected_points', 'BIGINT', 'slots',
 'Slots that were asked for, of all domains: the sum of expected_points in origin_daily.'),
('origin_account_daily', 'bandwidth_avg', 'DOUBLE', 'bit/s',
 'Mean of the sums of the slots that have a point of any domain. NULL without points.'),
('origin_account_daily', 'bandwidth_peak', 'BIGINT', 'bit/s', 'Highest sum of a slot. NULL without points.'),
('origin_account_daily', 'peak_ts', 'BIGINT', 'Unix s',
 'Time of the slot with the highest sum, as in origin_stats.ts. If several are equal, of the first one. NULL without points.'),
('origin_account_daily', 'traffic_bytes', 'BIGINT', 'bytes',
 'Sum of bandwidth x 300 s / 8 over the points, rounded down. Missing slots add nothing. NULL without points.'),
('origin_account_daily', 'pv', 'BIGINT', 'requests',
 'Back-to-origin requests. Missing slots add nothing. NULL without points.'),
('origin_account_daily', 'period_slots', 'BIGINT', 'slots', 'Slots of the whole day times domains.'),
('origin_account_daily', 'empty_slots', 'BIGINT', 'slots',
 'Slots of all domains without a point for which two answers to different requests agree that there is none.'),
('origin_account_daily', 'complete', 'BIGINT', '',
 '1: the figures are final, because those of every domain are. The empty past of a new domain does not matter. 0: they may ' ||
 'still change, or something is missing.'),

('origin_account_hourly', '', '', '',
 'The whole account for each hour (UTC+8) with at least one point. The points of the domains are summed for each slot first.'),
('origin_account_hourly', 'hour_cst', 'TIMESTAMP', 'UTC+8 text',
 'Start of the hour, YYYY-MM-DD HH:00:00. Compare it with full dates or times: SQLite reads ''2026'' as a number. If ' ||
 'slot_label in origin_settings is end, a point of 08:00 belongs to 07:00:00.'),
('origin_account_hourly', 'domains', 'BIGINT', 'domains', 'Domains for which something was fetched.'),
('origin_account_hourly', 'points', 'BIGINT', 'points', 'Stored points of all domains.'),
('origin_account_hourly', 'expected_points', 'BIGINT', 'slots',
 'Slots that were asked for, of these domains. 12 for each domain in an hour that is over.'),
('origin_account_hourly', 'bandwidth_avg', 'DOUBLE', 'bit/s',
 'Mean of the sums of the slots that have a point of any domain.'),
('origin_account_hourly', 'bandwidth_peak', 'BIGINT', 'bit/s', 'Highest sum of a slot.'),
('origin_account_hourly', 'traffic_bytes', 'BIGINT', 'bytes',
 'Sum of bandwidth x 300 s / 8 over the points, rounded down. Missing slots add nothing.'),
('origin_account_hourly', 'pv', 'BIGINT', 'requests', 'Back-to-origin requests. Missing slots add nothing.');

-- People meet the account first, and the dictionary speaks of itself last.
UPDATE origin_dictionary SET rowid = rowid - 10000 WHERE relation LIKE 'origin_account_%';
UPDATE origin_dictionary SET rowid = rowid + 1000 WHERE relation = 'origin_dictionary';
